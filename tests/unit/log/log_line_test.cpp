#include "prong/log/detail/log_line.hpp"

#include <gtest/gtest.h>

namespace prong::log::detail {
namespace {

using namespace std::chrono_literals;

TEST(LogLine, has_time_in_utc_pid_level_logger_and_text) {
  const std::chrono::system_clock::time_point noon = std::chrono::sys_days{2026y / 3 / 1} + 12h + 5ms;

  EXPECT_EQ(to_line({.time = noon, .level = LogLevel::warning, .pid = 42, .logger = "Detector.left", .text = "late"}),
            "2026-03-01T12:00:00.005Z 42 warning Detector.left: late\n");
  EXPECT_EQ(to_line({.time = noon, .level = LogLevel::info, .pid = 42, .logger = "A", .text = ""}),
            "2026-03-01T12:00:00.005Z 42 info    A: \n");
}

TEST(LogLine, of_several_lines_shows_which_one_begins_the_record) {
  const std::string line = to_line({.time = {}, .level = LogLevel::error, .pid = 1, .logger = "A", .text = "x\ny\nz"});

  EXPECT_EQ(line, "1970-01-01T00:00:00.000Z 1 error   A: x\n    y\n    z\n");
}

TEST(LogLine, of_the_farthest_times_is_a_line) {
  for (const auto time : {std::chrono::system_clock::time_point::min(), std::chrono::system_clock::time_point::max()})
    EXPECT_TRUE(
        to_line({.time = time, .level = LogLevel::debug, .pid = 1, .logger = "A", .text = "x"}).ends_with(": x\n"));
}

}  // namespace
}  // namespace prong::log::detail

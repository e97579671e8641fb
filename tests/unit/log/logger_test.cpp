#include "prong/log/logger.hpp"

#include "log_capture.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cerrno>
#include <map>
#include <stdexcept>
#include <thread>
#include <vector>

namespace prong {
namespace {
struct Unspeakable {};
struct Sayable {
  int number;
};
}  // namespace
}  // namespace prong

template <>
struct fmt::formatter<prong::Unspeakable> {
  constexpr auto parse(fmt::format_parse_context& context) { return context.begin(); }
  auto format(const prong::Unspeakable&, fmt::format_context& context) -> decltype(context.out()) {
    throw std::runtime_error{"no words"};
  }
};

template <>
struct fmt::formatter<prong::Sayable> : fmt::formatter<int> {
  auto format(const prong::Sayable& sayable, fmt::format_context& context) const {
    return fmt::formatter<int>{}.format(sayable.number, context);
  }
};

namespace prong {
namespace {

using tests::LogCapture;

TEST(Logger, sends_time_level_pid_name_and_text_to_every_sink) {
  LogCapture capture;
  const Logger logger{"Detector.left"};
  const auto before = std::chrono::system_clock::now();

  logger.warning("{} of {}: {}", 3, "four", Sayable{5});

  const auto records = capture.take();
  ASSERT_EQ(records.size(), 1U);
  EXPECT_EQ(records[0].text, "3 of four: 5");
  EXPECT_EQ(records[0].logger, "Detector.left");
  EXPECT_EQ(records[0].level, spdlog::level::warn);
  EXPECT_EQ(records[0].pid, static_cast<std::size_t>(::getpid()));
  EXPECT_GE(records[0].time, before);
  EXPECT_LE(records[0].time, std::chrono::system_clock::now());
}

TEST(Logger, lets_through_its_level_and_above) {
  LogCapture capture;
  Logger logger{"A"};
  const auto log_all = [&] {
    logger.debug("debug");
    logger.info("info");
    logger.warning("warning");
    logger.error("error");
    return capture.take().size();
  };

  const std::map<LogLevel, std::size_t> expected{
      {LogLevel::debug, 4}, {LogLevel::info, 3}, {LogLevel::warning, 2}, {LogLevel::error, 1}, {LogLevel::off, 0}};
  for (const auto& [level, count] : expected) {
    logger.set_level(level);
    EXPECT_EQ(log_all(), count) << name_of(level);
    EXPECT_EQ(logger.level(), level);
  }
}

TEST(Logger, formats_nothing_that_is_not_let_through) {
  LogCapture capture;
  Logger logger{"A"};
  logger.set_level(LogLevel::error);

  logger.info("{}", Unspeakable{});

  EXPECT_TRUE(capture.take().empty());
}

TEST(Logger, format_logger_sets_the_level_of_all_loggers_present_and_future) {
  const Logger present{"present"};
  EXPECT_EQ(present.level(), LogLevel::info);

  Logger::format_logger(LogLevel::debug);
  const Logger future{"future"};
  EXPECT_EQ(present.level(), LogLevel::debug);
  EXPECT_EQ(future.level(), LogLevel::debug);

  Logger::format_logger();
  EXPECT_EQ(present.level(), LogLevel::info);
}

TEST(Logger, says_so_when_a_record_cannot_be_formatted) {
  LogCapture capture;
  const Logger logger{"A"};

  logger.error("found {}", Unspeakable{});

  EXPECT_EQ(capture.take().at(0).text, "(this record could not be formatted: no words) found {}");
}

TEST(Logger, leaves_errno_and_standard_output_alone) {
  ::testing::internal::CaptureStdout();
  ::testing::internal::CaptureStderr();
  const Logger logger{"A"};
  errno = EDOM;

  logger.error("x");

  EXPECT_EQ(errno, EDOM);
  EXPECT_EQ(::testing::internal::GetCapturedStdout(), "");
  EXPECT_TRUE(::testing::internal::GetCapturedStderr().ends_with(fmt::format("Z {} error   A: x\n", ::getpid())));
}

TEST(Logger, survives_a_sink_that_throws_and_still_tells_the_others) {
  class ThrowingSink : public tests::KeepingSink {
    void sink_it_(const spdlog::details::log_msg&) override { throw std::runtime_error{"disk full"}; }
  };
  const auto throwing = std::make_shared<ThrowingSink>();
  add_sink(throwing);
  {
    LogCapture capture;
    const Logger logger{"A"};

    logger.error("x");

    EXPECT_EQ(capture.take().size(), 1U);
  }
  remove_sink(throwing);
}

TEST(Logger, from_eight_threads_loses_and_mixes_nothing) {
  constexpr int threads = 8;
  constexpr int each = 500;
  LogCapture capture;
  const Logger shared{"shared"};
  std::vector<std::jthread> workers;

  for (int i = 0; i < threads; ++i)
    workers.emplace_back([&shared, i] {
      const Logger own{fmt::format("own.{}", i)};
      for (int n = 0; n < each; ++n) {
        own.info("{}", n);
        shared.info("{}", i);
      }
    });
  workers.clear();

  std::map<std::string, int> next;
  for (const auto& record : capture.take()) {
    if (record.logger == "shared")
      ++next["shared"];
    else
      ASSERT_EQ(record.text, std::to_string(next[record.logger]++)) << record.logger;
  }
  EXPECT_EQ(next.size(), threads + 1U);
  EXPECT_EQ(next["shared"], threads * each);
}

}  // namespace
}  // namespace prong

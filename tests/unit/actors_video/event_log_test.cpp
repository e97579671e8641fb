#include "prong/actors/video/event_log.hpp"

#include "prong/os/child_process.hpp"
#include "video_test.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <csignal>

namespace prong::video {
namespace {

using EventLog_ = tests::VideoTest;
using namespace std::chrono_literals;

const TrackEvent entering{TrackEvent::Kind::enter, 25, 2'500ms, 1, {648, 250, 82, 116}};
const TrackEvent leaving{TrackEvent::Kind::leave, 310, 31'040ms, 1, {-2, 0, 1, 1}};

TEST_F(EventLog_, writes_one_object_per_line_under_its_name_at_the_end) {
  auto log = EventLog::create(path("events.jsonl")).value();
  ASSERT_TRUE(log.write(entering));
  ASSERT_TRUE(log.write(leaving));
  EXPECT_FALSE(std::filesystem::exists(path("events.jsonl")));
  ASSERT_TRUE(log.finish());

  const std::string text = read_file(path("events.jsonl"));

  EXPECT_EQ(text, std::string{R"({"ev":"enter","frame":25,"t":2.50,"track":1,"box":[648,250,82,116]})"} + "\n" +
                      R"({"ev":"leave","frame":310,"t":31.04,"track":1,"box":[-2,0,1,1]})" + "\n");
  EXPECT_EQ(nlohmann::json::parse(to_json(leaving))["box"][0], -2);
  EXPECT_EQ(log.size(), 2U);
  EXPECT_FALSE(std::filesystem::exists(path("events.jsonl.part")));
}

TEST_F(EventLog_, says_what_somebody_was_recognised_as) {
  const TrackEvent recognised{TrackEvent::Kind::person, 30, 3'000ms, 1, {650, 250, 40, 110}};

  EXPECT_EQ(to_json(recognised), R"({"ev":"person","frame":30,"t":3.00,"track":1,"box":[650,250,40,110]})");
}

TEST_F(EventLog_, of_a_process_that_was_killed_has_every_line) {
  auto child = os::ChildProcess::fork([this] {
                 auto log = EventLog::create(path("events.jsonl")).value();
                 for (int line = 0; line < 100; ++line) log.write(entering).value();
                 return ::raise(SIGKILL);
               }).value();
  ASSERT_EQ(child.wait(Deadline::after(20s)).value().signal, SIGKILL);

  const std::string text = read_file(path("events.jsonl.part"));

  EXPECT_EQ(std::ranges::count(text, '\n'), 100);
  EXPECT_EQ(text.size(), 100 * (to_json(entering).size() + 1));
}

TEST_F(EventLog_, that_cannot_be_written_is_an_error) {
  const Error error = EventLog::create(path("none/events.jsonl")).error();

  EXPECT_EQ(error.system_error(), ENOENT);
  EXPECT_NE(error.message().find("none/events.jsonl"), std::string::npos);
}

}  // namespace
}  // namespace prong::video

// 07_video before cameras: those that are called and those that call, which hang up, stall or never answer.
#include "video_program.hpp"

#include "prong/os/signals.hpp"
#include "remux.hpp"
#include "rtsp_camera.hpp"

#include <signal.h>
#include <unistd.h>

namespace prong::tests {
namespace {

using namespace std::chrono_literals;
using After = RtspCameraOptions::After;

/// A camera that calls `url`, where somebody will wait for it, sends the whole of `file` and hangs up.
os::ChildProcess calling_camera(const std::string& file, const std::string& url) {
  const int parent = ::getpid();
  return os::ChildProcess::fork([=]() -> int {
           os::die_with_parent(parent);
           while (!remux(file, url, "rtsp")) ::usleep(20'000);
           return 0;
         })
      .value();
}

class LiveVideoProgram : public VideoProgram {
 protected:
  /// Expects that the program gave up with `sentence` behind the source's name, and that everything it got until then
  /// is in whole files. Returns its figures.
  nlohmann::json expect_kept(RunningProgram& program, const std::string& url, const std::string& sentence) {
    EXPECT_EQ(program.exit_code(), 1);
    EXPECT_EQ(program.errors(), "07_video: source: '" + url + "' " + sentence + "\n");
    auto result = nlohmann::json::parse(program.output());
    EXPECT_EQ(result.at("problem"), "source: '" + url + "' " + sentence);
    EXPECT_EQ(result.at("frames_in").get<int>(),
              result.at("frames_out").get<int>() + result.at("frames_lost").get<int>())
        << "what is lost is counted";
    EXPECT_EQ(result.at("files").size(), 3U);
    expect_whole_outputs(result.at("frames_out"));
    return result;
  }
};

TEST_F(LiveVideoProgram, keeps_everything_until_the_camera_hangs_up) {
  const RtspCamera camera{{.file = clip(), .frames = 90, .after = After::hang_up}};

  RunningProgram program = run({"--input", camera.url(), "--stall", "20", "--json"});

  const auto result = expect_kept(program, camera.url(), "ended the stream after 90 frames");
  EXPECT_EQ(result.at("frames_in"), 90);
  EXPECT_GE(result.at("events"), 2) << "somebody was seen";
}

TEST_F(LiveVideoProgram, gives_a_camera_up_that_stalls_and_keeps_what_it_sent) {
  const RtspCamera camera{{.file = clip(), .frames = 80, .after = After::stop_itself}};
  const auto start = std::chrono::steady_clock::now();

  RunningProgram program = run({"--input", camera.url(), "--stall", "1.5", "--json"});

  const auto result = expect_kept(program, camera.url(), "sent nothing more for 1.5 s");
  EXPECT_TRUE(camera.wait_stopped());
  EXPECT_GE(std::chrono::steady_clock::now() - start, 1'500ms);
  EXPECT_GE(result.at("frames_in"), 78) << "one or two may be waited for by the codec";
}

TEST_F(LiveVideoProgram, interrupted_before_a_silent_camera_ends_at_once_with_whole_files) {
  const RtspCamera camera{{.file = clip(), .frames = 80, .after = After::stop_itself}};
  RunningProgram program = run({"--input", camera.url(), "--stall", "3600", "--json"});
  wait_for_first_event();
  ASSERT_TRUE(camera.wait_stopped());

  ASSERT_TRUE(program.process().signal(SIGINT));

  EXPECT_EQ(program.exit_code(), 130);
  EXPECT_EQ(program.errors(), "07_video: interrupted, finishing what was begun\n");
  const auto result = nlohmann::json::parse(program.output());
  EXPECT_EQ(result.at("frames_in").get<int>(),
            result.at("frames_out").get<int>() + result.at("frames_lost").get<int>());
  expect_whole_outputs(result.at("frames_out"));
}

TEST_F(LiveVideoProgram, interrupted_in_the_middle_of_a_stream_ends_with_whole_files) {
  const RtspCamera camera{{.file = clip(), .frames = 0}};  // films for ever
  RunningProgram program = run({"--input", camera.url(), "--json"});
  wait_for_first_event();

  ASSERT_TRUE(program.process().signal(SIGINT));

  EXPECT_EQ(program.exit_code(), 130);
  const auto result = nlohmann::json::parse(program.output());
  EXPECT_EQ(result.at("frames_in").get<int>(),
            result.at("frames_out").get<int>() + result.at("frames_lost").get<int>());
  EXPECT_EQ(result.at("problem"), "");
  expect_whole_outputs(result.at("frames_out"));
}

TEST_F(LiveVideoProgram, waits_for_a_camera_that_calls_and_keeps_what_it_sends) {
  const std::string file = clip();
  const std::string url = unused_rtsp_url();
  os::ChildProcess camera = calling_camera(file, url);

  RunningProgram program = run({"--input", url, "--listen", "--stall", "20", "--json"});

  const std::string frames = std::to_string(film().size());
  const auto result = expect_kept(program, url, "ended the stream after " + frames + " frames");
  EXPECT_EQ(result.at("frames_in"), film().size());
  EXPECT_EQ(camera.wait(Deadline::after(20s)).value().code, 0);
}

TEST_F(LiveVideoProgram, says_when_nobody_calls) {
  const std::string url = unused_rtsp_url();

  RunningProgram program = run({"--input", url, "--listen", "--stall", "0.5"});

  EXPECT_EQ(program.exit_code(), 1);
  EXPECT_EQ(program.errors(),
            "07_video: '" + url + "' sent nothing more before the deadline, 0.5 s from its opening\n");
  EXPECT_FALSE(std::filesystem::exists(out()));
}

TEST_F(LiveVideoProgram, interrupted_while_it_waits_for_a_call_ends_at_once) {
  const std::string url = unused_rtsp_url();
  RunningProgram program = run({"--input", url, "--listen", "--stall", "3600"});
  while (program.child("sink") == 0) ::usleep(1'000);  // signals are heeded from before its first process on

  ASSERT_TRUE(program.process().signal(SIGINT));

  EXPECT_EQ(program.exit_code(), 130);
  EXPECT_EQ(program.errors(), "07_video: interrupted before the first frame; nothing was written\n");
}

TEST_F(LiveVideoProgram, says_when_nobody_is_there) {
  const std::string url = unused_rtsp_url();

  RunningProgram program = run({"--input", url});

  EXPECT_EQ(program.exit_code(), 1);
  EXPECT_NE(program.errors().find("07_video: '" + url + "'"), std::string::npos) << program.errors();
  EXPECT_NE(program.errors().find("Connection refused"), std::string::npos) << program.errors();
}

}  // namespace
}  // namespace prong::tests

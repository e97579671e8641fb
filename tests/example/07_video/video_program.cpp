#include "video_program.hpp"

#include "prong/actors/video/decoder.hpp"
#include "prong/os/poll.hpp"
#include "prong/os/unique_fd.hpp"

#include <sys/inotify.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <algorithm>
#include <set>
#include <sstream>

namespace prong::tests {

using namespace std::chrono_literals;

void VideoProgram::SetUp() {
  ::prctl(PR_SET_CHILD_SUBREAPER, 1);
  VideoTest::SetUp();
}

std::string VideoProgram::clip(video::VideoCodec codec, int noise) const {
  video::SyntheticOptions options = walkers;
  options.noise = noise;
  auto walking = video::SyntheticWalkers::create(options).value();
  auto writer =
      video::Mp4Writer::create(path("clip.mp4"),
                               {.width = walkers.width, .height = walkers.height, .rate = walkers.rate, .codec = codec})
          .value();
  video::Image frame = video::Image::create(video::PixelFormat::yuv420p, walkers.width, walkers.height).value();
  while (const auto info = walking.next_into(frame.bytes()).value())
    EXPECT_TRUE(writer.write(frame.view(), info->time));
  EXPECT_TRUE(writer.finish());
  return path("clip.mp4");
}

RunningProgram VideoProgram::run(std::vector<std::string> arguments) const {
  arguments.insert(arguments.begin(), PRONG_VIDEO_PROGRAM);
  const auto given = std::ranges::find(arguments, "--output");
  if (given == arguments.end()) arguments.insert(arguments.end(), {"--output", out()});
  return RunningProgram{std::move(arguments), path("")};
}

void VideoProgram::wait_for_first_event() const {
  std::filesystem::create_directories(out());
  const os::UniqueFd changes{::inotify_init1(IN_CLOEXEC)};
  ASSERT_GE(::inotify_add_watch(changes.get(), out().c_str(), IN_MODIFY | IN_CREATE), 0);
  while (read_file(out() + "/events.jsonl.part").find('\n') == std::string::npos) {
    ASSERT_TRUE(os::wait_readable(changes.get(), Deadline::never()));
    char skipped[4'096];
    ASSERT_GT(::read(changes.get(), skipped, sizeof skipped), 0);
  }
}

std::vector<nlohmann::json> VideoProgram::events() const {
  std::vector<nlohmann::json> result;
  std::istringstream lines{read_file(out() + "/events.jsonl")};
  for (std::string line; std::getline(lines, line);) result.push_back(nlohmann::json::parse(line));
  return result;
}

void VideoProgram::expect_whole_outputs(std::uint64_t frames) const {
  std::set<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator{out()}) names.insert(entry.path().filename());
  EXPECT_EQ(names, (std::set<std::string>{"annotated.mp4", "contact-sheet.png", "events.jsonl"}));

  auto movie = video::Decoder::open(out() + "/annotated.mp4", {}, Deadline::after(20s)).value();
  while (movie.next(Deadline::after(20s)).value()) continue;
  EXPECT_EQ(movie.counts().frames, frames);
  EXPECT_TRUE(movie.check_whole()) << movie.check_whole().error().message();
  EXPECT_EQ(movie.info().layout.width, walkers.width);
  EXPECT_EQ(movie.info().layout.height, walkers.height);

  // Four by three pictures, 320 pixels wide, 4 pixels apart.
  auto sheet = video::Decoder::open(out() + "/contact-sheet.png", {}, Deadline::after(20s)).value();
  EXPECT_TRUE(sheet.next(Deadline::after(20s)).value());
  EXPECT_EQ(sheet.info().layout.width, 4 * 324 + 4);
  EXPECT_EQ(sheet.info().layout.height, 3 * (320 * walkers.height / walkers.width / 2 * 2 + 4) + 4);

  // Whoever came has left, at the latest with the last frame.
  std::set<int> there;
  for (const nlohmann::json& event : events()) {
    if (event.at("ev") == "poison_frame") continue;
    if (event.at("ev") == "enter")
      EXPECT_TRUE(there.insert(event.at("track").get<int>()).second) << event;
    else
      EXPECT_EQ(there.erase(event.at("track").get<int>()), 1U) << event;
  }
  EXPECT_TRUE(there.empty());
}

}  // namespace prong::tests

// The fixture of the tests that run the example 07_video: a clip whose truth is known, and the program.
#pragma once

#include "prong/actors/video/mp4_writer.hpp"
#include "prong/actors/video/synthetic_walkers.hpp"
#include "running_program.hpp"
#include "video_test.hpp"

#include <nlohmann/json.hpp>

#include <string>
#include <vector>

namespace prong::tests {

class VideoProgram : public VideoTest {
 protected:
  /// Two walkers, one after the other in part: 98 frames at ten per second.
  static constexpr video::SyntheticOptions walkers{.width = 192,
                                                   .height = 128,
                                                   .rate = {10, 1},
                                                   .seed = 3,
                                                   .walkers = 2,
                                                   .lanes = 2,
                                                   .quiet_frames = 22,
                                                   .noise = 3};

  /// Sees to it that whoever the program leaves behind is left to this process, where the census finds it.
  void SetUp() override;

  [[nodiscard]] static video::SyntheticWalkers film() { return video::SyntheticWalkers::create(walkers).value(); }
  /// Writes the walkers to a file and returns its path. More noise makes a larger file.
  [[nodiscard]] std::string clip(video::VideoCodec codec = video::VideoCodec::best, int noise = walkers.noise) const;
  /// Runs the program; `--output` is out() unless given.
  [[nodiscard]] RunningProgram run(std::vector<std::string> arguments) const;
  [[nodiscard]] std::string out() const { return path("out"); }

  /// Waits until the program has written its first event: it is in the middle of its work.
  void wait_for_first_event() const;
  /// Reads events.jsonl.
  [[nodiscard]] std::vector<nlohmann::json> events() const;
  /// Expects that the three outputs are whole and that the video has `frames` frames; nothing else is there.
  void expect_whole_outputs(std::uint64_t frames) const;
};

}  // namespace prong::tests

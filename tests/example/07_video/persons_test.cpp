// 07_video --persons, where it was built with the person detector.
#include "drawn_person.hpp"
#include "video_program.hpp"

#include <signal.h>

#include <algorithm>
#include <map>

namespace prong::tests {
namespace {

using namespace std::chrono_literals;

constexpr int film_frames = 90;

class PersonsVideoProgram : public VideoProgram {
 protected:
  /// Films somebody and a van that cross the street, one after the other.
  [[nodiscard]] std::string street() const {
    auto writer = video::Mp4Writer::create(path("street.mp4"), {.width = 384, .height = 288, .rate = {10, 1}}).value();
    for (int frame = 0; frame < film_frames; ++frame) {
      video::Image picture = empty_street();
      draw_person(picture.view(), {-80 + 8 * (frame - 25), 60, 60, 100}, 30);
      for (int y = 200; y < 250; ++y) {
        const int left = std::clamp(-120 + 10 * (frame - 30), 0, 384);
        const int right = std::clamp(10 * (frame - 30), 0, 384);
        for (int x = left; x < right; ++x) picture.view().row(0, y)[static_cast<std::size_t>(x)] = std::byte{220};
      }
      EXPECT_TRUE(writer.write(picture.view(), frame * 100ms));
    }
    EXPECT_TRUE(writer.finish());
    return path("street.mp4");
  }
};

TEST_F(PersonsVideoProgram, tells_the_person_from_the_van) {
  RunningProgram program = run({"--input", street(), "--persons", "--json"});

  ASSERT_EQ(program.exit_code(), 0) << program.errors();
  const auto result = nlohmann::json::parse(program.output());
  EXPECT_EQ(result.at("frames_in"), film_frames);
  EXPECT_EQ(result.at("frames_out"), film_frames);
  ASSERT_EQ(result.at("processes").size(), 4U);
  EXPECT_EQ(result.at("processes").at(2).at("name"), "persons");
  EXPECT_EQ(result.at("processes").at(2).at("frames_out"), film_frames);
  std::map<std::string, std::vector<nlohmann::json>> by_kind;
  for (const nlohmann::json& event : events()) by_kind[event.at("ev")].push_back(event);
  EXPECT_EQ(by_kind["enter"].size(), 2U);
  EXPECT_EQ(by_kind["leave"].size(), 2U);
  ASSERT_EQ(by_kind["person"].size(), 1U);
  EXPECT_NEAR(by_kind["person"][0].at("box").at(1).get<int>(), 60, 12) << "the upper one";
  EXPECT_NEAR(by_kind["person"][0].at("box").at(3).get<int>(), 100, 20);
}

TEST_F(PersonsVideoProgram, keeps_everything_when_the_person_detector_dies) {
  RunningProgram program = run({"--input", street(), "--persons", "--fps", "25", "--json"});
  wait_for_first_event();
  const int pid = program.child("persons");
  ASSERT_GT(pid, 0);

  ::kill(pid, SIGKILL);

  EXPECT_EQ(program.exit_code(), 1);
  EXPECT_NE(program.errors().find("backend 'persons' (pid " + std::to_string(pid) + ") was ended by signal 9"),
            std::string::npos)
      << program.errors();
  const auto result = nlohmann::json::parse(program.output());
  EXPECT_EQ(result.at("frames_in"), result.at("frames_out"));
  EXPECT_EQ(result.at("files").size(), 3U);
}

}  // namespace
}  // namespace prong::tests

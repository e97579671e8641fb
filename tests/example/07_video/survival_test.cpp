// Stages of 07_video that die and are started again: nothing is lost, nothing is done twice, nothing is torn.
#include "video_program.hpp"

#include <csignal>
#include <string>

namespace prong::tests {
namespace {

int deaths_in(const nlohmann::json& result) {
  int deaths = 0;
  for (const auto& process : result.at("processes")) deaths += process.at("deaths").get<int>();
  return deaths;
}

/// Kills one stage in the middle.
class SurvivingVideoProgram : public VideoProgram, public ::testing::WithParamInterface<const char*> {};

TEST_P(SurvivingVideoProgram, starts_a_stage_that_dies_again_and_no_frame_is_missed) {
  const std::string stage = GetParam();
  const std::string input = clip();
  RunningProgram program = run({"--input", input, "--json", "--kill", stage + "@40"});

  EXPECT_EQ(program.exit_code(), 0) << program.errors();
  EXPECT_NE(program.errors().find("killing " + stage), std::string::npos) << program.errors();
  EXPECT_NE(program.errors().find("was ended by signal 9 (SIGKILL)"), std::string::npos) << program.errors();
  const auto result = nlohmann::json::parse(program.output());
  EXPECT_EQ(result.at("problem"), "");
  EXPECT_EQ(result.at("frames_in"), film().size());
  EXPECT_EQ(result.at("frames_out"), film().size());
  EXPECT_EQ(deaths_in(result), 1);
  expect_whole_outputs(film().size());
}

INSTANTIATE_TEST_SUITE_P(Of, SurvivingVideoProgram, ::testing::Values("source", "detector", "sink"),
                         [](const auto& of) { return std::string{of.param}; });

TEST_F(VideoProgram, skips_a_frame_that_crashes_every_detector_and_says_so) {
  const std::string input = clip();
  RunningProgram program = run({"--input", input, "--json", "--poison", "50"});

  EXPECT_EQ(program.exit_code(), 0) << program.errors();
  const auto result = nlohmann::json::parse(program.output());
  EXPECT_EQ(result.at("frames_out"), film().size());
  EXPECT_EQ(deaths_in(result), 2);
  int skipped = 0;
  for (const auto& event : events()) {
    if (event.at("ev") != "poison_frame") continue;
    ++skipped;
    EXPECT_EQ(event.at("frame"), 50);
    EXPECT_EQ(event.at("attempts"), 2);
  }
  EXPECT_EQ(skipped, 1);
  expect_whole_outputs(film().size());
}

TEST_F(VideoProgram, gives_up_a_stage_that_dies_too_often_and_keeps_what_was_finished) {
  const std::string input = clip();
  RunningProgram program = run({"--input", input, "--json", "--fps", "100", "--restarts", "1", "--kill", "detector@20",
                                "--kill", "detector@40"});

  EXPECT_EQ(program.exit_code(), 1);
  const auto result = nlohmann::json::parse(program.output());
  EXPECT_NE(result.at("problem").get<std::string>().find("backend 'detector'"), std::string::npos) << result;
  EXPECT_EQ(result.at("frames_in"), result.at("frames_out"));
  EXPECT_EQ(result.at("files").size(), 3U);
}

TEST_F(VideoProgram, refuses_to_kill_what_is_no_stage) {
  for (const std::string order : {"detector", "detector@", "camera@5", "sink@-1", "sink@1x"}) {
    RunningProgram program = run({"--input", "a.avi", "--kill", order});

    EXPECT_EQ(program.exit_code(), 2) << order;
    EXPECT_NE(program.errors().find(order), std::string::npos) << program.errors();
  }
}

/// Kills stages at random, with five seeds from a first one on: a hundred in all.
class ChaoticVideoProgram : public VideoProgram, public ::testing::WithParamInterface<int> {};

TEST_P(ChaoticVideoProgram, accounts_for_every_frame_and_tears_none) {
  const std::string input = clip();
  int deaths = 0;

  for (int seed = GetParam(); seed < GetParam() + 5; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    RunningProgram program = run({"--input", input, "--json", "--fps", "400", "--chaos", std::to_string(seed)});
    ASSERT_EQ(program.exit_code(), 0) << program.errors() << program.output();
    const auto result = nlohmann::json::parse(program.output());
    ASSERT_EQ(result.at("frames_in"), film().size());
    ASSERT_EQ(result.at("frames_out"), film().size());
    ASSERT_EQ(result.at("frames_lost"), 0);
    ASSERT_EQ(result.at("problem"), "");
    deaths += deaths_in(result);
    expect_whole_outputs(film().size());
    ASSERT_FALSE(HasFailure());
  }

  EXPECT_GE(deaths, 5) << "the kills come too late to be of use";
}

INSTANTIATE_TEST_SUITE_P(From, ChaoticVideoProgram, ::testing::Range(1, 101, 5));

}  // namespace
}  // namespace prong::tests

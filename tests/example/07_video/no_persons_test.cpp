// 07_video where it was built without the person detector.
#include "video_program.hpp"

namespace prong::tests {
namespace {

TEST_F(VideoProgram, does_not_know_persons_without_the_person_detector) {
  RunningProgram program = run({"--input", clip(), "--persons"});

  EXPECT_EQ(program.exit_code(), 2);
  EXPECT_NE(program.errors().find("--persons"), std::string::npos) << program.errors();
  RunningProgram help = run({"--help"});
  EXPECT_EQ(help.exit_code(), 0);
  EXPECT_EQ(help.output().find("--persons"), std::string::npos);
}

}  // namespace
}  // namespace prong::tests

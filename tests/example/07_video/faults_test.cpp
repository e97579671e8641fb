// What 07_video does when something is wrong: a clear line, an exit code, and what was finished is kept.
#include "video_program.hpp"

#include "remux.hpp"

#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <unistd.h>

namespace prong::tests {
namespace {

using namespace std::chrono_literals;

/// One fault that is found before there is anything to write.
void expect_nothing_but(RunningProgram& program, const std::string& sentence) {
  EXPECT_EQ(program.exit_code(), 1);
  EXPECT_EQ(program.errors(), "07_video: " + sentence + "\n");
}

TEST_F(VideoProgram, of_a_file_that_does_not_exist_says_so) {
  RunningProgram program = run({"--input", path("nowhere.avi")});

  expect_nothing_but(program, "'" + path("nowhere.avi") + "': No such file or directory");
  EXPECT_EQ(program.output(), "");
  EXPECT_FALSE(std::filesystem::exists(out()));
}

TEST_F(VideoProgram, of_something_that_is_no_video_says_what_it_is) {
  const std::string prose = "Dear diary,\n" + std::string(5'000, 'x') + "\n";
  const std::string text = write_file("diary.txt", prose);
  const std::string named_as_video = write_file("diary.avi", prose);
  const std::string empty = write_file("empty.avi", "");

  RunningProgram of_text = run({"--input", text});
  expect_nothing_but(of_text, "'" + text + "' is a text file, not a video");
  RunningProgram of_text_named_as_video = run({"--input", named_as_video});
  expect_nothing_but(of_text_named_as_video,
                     "'" + named_as_video + "' is no video: Invalid data found when processing input");
  RunningProgram of_nothing = run({"--input", empty});
  expect_nothing_but(of_nothing, "'" + empty + "' is empty");
  RunningProgram of_a_folder = run({"--input", path("")});
  expect_nothing_but(of_a_folder, "'" + path("") + "': Is a directory");

  EXPECT_FALSE(std::filesystem::exists(out()));
}

TEST_F(VideoProgram, keeps_what_a_truncated_file_has_and_says_that_it_ended_early) {
  const std::string input = clip(video::VideoCodec::mpeg4);
  for (const std::string format : {"avi", "mp4"}) {
    const std::string cut = path("cut." + format);
    ASSERT_TRUE(remux(input, cut, format));
    std::filesystem::resize_file(cut, std::filesystem::file_size(cut) * 3 / 5);

    RunningProgram program = run({"--input", cut, "--json"});

    EXPECT_EQ(program.exit_code(), 1);
    EXPECT_NE(program.errors().find("07_video: source: '" + cut + "' "), std::string::npos) << program.errors();
    const auto result = nlohmann::json::parse(program.output());
    const std::uint64_t frames = result.at("frames_out");
    EXPECT_EQ(result.at("frames_in"), frames);
    EXPECT_GT(frames, film().size() / 3);
    EXPECT_LT(frames, film().size());
    EXPECT_NE(result.at("problem").get<std::string>().find("ended early"), std::string::npos) << result;
    EXPECT_EQ(result.at("exit_code"), 1);
    expect_whole_outputs(frames);
  }
}

TEST_F(VideoProgram, with_a_place_that_it_cannot_write_to_says_so) {
  const std::string input = clip();
  const std::string file = write_file("file", "");

  RunningProgram below_a_file = run({"--input", input, "--output", file + "/out"});
  expect_nothing_but(below_a_file, "cannot make the directory " + file + "/out: Not a directory");
  RunningProgram as_a_file = run({"--input", input, "--output", file});
  EXPECT_EQ(as_a_file.exit_code(), 1);
  EXPECT_NE(as_a_file.errors().find(file), std::string::npos);

  EXPECT_EQ(std::filesystem::file_size(file), 0U);
}

// A name that leads to /dev/full: it can be opened, and the first byte written to it finds no room.
TEST_F(VideoProgram, on_a_full_disk_says_so_and_keeps_the_other_files) {
  const std::string input = clip();
  for (const std::string full : {"contact-sheet.png", "events.jsonl"}) {
    std::filesystem::remove_all(out());
    std::filesystem::create_directories(out());
    std::filesystem::create_symlink("/dev/full", out() + "/" + full + ".part");

    RunningProgram program = run({"--input", input});

    EXPECT_EQ(program.exit_code(), 1) << full;
    EXPECT_NE(program.errors().find(full + ".part': No space left on device"), std::string::npos) << program.errors();
    for (const std::string name : {"annotated.mp4", "contact-sheet.png", "events.jsonl"}) {
      EXPECT_EQ(std::filesystem::exists(out() + "/" + name), name != full) << full << ", " << name;
      EXPECT_EQ(program.output().find("wrote " + out() + "/" + name) != std::string::npos, name != full);
    }
  }
}

// The video lands in memory that can be forbidden to grow at any time.
TEST_F(VideoProgram, whose_disk_fills_in_the_middle_says_so_and_keeps_the_other_files) {
  const std::string input = clip(video::VideoCodec::best, 60);
  const os::UniqueFd disk{::memfd_create("disk", MFD_CLOEXEC | MFD_ALLOW_SEALING)};
  std::filesystem::create_directories(out());
  std::filesystem::create_symlink("/proc/" + std::to_string(::getpid()) + "/fd/" + std::to_string(disk.get()),
                                  out() + "/annotated.mp4.part");
  RunningProgram program = run({"--input", input, "--fps", "25", "--json"});
  wait_for_first_event();

  ASSERT_EQ(::fcntl(disk.get(), F_ADD_SEALS, F_SEAL_GROW), 0);

  EXPECT_EQ(program.exit_code(), 1);
  const std::string sentence = "sink: cannot write '" + out() + "/annotated.mp4.part': Operation not permitted";
  EXPECT_EQ(program.errors(), "07_video: " + sentence + "\n");
  const auto result = nlohmann::json::parse(program.output());
  EXPECT_EQ(result.at("problem"), sentence);
  EXPECT_LT(result.at("frames_in"), film().size()) << "the rest of the clip is not waited for";
  EXPECT_EQ(result.at("files"), (nlohmann::json{out() + "/contact-sheet.png", out() + "/events.jsonl"}));
}

TEST_F(VideoProgram, refuses_wrong_options) {
  const std::vector<std::vector<std::string>> wrong{
      {},
      {"--input"},
      {"--input", "a.avi", "--fps", "-1"},
      {"--input", "a.avi", "--fps", "fast"},
      {"--input", "a.avi", "--stall", "0"},
      {"--input", "a.avi", "b.avi"},
      {"--input", "a.avi", "--backwards"},
  };
  for (const auto& arguments : wrong) {
    RunningProgram program = run(arguments);

    EXPECT_EQ(program.exit_code(), 2);
    EXPECT_NE(program.errors(), "");
    EXPECT_EQ(program.output(), "");
    EXPECT_FALSE(std::filesystem::exists(out()));
  }
}

TEST_F(VideoProgram, explains_its_options) {
  RunningProgram program = run({"--help"});

  EXPECT_EQ(program.exit_code(), 0);
  for (const std::string option : {"--input", "--output", "--fps", "--stall", "--listen", "--headless", "--json"})
    EXPECT_NE(program.output().find(option), std::string::npos) << option;
}

/// Stops a program in the middle of a clip of many seconds.
class InterruptedVideoProgram : public VideoProgram, public ::testing::WithParamInterface<int> {};

TEST_P(InterruptedVideoProgram, ends_with_whole_files_and_says_what_was_done) {
  const std::string input = clip();
  RunningProgram program = run({"--input", input, "--fps", "20", "--json"});
  wait_for_first_event();

  ASSERT_TRUE(program.process().signal(GetParam()));

  EXPECT_EQ(program.exit_code(), 128 + GetParam());
  EXPECT_EQ(program.errors(), "07_video: interrupted, finishing what was begun\n");
  const auto result = nlohmann::json::parse(program.output());
  const std::uint64_t frames = result.at("frames_out");
  EXPECT_EQ(result.at("interrupted"), true);
  EXPECT_EQ(result.at("problem"), "");
  EXPECT_EQ(result.at("exit_code"), 128 + GetParam());
  EXPECT_EQ(result.at("frames_in"), frames);
  EXPECT_GE(frames, static_cast<std::uint64_t>(walkers.quiet_frames)) << "nobody comes before";
  EXPECT_LT(frames, film().size());
  expect_whole_outputs(frames);
}

INSTANTIATE_TEST_SUITE_P(By, InterruptedVideoProgram, ::testing::Values(SIGINT, SIGTERM),
                         [](const auto& by) { return by.param == SIGINT ? "SIGINT" : "SIGTERM"; });

// The terminal sends Ctrl-C to every process of the program, and a user presses it twice.
TEST_F(VideoProgram, interrupted_from_the_terminal_ends_with_whole_files) {
  const std::string input = clip();
  RunningProgram program = run({"--input", input, "--fps", "20"});
  wait_for_first_event();

  program.signal_all(SIGINT);
  program.signal_all(SIGINT);

  EXPECT_EQ(program.exit_code(), 130);
  const std::string output = program.output();
  const std::size_t figures = output.rfind(" in = ");
  ASSERT_NE(figures, std::string::npos) << output;
  const std::uint64_t frames = std::stoull(output.substr(output.rfind('\n', figures) + 1));
  EXPECT_NE(output.find(std::to_string(frames) + " in = " + std::to_string(frames) + " out, "), std::string::npos);
  expect_whole_outputs(frames);
}

TEST_F(VideoProgram, whose_stage_hangs_is_ended_by_a_signal_all_the_same_and_says_which) {
  const std::string input = clip();
  RunningProgram program = run({"--input", input, "--fps", "20", "--json"});
  wait_for_first_event();
  ASSERT_EQ(::kill(program.child("detector"), SIGSTOP), 0);

  ASSERT_TRUE(program.process().signal(SIGINT));

  EXPECT_EQ(program.exit_code(), 1);
  EXPECT_NE(program.errors().find("\n07_video: detector: does not answer any more\n"), std::string::npos)
      << program.errors();
  const auto result = nlohmann::json::parse(program.output());
  EXPECT_EQ(result.at("interrupted"), true);
  EXPECT_EQ(result.at("files").size(), 3U) << "what had passed it is kept";
  EXPECT_GT(result.at("frames_out"), 0);
}

/// Kills one stage in the middle, which is not started again.
class CrippledVideoProgram : public VideoProgram, public ::testing::WithParamInterface<const char*> {};

TEST_P(CrippledVideoProgram, says_which_process_died_and_keeps_what_was_finished) {
  const std::string stage = GetParam();
  const std::string input = clip();
  RunningProgram program = run({"--input", input, "--fps", "20", "--restarts", "0", "--json"});
  wait_for_first_event();
  const int pid = program.child(stage);
  ASSERT_GT(pid, 0);

  ::kill(pid, SIGKILL);

  EXPECT_EQ(program.exit_code(), 1);
  const std::string sentence =
      "backend '" + stage + "' (pid " + std::to_string(pid) + ") was ended by signal 9 (SIGKILL)";
  EXPECT_NE(program.errors().find("\n07_video: " + sentence), std::string::npos) << program.errors();
  const auto result = nlohmann::json::parse(program.output());
  EXPECT_TRUE(result.at("problem").get<std::string>().starts_with(sentence)) << result;
  if (stage == "sink") {
    EXPECT_TRUE(result.at("files").empty());
    EXPECT_NE(read_file(out() + "/events.jsonl.part").find("enter"), std::string::npos) << "every line up to its death";
    return;
  }
  // Every frame that the source has handed on is in the video, also when the detector saw none of the last ones.
  EXPECT_EQ(result.at("frames_in"), result.at("frames_out"));
  EXPECT_EQ(result.at("files").size(), 3U);
  if (stage == "source") expect_whole_outputs(result.at("frames_out"));
}

INSTANTIATE_TEST_SUITE_P(Of, CrippledVideoProgram, ::testing::Values("source", "detector", "sink"),
                         [](const auto& of) { return std::string{of.param}; });

}  // namespace
}  // namespace prong::tests

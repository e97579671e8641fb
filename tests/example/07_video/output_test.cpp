// What 07_video makes of a clip whose every walker is known.
#include "video_program.hpp"

#include "prong/actors/video/decoder.hpp"
#include "prong/actors/video/painter.hpp"

#include <cmath>
#include <map>
#include <set>

namespace prong::tests {
namespace {

using namespace std::chrono_literals;

/// One track, from its events.
struct Visit {
  std::uint64_t enter_frame = 0;
  std::uint64_t leave_frame = 0;
  video::Box enter_box;
  video::Box leave_box;
};

video::Box box_of(const nlohmann::json& event) {
  const auto& box = event.at("box");
  return {box.at(0), box.at(1), box.at(2), box.at(3)};
}

std::map<int, Visit> visits_of(const std::vector<nlohmann::json>& events) {
  std::map<int, Visit> visits;
  for (const nlohmann::json& event : events) {
    Visit& visit = visits[event.at("track")];
    const std::uint64_t frame = event.at("frame");
    EXPECT_NEAR(event.at("t").get<double>(), static_cast<double>(frame) / 10, 0.006) << event;
    if (event.at("ev") == "enter") {
      visit.enter_frame = frame;
      visit.enter_box = box_of(event);
    } else {
      visit.leave_frame = frame;
      visit.leave_box = box_of(event);
    }
  }
  return visits;
}

/// Returns where `walker` is in `frame`, or nothing.
video::Box true_box(const video::SyntheticWalkers& truth, int walker, std::uint64_t frame) {
  for (const video::WalkerTruth& one : truth.truth(frame))
    if (one.walker == walker) return one.box;
  return {};
}

TEST_F(VideoProgram, accounts_for_every_frame_and_writes_three_files) {
  const auto truth = film();
  const std::string input = clip();

  RunningProgram program = run({"--input", input, "--note", "two walkers"});

  EXPECT_EQ(program.exit_code(), 0) << program.errors();
  const std::string output = program.output();
  const std::string frames = std::to_string(truth.size());
  EXPECT_EQ(program.errors(), "");
  EXPECT_NE(output.find("input: " + input + ", two walkers ("), std::string::npos) << output;
  EXPECT_NE(output.find("192x128, 10 frames per second)"), std::string::npos) << output;
  EXPECT_NE(output.find("\n" + frames + " in = " + frames + " out, 4 events, in "), std::string::npos) << output;
  for (const std::string name : {"annotated.mp4", "contact-sheet.png", "events.jsonl"})
    EXPECT_NE(output.find("\nwrote " + out() + "/" + name + "\n"), std::string::npos) << output;
  for (const std::string stage : {"source", "detector", "sink"})
    EXPECT_NE(output.find("\n" + stage + " "), std::string::npos) << output;
  expect_whole_outputs(truth.size());
}

TEST_F(VideoProgram, sees_every_walker_come_and_leave_where_it_was) {
  const auto truth = film();
  const std::string input = clip();

  RunningProgram program = run({"--input", input});

  ASSERT_EQ(program.exit_code(), 0) << program.errors();
  const auto visits = visits_of(events());
  ASSERT_EQ(visits.size(), static_cast<std::size_t>(walkers.walkers));
  std::set<int> seen;
  for (const auto& [track, visit] : visits) {
    // The walker that the track is on is the one its first box covers best.
    int walker = 0;
    for (int other = 1; other < walkers.walkers; ++other)
      if (overlap(true_box(truth, other, visit.enter_frame), visit.enter_box) >
          overlap(true_box(truth, walker, visit.enter_frame), visit.enter_box))
        walker = other;
    seen.insert(walker);
    EXPECT_GT(overlap(true_box(truth, walker, visit.enter_frame), visit.enter_box), 0.5) << "track " << track;
    EXPECT_GT(overlap(true_box(truth, walker, visit.leave_frame), visit.leave_box), 0.2) << "track " << track;
    // It is followed all its way: but for the edges of the picture, and the frames that confirm it.
    std::uint64_t first = truth.size();
    std::uint64_t last = 0;
    for (std::uint64_t frame = 0; frame < truth.size(); ++frame)
      if (true_box(truth, walker, frame).width > 0) {
        first = std::min(first, frame);
        last = std::max(last, frame);
      }
    EXPECT_GE(visit.enter_frame, first);
    EXPECT_LE(visit.enter_frame, first + 12);
    EXPECT_LE(visit.leave_frame, last);
    EXPECT_GE(visit.leave_frame + 8, last);
  }
  EXPECT_EQ(seen.size(), visits.size()) << "two tracks are on one walker";
}

TEST_F(VideoProgram, draws_boxes_on_the_walkers_and_nothing_on_the_rest) {
  const auto truth = film();
  const std::string input = clip();
  RunningProgram program = run({"--input", input});
  ASSERT_EQ(program.exit_code(), 0) << program.errors();
  const auto visits = visits_of(events());
  ASSERT_FALSE(visits.empty());

  auto before = video::Decoder::open(input, {}, Deadline::after(20s)).value();
  auto after = video::Decoder::open(out() + "/annotated.mp4", {}, Deadline::after(20s)).value();
  std::size_t boxes = 0;
  for (std::uint64_t frame = 0; frame < truth.size(); ++frame) {
    const auto plain = before.next(Deadline::after(20s)).value();
    const auto drawn = after.next(Deadline::after(20s)).value();
    ASSERT_TRUE(plain && drawn);
    EXPECT_EQ(plain->info.time, drawn->info.time) << frame;
    for (const auto& [track, visit] : visits) {
      if (visit.enter_frame != frame) continue;
      ++boxes;
      // In the middle of the lower edge, away from number and trail: the track's colour.
      const video::Colour colour = video::Colour::of_number(static_cast<std::uint64_t>(track));
      const auto at = [&](int plane, const video::ImageView& view, int x, int y) {
        return std::to_integer<int>(
            view.row(plane, plane == 0 ? y : y / 2)[static_cast<std::size_t>(plane == 0 ? x : x / 2)]);
      };
      const int x = visit.enter_box.x + visit.enter_box.width / 4;
      const int y = visit.enter_box.bottom() - 1;
      EXPECT_NEAR(at(0, drawn->image.view(), x, y), colour.luma, 40) << "track " << track;
    }
    // Under the caption, before anybody comes: the picture as it was.
    if (truth.truth(frame).empty() && frame < walkers.quiet_frames) {
      double distance = 0;
      for (int y = walkers.height / 2; y < walkers.height; ++y)
        for (std::size_t x = 0; x < static_cast<std::size_t>(walkers.width); ++x)
          distance += std::abs(std::to_integer<int>(plain->image.view().row(0, y)[x]) -
                               std::to_integer<int>(drawn->image.view().row(0, y)[x]));
      EXPECT_LT(distance / (walkers.width * walkers.height / 2), 6.0) << frame;
    }
  }
  EXPECT_EQ(boxes, visits.size());
}

TEST_F(VideoProgram, prints_its_figures_as_json) {
  const auto truth = film();
  const std::string input = clip();

  RunningProgram program = run({"--input", input, "--json"});

  ASSERT_EQ(program.exit_code(), 0) << program.errors();
  EXPECT_EQ(program.errors(), "");
  const auto result = nlohmann::json::parse(program.output());
  EXPECT_EQ(result.at("input"), input);
  EXPECT_EQ(result.at("frames_in"), truth.size());
  EXPECT_EQ(result.at("frames_out"), truth.size());
  EXPECT_EQ(result.at("frames_lost"), 0);
  EXPECT_EQ(result.at("events"), 4);
  EXPECT_EQ(result.at("problem"), "");
  EXPECT_EQ(result.at("interrupted"), false);
  EXPECT_EQ(result.at("exit_code"), 0);
  EXPECT_GT(result.at("seconds"), 0.0);
  EXPECT_EQ(result.at("files").size(), 3U);
  ASSERT_EQ(result.at("processes").size(), 3U);
  std::set<int> pids;
  for (const auto& process : result.at("processes")) {
    EXPECT_EQ(process.at("frames_in"), truth.size()) << process;
    EXPECT_EQ(process.at("frames_out"), truth.size()) << process;
    EXPECT_EQ(process.at("frames_lost"), 0) << process;
    EXPECT_GT(process.at("messages"), 0) << process;
    EXPECT_GT(process.at("memory_peak_bytes"), 1'000'000) << process;
    EXPECT_GT(process.at("round_trip_p50_us"), 0.0) << process;
    EXPECT_LE(process.at("round_trip_p50_us"), process.at("round_trip_p99_us")) << process;
    pids.insert(process.at("pid").get<int>());
  }
  EXPECT_EQ(pids.size(), 3U) << "a process per stage";
}

TEST_F(VideoProgram, takes_its_time_when_told_so) {
  const auto truth = film();
  const std::string input = clip();
  const auto start = std::chrono::steady_clock::now();

  RunningProgram program = run({"--input", input, "--fps", "100"});

  EXPECT_EQ(program.exit_code(), 0) << program.errors();
  EXPECT_GE(std::chrono::steady_clock::now() - start, 10ms * (truth.size() - 1));
  expect_whole_outputs(truth.size());
}

}  // namespace
}  // namespace prong::tests

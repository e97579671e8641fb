#include "prong/actors/video/tracker.hpp"

#include "prong/actors/video/motion_detector.hpp"
#include "prong/actors/video/synthetic_walkers.hpp"

#include <gtest/gtest.h>
#include <cereal/archives/binary.hpp>
#include <cereal/types/vector.hpp>

#include <map>
#include <set>
#include <sstream>

namespace prong::video {
namespace {

using Kind = TrackEvent::Kind;
using namespace std::chrono_literals;

/// Feeds a tracker frame by frame at ten frames per second.
struct Feeder {
  Tracker tracker;
  std::uint64_t frame = 0;

  std::vector<TrackEvent> feed(const std::vector<Box>& boxes) {
    const auto time = 100ms * static_cast<int>(frame);
    return tracker.update(frame++, time, boxes);
  }
};

Box walking(int step) {
  return {10 + 6 * step, 50, 30, 80};
}

TEST(Tracker, announces_who_is_confirmed_and_who_was_missed_for_long_enough) {
  Feeder feeder;

  for (int step = 0; step < 3; ++step) EXPECT_TRUE(feeder.feed({walking(step)}).empty());
  const auto enter = feeder.feed({walking(3)});
  EXPECT_TRUE(feeder.feed({walking(4)}).empty());
  for (int miss = 0; miss < 9; ++miss) EXPECT_TRUE(feeder.feed({}).empty());
  const auto leave = feeder.feed({});

  ASSERT_EQ(enter.size(), 1U);
  EXPECT_EQ(enter[0].kind, Kind::enter);
  EXPECT_EQ(enter[0].track, 1U);
  EXPECT_EQ(enter[0].frame, 3U);
  EXPECT_EQ(enter[0].time, 300ms);
  EXPECT_EQ(enter[0].box, walking(3));
  ASSERT_EQ(leave.size(), 1U);
  EXPECT_EQ(leave[0].kind, Kind::leave);
  EXPECT_EQ(leave[0].frame, 4U) << "the last frame it was seen in";
  EXPECT_EQ(leave[0].box, walking(4));
  EXPECT_TRUE(feeder.tracker.tracks().empty());
}

TEST(Tracker, keeps_the_identity_behind_an_obstacle) {
  Feeder feeder;
  for (int step = 0; step < 20; ++step) feeder.feed({walking(step)});

  for (int step = 20; step < 28; ++step) EXPECT_TRUE(feeder.feed({}).empty());
  EXPECT_TRUE(feeder.feed({walking(28)}).empty());

  ASSERT_EQ(feeder.tracker.tracks().size(), 1U);
  EXPECT_EQ(feeder.tracker.tracks()[0].id, 1U);
  EXPECT_EQ(feeder.tracker.tracks()[0].misses, 0);
  EXPECT_EQ(feeder.tracker.tracks()[0].age, 28U);
  EXPECT_EQ(feeder.tracker.tracks()[0].hits, 21);
}

TEST(Tracker, ignores_what_flashes_up) {
  Feeder feeder;

  for (int round = 0; round < 5; ++round) {
    for (int frame = 0; frame < 3; ++frame) EXPECT_TRUE(feeder.feed({{100, 100, 20, 20}}).empty());
    EXPECT_TRUE(feeder.feed({}).empty());
  }

  EXPECT_EQ(feeder.tracker.entered(), 0U);
  EXPECT_TRUE(feeder.tracker.finish().empty());
}

TEST(Tracker, gives_the_box_to_the_track_that_overlaps_most) {
  Feeder feeder;
  const Box left{0, 0, 40, 40};
  const Box right{60, 0, 40, 40};
  for (int frame = 0; frame < 10; ++frame) feeder.feed({left, right});

  feeder.feed({{50, 0, 40, 40}, {8, 0, 40, 40}});

  const auto tracks = feeder.tracker.tracks();
  ASSERT_EQ(tracks.size(), 2U);
  EXPECT_EQ(tracks[0].box.x, 8);
  EXPECT_EQ(tracks[1].box.x, 50);
}

TEST(Tracker, remembers_the_last_places_and_no_jump) {
  Feeder feeder{Tracker{{.trail_length = 5}}};
  for (int step = 0; step < 12; ++step) feeder.feed({walking(step)});
  const std::vector<Point> before = feeder.tracker.tracks()[0].trail;

  feeder.feed({{walking(12).x, 50, 30, 200}});

  ASSERT_EQ(before.size(), 5U);
  EXPECT_EQ(before.back(), (Point{10 + 6 * 11 + 15, 129}));
  EXPECT_EQ(before.front(), (Point{10 + 6 * 7 + 15, 129}));
  const std::vector<Point>& after = feeder.tracker.tracks()[0].trail;
  EXPECT_EQ(after, (std::vector<Point>{{walking(12).x + 15, 249}}));
}

TEST(Tracker, finish_lets_everybody_leave_once) {
  Feeder feeder;
  for (int frame = 0; frame < 5; ++frame) feeder.feed({{0, 0, 40, 40}, {100, 0, 40, 40}});

  const auto events = feeder.tracker.finish();

  ASSERT_EQ(events.size(), 2U);
  for (const TrackEvent& event : events) EXPECT_EQ(event.kind, Kind::leave);
  EXPECT_EQ(events[0].frame, 4U);
  EXPECT_TRUE(feeder.tracker.finish().empty());
}

TEST(Tracker, goes_on_from_a_saved_state_as_if_nothing_had_happened) {
  Feeder original;
  for (int step = 0; step < 7; ++step) original.feed({walking(step), {300, 200, 50, 50}});
  std::stringstream bytes;
  cereal::BinaryOutputArchive{bytes}(original.tracker);

  Feeder restored{Tracker{}, original.frame};
  cereal::BinaryInputArchive{bytes}(restored.tracker);

  for (int step = 7; step < 30; ++step) {
    const std::vector<Box> boxes = step < 12 ? std::vector<Box>{walking(step)} : std::vector<Box>{};
    const auto expected = original.feed(boxes);
    const auto actual = restored.feed(boxes);
    ASSERT_EQ(actual.size(), expected.size()) << step;
    for (std::size_t i = 0; i < actual.size(); ++i) {
      EXPECT_EQ(actual[i].kind, expected[i].kind);
      EXPECT_EQ(actual[i].track, expected[i].track);
      EXPECT_EQ(actual[i].frame, expected[i].frame);
      EXPECT_EQ(actual[i].time, expected[i].time);
    }
  }
  EXPECT_EQ(restored.tracker.entered(), 2U);
  EXPECT_TRUE(restored.tracker.tracks().empty());
}

TEST(Tracker, sees_every_walker_of_a_video_enter_and_leave_once_with_one_identity) {
  for (const std::uint64_t seed : {1U, 2U, 3U}) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    auto video = SyntheticWalkers::create({.width = 384, .height = 288, .seed = seed, .walkers = 7}).value();
    Image image = Image::create(PixelFormat::yuv420p, 384, 288).value();
    MotionDetector detector;
    Tracker tracker;
    std::map<Kind, int> events;
    std::map<int, std::set<std::uint64_t>> identities;

    while (const auto frame = video.next_into(image.bytes()).value()) {
      const std::vector<Box> boxes = detector.update(image.view());
      for (const TrackEvent& event : tracker.update(frame->number, frame->time, boxes)) ++events[event.kind];
      for (const WalkerTruth& walker : video.truth(frame->number))
        for (const Track& track : tracker.tracks())
          if (track.is_confirmed() && track.misses == 0 && overlap(track.box, walker.box) > 0.5)
            identities[walker.walker].insert(track.id);
    }
    for (const TrackEvent& event : tracker.finish()) ++events[event.kind];

    EXPECT_EQ(events[Kind::enter], 7);
    EXPECT_EQ(events[Kind::leave], 7);
    EXPECT_EQ(identities.size(), 7U);
    for (const auto& [walker, ids] : identities) EXPECT_EQ(ids.size(), 1U) << "walker " << walker;
  }
}

}  // namespace
}  // namespace prong::video

#include "prong/actors/video/motion_detector.hpp"

#include "prong/actors/video/detail/components.hpp"
#include "prong/actors/video/painter.hpp"
#include "prong/actors/video/synthetic_walkers.hpp"

#include <gtest/gtest.h>

#include <algorithm>

namespace prong::video {
namespace {

constexpr SyntheticOptions small_scene{.width = 384, .height = 288, .walkers = 6};

Image grey(int width, int height, std::uint8_t luma = 100) {
  Image image = Image::create(PixelFormat::yuv420p, width, height).value();
  Painter{image.view()}.fill({0, 0, width, height}, {luma, 128, 128});
  return image;
}

// Shows an empty scene until the detector has learnt it.
void teach(MotionDetector& detector, const Image& scene) {
  for (int frame = 0; frame < 30; ++frame) ASSERT_TRUE(detector.update(scene.view()).empty()) << frame;
}

TEST(MotionDetector, finds_the_walkers_where_they_are_and_nothing_else) {
  for (const std::uint64_t seed : {1U, 2U, 3U}) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    SyntheticOptions options = small_scene;
    options.seed = seed;
    auto video = SyntheticWalkers::create(options).value();
    Image image = Image::create(PixelFormat::yuv420p, options.width, options.height).value();
    MotionDetector detector;
    int present = 0;
    int found = 0;
    int boxes = 0;
    int right = 0;

    while (const auto frame = video.next_into(image.bytes()).value()) {
      const std::vector<Box> detected = detector.update(image.view());
      const std::vector<WalkerTruth> truth = video.truth(frame->number);
      for (const WalkerTruth& walker : truth) {
        if (walker.box.width < 16) continue;  // Only just coming in.
        ++present;
        found += std::ranges::any_of(detected, [&](const Box& box) { return overlap(box, walker.box) > 0.6; });
      }
      boxes += static_cast<int>(detected.size());
      for (const Box& box : detected)
        right += std::ranges::any_of(truth, [&](const WalkerTruth& walker) { return overlap(box, walker.box) > 0.5; });
    }

    ASSERT_GT(present, 200);
    EXPECT_GT(found, 0.97 * present) << "recall";
    EXPECT_GT(right, 0.97 * boxes) << "precision";
  }
}

TEST(MotionDetector, keeps_still_when_only_noise_moves) {
  SyntheticOptions options = small_scene;
  options.walkers = 0;
  options.noise = 10;
  options.quiet_frames = 150;
  auto video = SyntheticWalkers::create(options).value();
  Image image = Image::create(PixelFormat::yuv420p, options.width, options.height).value();
  MotionDetector detector;

  while (video.next_into(image.bytes()).value()) EXPECT_TRUE(detector.update(image.view()).empty());
  EXPECT_EQ(video.size(), 150U);
}

TEST(MotionDetector, boxes_a_thing_to_the_pixel_block) {
  const Image scene = grey(320, 240);
  MotionDetector detector;
  teach(detector, scene);
  Image with_thing = Image::copy_of(scene.view());
  const Box thing{100, 80, 40, 60};
  Painter{with_thing.view()}.fill(thing, {200, 128, 128});

  const std::vector<Box> boxes = detector.update(with_thing.view());

  EXPECT_EQ(boxes, std::vector<Box>{thing});
}

TEST(MotionDetector, tells_the_hole_that_somebody_left_from_a_thing) {
  const Image empty = grey(320, 240);
  Image occupied = Image::copy_of(empty.view());
  Painter{occupied.view()}.fill({100, 80, 40, 60}, {200, 128, 128});
  MotionDetector detector;
  teach(detector, occupied);

  EXPECT_TRUE(detector.update(empty.view()).empty());
  EXPECT_EQ(detector.update(occupied.view()).size(), 1U) << "the empty place is background now";
}

TEST(MotionDetector, reports_from_the_first_frame_after_the_learning) {
  const Image scene = grey(320, 240);
  Image with_thing = Image::copy_of(scene.view());
  Painter{with_thing.view()}.fill({100, 80, 40, 60}, Colour::white);
  MotionOptions options;
  options.learning_frames = 5;
  MotionDetector detector{options};

  for (int frame = 0; frame < 5; ++frame) EXPECT_TRUE(detector.update(scene.view()).empty());

  EXPECT_EQ(detector.update(with_thing.view()).size(), 1U);
}

TEST(MotionDetector, learns_a_hole_without_the_person_beside_it) {
  const Image empty = grey(320, 240);
  Image occupied = Image::copy_of(empty.view());
  // A hole like a bracket, whose box holds somebody who does not touch it.
  for (const Box& part : {Box{80, 60, 20, 120}, Box{80, 60, 120, 20}})
    Painter{occupied.view()}.fill(part, {200, 128, 128});
  MotionDetector detector;
  teach(detector, occupied);
  Image picture = Image::copy_of(empty.view());
  const Box person{150, 120, 24, 50};
  Painter{picture.view()}.fill(person, {30, 128, 128});

  EXPECT_EQ(detector.update(picture.view()), std::vector<Box>{person});
  EXPECT_EQ(detector.update(picture.view()), std::vector<Box>{person}) << "the person was not learnt";
}

TEST(MotionDetector, takes_what_stays_for_background_after_a_while) {
  const Image empty = grey(320, 240);
  Image parked = Image::copy_of(empty.view());
  Painter{parked.view()}.fill({100, 80, 40, 60}, {200, 128, 128});
  MotionOptions options;
  options.settle_frames = 25;
  MotionDetector detector{options};
  teach(detector, empty);

  int reported = 0;
  for (int frame = 0; frame < 40; ++frame) reported += static_cast<int>(detector.update(parked.view()).size());

  EXPECT_EQ(reported, 25);
}

TEST(MotionDetector, relearns_when_the_whole_scene_changes) {
  MotionDetector detector;
  teach(detector, grey(320, 240, 60));
  const Image bright = grey(320, 240, 180);

  teach(detector, bright);
  Image with_thing = Image::copy_of(bright.view());
  Painter{with_thing.view()}.fill({10, 10, 40, 60}, {30, 128, 128});

  EXPECT_EQ(detector.update(with_thing.view()), (std::vector<Box>{{10, 10, 40, 60}}));
}

TEST(MotionDetector, starts_anew_with_another_size_even_the_tiniest) {
  MotionDetector detector;
  teach(detector, grey(320, 240));

  teach(detector, grey(161, 121));
  for (const int side : {1, 2, 3, 16}) teach(detector, grey(side, side));
  Image tiny = grey(16, 16);
  Painter{tiny.view()}.fill({2, 2, 10, 10}, Colour::white);

  EXPECT_EQ(detector.update(tiny.view()), (std::vector<Box>{{2, 2, 10, 10}}));
}

TEST(MotionDetector, joins_the_pieces_of_one_thing_and_keeps_two_apart) {
  const Image scene = grey(320, 240);
  MotionDetector detector;
  teach(detector, scene);
  Image picture = Image::copy_of(scene.view());
  Painter painter{picture.view()};
  painter.fill({100, 60, 30, 40}, Colour::white);
  painter.fill({102, 104, 26, 40}, Colour::white);  // Below the first, with a gap.
  painter.fill({200, 60, 30, 40}, Colour::white);   // Far beside it.

  EXPECT_EQ(detector.update(picture.view()), (std::vector<Box>{{100, 60, 30, 84}, {200, 60, 30, 40}}));
}

TEST(MotionOptions, for_a_rate_take_as_long_in_seconds) {
  const MotionOptions usual = MotionOptions::for_rate({10, 1});
  const MotionOptions fast = MotionOptions::for_rate({60, 2});
  const MotionOptions slow = MotionOptions::for_rate({1, 60});

  EXPECT_EQ(usual.settle_frames, MotionOptions{}.settle_frames);
  EXPECT_EQ(fast.settle_frames, 3 * usual.settle_frames);
  EXPECT_EQ(fast.learning_frames, 3 * usual.learning_frames);
  EXPECT_EQ(slow.learning_frames, 2);
}

TEST(ComponentFinder, joins_what_touches_also_across_corners_and_late) {
  // A "U" whose arms meet in the last row, a diagonal, and a dot at the edge.
  const std::string picture =
      "#.#....#"
      "#.#.#..."
      "###..#..";
  std::vector<std::uint8_t> mask;
  for (const char dot : picture) mask.push_back(dot == '#' ? 1 : 0);
  detail::ComponentFinder finder;

  const auto found = finder.find(mask, 8);

  ASSERT_EQ(found.size(), 3U);
  for (const detail::Component& component : found) {
    std::int64_t pixels = 0;
    for (const detail::Run& run : component.runs) pixels += run.end - run.begin;
    EXPECT_EQ(pixels, component.pixels);
  }
  EXPECT_EQ(found[0].box, (Box{0, 0, 3, 3}));
  EXPECT_EQ(found[0].pixels, 7);
  EXPECT_EQ(found[1].box, (Box{7, 0, 1, 1}));
  EXPECT_EQ(found[2].box, (Box{4, 1, 2, 2}));
  EXPECT_EQ(found[2].pixels, 2);
  EXPECT_TRUE(finder.find({}, 8).empty());
}

}  // namespace
}  // namespace prong::video

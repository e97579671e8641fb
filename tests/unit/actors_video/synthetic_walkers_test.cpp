#include "prong/actors/video/synthetic_walkers.hpp"

#include <gtest/gtest.h>

namespace prong::video {
namespace {

constexpr SyntheticOptions small{.width = 128, .height = 96, .walkers = 4, .lanes = 2, .quiet_frames = 10};

TEST(SyntheticWalkers, are_the_same_for_the_same_seed_and_others_for_another) {
  const auto one = SyntheticWalkers::create(small).value();
  const auto same = SyntheticWalkers::create(small).value();
  SyntheticOptions options = small;
  options.seed = 2;
  const auto other = SyntheticWalkers::create(options).value();
  const auto pixels = [](const SyntheticWalkers& video, std::uint64_t frame) {
    Image image = Image::create(PixelFormat::yuv420p, small.width, small.height).value();
    video.render(frame, image.view());
    return std::string{as_text(image.bytes())};
  };

  EXPECT_EQ(pixels(one, 20), pixels(same, 20));
  EXPECT_NE(pixels(one, 20), pixels(other, 20));
  EXPECT_NE(pixels(one, 20), pixels(one, 21)) << "noise and walkers move";
}

TEST(SyntheticWalkers, cross_the_whole_picture_once_each) {
  const auto video = SyntheticWalkers::create(small).value();
  std::vector<int> frames_seen(4);
  std::vector<int> left(4, 1'000);
  std::vector<int> right(4, -1);

  for (std::uint64_t frame = 0; frame < video.size(); ++frame) {
    const auto truth = video.truth(frame);
    EXPECT_TRUE(truth.empty() || (frame >= 10 && frame < video.size() - 10)) << frame;
    EXPECT_LE(truth.size(), 2U) << "one per lane";
    for (const WalkerTruth& walker : truth) {
      const auto index = static_cast<std::size_t>(walker.walker);
      ++frames_seen[index];
      left[index] = std::min(left[index], walker.box.x);
      right[index] = std::max(right[index], walker.box.right());
      EXPECT_EQ(intersection(walker.box, {0, 0, 128, 96}), walker.box) << "only what is to be seen";
    }
  }

  for (std::size_t i = 0; i < 4; ++i) {
    EXPECT_GT(frames_seen[i], 20);
    EXPECT_EQ(left[i], 0);
    EXPECT_EQ(right[i], 128);
  }
}

TEST(SyntheticWalkers, truth_is_where_the_picture_differs_from_the_background) {
  SyntheticOptions options = small;
  options.noise = 0;
  const auto video = SyntheticWalkers::create(options).value();
  Image empty = Image::create(PixelFormat::yuv420p, options.width, options.height).value();
  Image image = Image::create(PixelFormat::yuv420p, options.width, options.height).value();
  video.render(0, empty.view());
  int compared = 0;

  for (std::uint64_t frame = 0; frame < video.size(); ++frame) {
    const auto truth = video.truth(frame);
    if (truth.size() != 1 || truth[0].box.width < 10) continue;
    video.render(frame, image.view());
    Box seen;
    for (int y = 0; y < options.height; ++y)
      for (int x = 0; x < options.width; ++x)
        if (image.view().row(0, y)[static_cast<std::size_t>(x)] != empty.view().row(0, y)[static_cast<std::size_t>(x)])
          seen = seen.area() == 0 ? Box{x, y, 1, 1} : enclosing(seen, {x, y, 1, 1});
    EXPECT_GT(overlap(seen, truth[0].box), 0.85) << frame;
    ++compared;
  }
  EXPECT_GT(compared, 10);
}

TEST(SyntheticWalkers, give_every_frame_once_and_then_nothing) {
  auto video = SyntheticWalkers::create(small).value();
  std::vector<std::byte> slot(video.layout().size);

  for (std::uint64_t number = 0; number < video.size(); ++number) {
    const auto frame = video.next_into(slot).value();
    ASSERT_TRUE(frame);
    EXPECT_EQ(frame->number, number);
    EXPECT_EQ(frame->time, std::chrono::milliseconds{100 * number});
  }

  EXPECT_FALSE(video.next_into(slot).value());
}

TEST(SyntheticWalkers, of_impossible_options_are_errors) {
  EXPECT_EQ(SyntheticWalkers::create({.width = 63}).error().code(), Errc::size_invalid);
  EXPECT_EQ(SyntheticWalkers::create({.width = 20'000}).error().code(), Errc::size_invalid);
  EXPECT_EQ(SyntheticWalkers::create({.walkers = -1}).error().code(), Errc::invalid_argument);
  EXPECT_EQ(SyntheticWalkers::create({.lanes = 0}).error().code(), Errc::invalid_argument);
  EXPECT_EQ(SyntheticWalkers::create({.rate = {0, 1}}).error().code(), Errc::invalid_argument);

  auto video = SyntheticWalkers::create(small).value();
  std::vector<std::byte> slot(video.layout().size - 1);
  EXPECT_EQ(video.next_into(slot).error().code(), Errc::oversize);
}

}  // namespace
}  // namespace prong::video

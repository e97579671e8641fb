#include "prong/actors/video/image.hpp"

#include <gtest/gtest.h>

namespace prong::video {
namespace {

TEST(ImageLayout, lays_planes_behind_each_other_in_aligned_rows) {
  const ImageLayout layout = ImageLayout::of(PixelFormat::yuv420p, 321, 241).value();

  EXPECT_EQ(layout.planes[0], (Plane{0, 384}));
  EXPECT_EQ(layout.planes[1], (Plane{384 * 241, 192}));
  EXPECT_EQ(layout.planes[2], (Plane{384 * 241 + 192 * 121, 192}));
  EXPECT_EQ(layout.size, 384U * 241 + 2 * 192 * 121);
  EXPECT_EQ(layout.row_bytes(0), 321U);
  EXPECT_EQ(layout.row_bytes(1), 161U);
  EXPECT_EQ(layout.rows(2), 121);
}

TEST(ImageLayout, of_impossible_sides_is_an_error) {
  for (const int side : {-1, 0, ImageLayout::largest_side + 1}) {
    EXPECT_EQ(ImageLayout::of(PixelFormat::rgb24, side, 16).error().code(), Errc::size_invalid) << side;
    EXPECT_EQ(ImageLayout::of(PixelFormat::rgb24, 16, side).error().code(), Errc::size_invalid) << side;
  }
}

TEST(ImageView, is_made_only_over_enough_bytes_and_of_a_sound_layout) {
  std::vector<std::byte> bytes(64 * 16);
  const ImageLayout sound = ImageLayout::of(PixelFormat::gray8, 16, 16).value();
  const auto refused = [&bytes](ImageLayout layout) {
    return ImageView::create(bytes, layout).error().code() == Errc::size_invalid;
  };

  EXPECT_TRUE(ImageView::create(bytes, sound));
  EXPECT_TRUE(ImageView::create(Bytes{bytes}.first(15 * 64 + 16), sound)) << "the last row needs no padding";
  EXPECT_FALSE(ImageView::create(Bytes{bytes}.first(15 * 64 + 15), sound));

  ImageLayout layout = sound;
  layout.planes[0].stride = 15;
  EXPECT_TRUE(refused(layout)) << "rows overlap";
  layout = sound;
  layout.planes[0].offset = SIZE_MAX - 100;
  EXPECT_TRUE(refused(layout)) << "the offset wraps";
  layout = sound;
  layout.planes[0].stride = SIZE_MAX / 8;
  EXPECT_TRUE(refused(layout)) << "the stride wraps";
  layout = sound;
  layout.width = -16;
  EXPECT_TRUE(refused(layout));
  layout = sound;
  layout.format = static_cast<PixelFormat>(77);
  EXPECT_TRUE(refused(layout));
  layout = sound;
  layout.format = PixelFormat::yuv420p;
  EXPECT_TRUE(refused(layout)) << "chroma without rows";
}

TEST(Image, copy_has_the_same_rows_in_its_own_memory) {
  Image image = Image::create(PixelFormat::yuv420p, 5, 3).value();
  image.view().row(2, 1)[2] = std::byte{9};

  const Image copy = Image::copy_of(image.view());
  image.view().row(2, 1)[2] = std::byte{1};

  EXPECT_EQ(copy.view().row(2, 1)[2], std::byte{9});
  EXPECT_EQ(copy.layout(), image.layout());
}

TEST(ImageDeathTest, row_outside_the_picture_is_a_broken_contract) {
  const Image image = Image::create(PixelFormat::yuv420p, 5, 3).value();

  EXPECT_DEATH(static_cast<void>(image.view().row(1, 2)), "the row lies in the picture");
}

}  // namespace
}  // namespace prong::video

#include "prong/frame/frame_meta.hpp"

#include <gtest/gtest.h>

#include <array>
#include <limits>
#include <random>
#include <vector>

namespace prong {
namespace {

constexpr std::array picture_formats{PixelFormat::gray8, PixelFormat::yuv420p, PixelFormat::nv12,
                                     PixelFormat::rgb24, PixelFormat::bgr24,   PixelFormat::rgba32};

TEST(FrameMeta, packed_pictures_have_the_sizes_that_the_formats_say) {
  EXPECT_EQ(packed_picture(PixelFormat::gray8, 768, 576).value().size, 768U * 576U);
  EXPECT_EQ(packed_picture(PixelFormat::yuv420p, 768, 576).value().size, 768U * 576U * 3 / 2);
  EXPECT_EQ(packed_picture(PixelFormat::nv12, 768, 576).value().size, 768U * 576U * 3 / 2);
  EXPECT_EQ(packed_picture(PixelFormat::rgb24, 1920, 1080).value().size, 1920U * 1080U * 3);
  EXPECT_EQ(packed_picture(PixelFormat::bgr24, 1920, 1080).value().size, 1920U * 1080U * 3);
  EXPECT_EQ(packed_picture(PixelFormat::rgba32, 3, 5).value().size, 60U);
}

TEST(FrameMeta, odd_pictures_have_chroma_rounded_up) {
  EXPECT_EQ(packed_picture(PixelFormat::yuv420p, 5, 3).value().size, 15U + 2 * 3 * 2);
  EXPECT_EQ(packed_picture(PixelFormat::nv12, 5, 3).value().size, 15U + 6 * 2);
}

TEST(FrameMeta, packed_pictures_pass_the_check_in_slots_of_exactly_their_size) {
  for (const PixelFormat format : picture_formats) {
    const FrameMeta meta = packed_picture(format, 33, 17).value();

    EXPECT_TRUE(check_frame(meta, meta.size));
    EXPECT_EQ(check_frame(meta, meta.size - 1).error().code(), Errc::oversize);
  }
}

TEST(FrameMeta, planes_follow_each_other_and_cover_the_frame) {
  for (const PixelFormat format : picture_formats) {
    const FrameMeta meta = packed_picture(format, 6, 4).value();
    const std::vector<std::byte> frame(meta.size);

    std::size_t covered = 0;
    for (std::size_t i = 0; i < plane_count(format); ++i) {
      const Bytes plane = plane_of(frame, meta, i);
      EXPECT_EQ(plane.data(), frame.data() + covered);
      covered += plane.size();
    }
    EXPECT_EQ(covered, frame.size());
  }
}

TEST(FrameMeta, last_row_needs_no_padding) {
  FrameMeta meta = packed_picture(PixelFormat::gray8, 10, 3).value();
  meta.planes[0] = {.offset = 4, .stride = 16};
  meta.size = 4 + 2 * 16 + 10;

  EXPECT_TRUE(check_frame(meta, 1000));
  --meta.size;
  EXPECT_EQ(check_frame(meta, 1000).error().code(), Errc::invalid_argument);
}

TEST(FrameMeta, plane_outside_the_frame_is_refused) {
  for (const PixelFormat format : picture_formats) {
    const FrameMeta good = packed_picture(format, 16, 8).value();
    for (std::size_t i = 0; i < plane_count(format); ++i) {
      FrameMeta meta = good;
      meta.planes[i].offset = good.size;
      EXPECT_EQ(check_frame(meta, good.size).error().code(), Errc::invalid_argument);
      meta.planes[i].offset = std::numeric_limits<std::uint64_t>::max();
      EXPECT_EQ(check_frame(meta, good.size).error().code(), Errc::invalid_argument);
      meta = good;
      meta.planes[i].stride = std::numeric_limits<std::uint64_t>::max();
      EXPECT_EQ(check_frame(meta, good.size).error().code(), Errc::invalid_argument);
      meta = good;
      --meta.planes[i].stride;
      EXPECT_EQ(check_frame(meta, good.size).error().code(), Errc::invalid_argument);
    }
  }
}

TEST(FrameMeta, picture_without_pixels_or_format_is_refused) {
  FrameMeta meta = packed_picture(PixelFormat::gray8, 4, 4).value();
  meta.format = PixelFormat{77};
  EXPECT_EQ(check_frame(meta, 1000).error().code(), Errc::invalid_argument);
  meta.format = PixelFormat::gray8;
  meta.height = 0;
  EXPECT_EQ(check_frame(meta, 1000).error().code(), Errc::invalid_argument);

  EXPECT_EQ(packed_picture(PixelFormat::bytes, 4, 4).error().code(), Errc::invalid_argument);
  EXPECT_EQ(packed_picture(PixelFormat{77}, 4, 4).error().code(), Errc::invalid_argument);
  EXPECT_EQ(packed_picture(PixelFormat::gray8, 0, 4).error().code(), Errc::invalid_argument);
}

TEST(FrameMeta, largest_picture_does_not_wrap) {
  constexpr std::uint32_t most = std::numeric_limits<std::uint32_t>::max();

  EXPECT_EQ(packed_picture(PixelFormat::rgba32, most, most).error().code(), Errc::overflow);
  EXPECT_EQ(packed_picture(PixelFormat::gray8, most, most).value().size, std::uint64_t{most} * most);
}

TEST(FrameMeta, whatever_passes_the_check_has_its_planes_inside) {
  const auto seed = std::random_device{}();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937_64 random{seed};
  constexpr std::size_t slot_bytes = 1000;
  const std::vector<std::byte> slot(slot_bytes);
  const auto number = [&](std::uint64_t most) {
    return random() % 8 == 0 ? random() >> (random() % 64) : random() % (most + 1);
  };
  int passed = 0;
  for (int round = 0; round < 200'000; ++round) {
    FrameMeta meta;
    meta.size = number(slot_bytes);
    meta.width = static_cast<std::uint32_t>(number(20));
    meta.height = static_cast<std::uint32_t>(number(20));
    meta.format = static_cast<PixelFormat>(number(7));
    for (FramePlane& plane : meta.planes) plane = {.offset = number(300), .stride = number(40)};
    if (!check_frame(meta, slot_bytes)) continue;
    ++passed;
    const Bytes frame = Bytes{slot}.first(meta.size);
    for (std::size_t i = 0; i < plane_count(meta.format); ++i) {
      const Bytes plane = plane_of(frame, meta, i);
      ASSERT_TRUE(plane.data() >= frame.data() && plane.data() + plane.size() <= frame.data() + frame.size());
    }
  }
  EXPECT_GT(passed, 1000);
}

}  // namespace
}  // namespace prong

#include "prong/actors/video/contact_sheet.hpp"

#include "prong/actors/video/decoder.hpp"
#include "prong/actors/video/painter.hpp"
#include "prong/actors/video/png.hpp"
#include "video_test.hpp"

#include <algorithm>

namespace prong::video {
namespace {

using ContactSheet_ = tests::VideoTest;
using namespace std::chrono_literals;

Image plain(std::uint8_t luma, int width = 160, int height = 120) {
  Image image = Image::create(PixelFormat::yuv420p, width, height).value();
  Painter{image.view()}.fill({0, 0, width, height}, {luma, 128, 128});
  return image;
}

std::vector<int> seconds(const ContactSheet& sheet) {
  std::vector<int> result;
  for (const auto time : sheet.times()) result.push_back(static_cast<int>(time / 1s));
  return result;
}

TEST_F(ContactSheet_, keeps_the_busiest_moments_of_a_video_of_any_length) {
  ContactSheet sheet{{.columns = 2, .rows = 2, .cell_width = 32}};
  const Image frame = plain(100);
  const std::vector<double> busyness{1, 5, 2, 9, 3, 7, 2, 8, 1, 5};

  for (int i = 0; i < 1'000; ++i)
    ASSERT_TRUE(sheet.offer(frame.view(), i * 1s, i < 10 ? busyness[static_cast<std::size_t>(i)] : 0.5));

  EXPECT_EQ(seconds(sheet), (std::vector<int>{1, 3, 5, 7})) << "of the two with 5, the earlier";
}

TEST_F(ContactSheet_, takes_no_two_moments_within_the_gap) {
  ContactSheet sheet{{.columns = 4, .rows = 3, .cell_width = 16}};
  const Image frame = plain(100);

  // Busier and busier at ten frames per second for 30 seconds, then calmer.
  for (int i = 0; i < 600; ++i) ASSERT_TRUE(sheet.offer(frame.view(), i * 100ms, i < 300 ? i : 600 - i));

  const auto times = sheet.times();
  EXPECT_EQ(sheet.size(), 12U);
  for (std::size_t i = 1; i < times.size(); ++i) EXPECT_GE(times[i] - times[i - 1], 1s);
  EXPECT_NE(std::ranges::find(times, 30s), times.end()) << "the busiest moment of all";
}

TEST_F(ContactSheet_, fills_up_with_calm_moments_where_there_are_no_others) {
  ContactSheet sheet{{.columns = 2, .rows = 1, .cell_width = 16}};
  const Image frame = plain(100);

  for (int i = 0; i < 50; ++i) ASSERT_TRUE(sheet.offer(frame.view(), i * 100ms, 0));

  EXPECT_EQ(seconds(sheet), (std::vector<int>{0, 1}));
}

TEST_F(ContactSheet_, is_made_again_from_the_pictures_it_took) {
  const ContactSheetOptions options{.columns = 2, .rows = 2, .cell_width = 40};
  ContactSheet sheet{options};
  ContactSheet again{options};
  const std::vector<double> busyness{1, 5, 2, 9, 3, 7, 2, 8, 1, 5};
  for (int i = 0; i < 100; ++i) {
    const double busy = busyness[static_cast<std::size_t>(i % 10)];
    if (!sheet.offer(plain(static_cast<std::uint8_t>(i + 20)).view(), i * 700ms, busy).value()) continue;
    const Image& taken = *sheet.picture_of(i * 700ms);
    ASSERT_TRUE(again.restore(taken.bytes(), taken.layout().height, i * 700ms, busy));
  }

  EXPECT_EQ(again.times(), sheet.times());
  EXPECT_TRUE(std::ranges::equal(again.render().value().bytes(), sheet.render().value().bytes()));
  EXPECT_EQ(again.restore(as_bytes("no picture"), 30, 0ms, 1).error().code(), Errc::size_invalid);
}

TEST_F(ContactSheet_, picture_decodes_back_with_every_cell_in_its_place) {
  ContactSheet sheet;
  for (int i = 0; i < 12; ++i)
    ASSERT_TRUE(sheet.offer(plain(static_cast<std::uint8_t>(40 + 15 * i), 768, 576).view(), i * 2s, 1));
  ASSERT_TRUE(sheet.write(path("sheet.png")));

  auto decoder = Decoder::open(path("sheet.png"), {}, Deadline::after(20s)).value();
  const auto picture = decoder.next(Deadline::after(20s)).value();

  EXPECT_EQ(decoder.info().codec, "png");
  EXPECT_EQ(decoder.info().layout.width, 4 * 324 + 4);
  EXPECT_EQ(decoder.info().layout.height, 3 * 244 + 4);
  EXPECT_FALSE(std::filesystem::exists(path("sheet.png.part")));
  ASSERT_TRUE(picture);
  const ImageView view = picture->image.view();
  for (int i = 0; i < 12; ++i) {
    const int x = 4 + i % 4 * 324 + 160;
    const int y = 4 + i / 4 * 244 + 60;
    EXPECT_NEAR(std::to_integer<int>(view.row(0, y)[static_cast<std::size_t>(x)]), 40 + 15 * i, 2) << i;
    int white = 0;  // The caption, in the lower left corner.
    for (int row = y + 150; row < y + 180; ++row)
      for (const std::byte pixel : view.row(0, row).subspan(static_cast<std::size_t>(x - 156), 90))
        white += std::to_integer<int>(pixel) > 225;
    EXPECT_GT(white, 100) << i;
  }
}

TEST_F(ContactSheet_, without_a_frame_or_a_place_to_write_is_an_error) {
  ContactSheet sheet;
  EXPECT_EQ(sheet.write(path("sheet.png")).error().code(), Errc::invalid_state);
  EXPECT_FALSE(std::filesystem::exists(path("sheet.png.part")));

  ASSERT_TRUE(sheet.offer(plain(90).view(), 0s, 1));

  EXPECT_EQ(sheet.write(path("none/sheet.png")).error().system_error(), ENOENT);
}

TEST_F(ContactSheet_, takes_frames_of_any_shape) {
  for (const auto& [width, height] : {std::pair{1, 1}, {2'000, 10}, {10, 2'000}, {321, 241}}) {
    ContactSheet sheet{{.columns = 2, .rows = 1, .cell_width = 64}};
    ASSERT_TRUE(sheet.offer(plain(90, width, height).view(), 0s, 1));
    ASSERT_TRUE(sheet.offer(plain(90, 64, 64).view(), 5s, 1)) << "another shape later";
    EXPECT_TRUE(sheet.render()) << width;
  }
}

TEST_F(ContactSheet_, png_keeps_grey_and_colour_exactly) {
  Image colours = Image::create(PixelFormat::rgb24, 3, 2).value();
  Image greys = Image::create(PixelFormat::gray8, 3, 2).value();
  for (int y = 0; y < 2; ++y) {
    std::ranges::fill(colours.view().row(0, y), std::byte{255});
    std::ranges::fill(greys.view().row(0, y), std::byte{77});
  }

  ASSERT_TRUE(write_png(path("colours.png"), colours.view()));
  ASSERT_TRUE(write_png(path("greys.png"), greys.view()));

  const auto luma = [](const std::string& file) {
    auto decoder = Decoder::open(file, {}, Deadline::after(20s)).value();
    return std::to_integer<int>(decoder.next(Deadline::never()).value()->image.view().row(0, 1)[2]);
  };
  EXPECT_EQ(luma(path("colours.png")), 235);
  EXPECT_EQ(read_file(path("greys.png")).substr(1, 3), "PNG");
}

}  // namespace
}  // namespace prong::video

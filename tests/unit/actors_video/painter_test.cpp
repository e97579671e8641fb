#include "prong/actors/video/painter.hpp"

#include <gtest/gtest.h>

#include <climits>

namespace prong::video {
namespace {

constexpr Colour red{81, 90, 240};

/// A black canvas.
struct Canvas {
  Canvas(int width, int height) : image{Image::create(PixelFormat::yuv420p, width, height).value()} {
    painter.fill({0, 0, width, height}, Colour::black);
  }

  [[nodiscard]] Colour at(int x, int y) const {
    const auto pixel = [&](int plane, int px, int py) {
      return std::to_integer<std::uint8_t>(image.view().row(plane, py)[static_cast<std::size_t>(px)]);
    };
    return {pixel(0, x, y), pixel(1, x / 2, y / 2), pixel(2, x / 2, y / 2)};
  }
  [[nodiscard]] int painted() const {
    int count = 0;
    for (int y = 0; y < image.layout().height; ++y)
      for (int x = 0; x < image.layout().width; ++x) count += at(x, y).luma != Colour::black.luma;
    return count;
  }
  /// Returns the luma as text: '#' where something was painted.
  [[nodiscard]] std::string dots(const Box& box) const {
    std::string text;
    for (int y = box.y; y < box.bottom(); ++y) {
      for (int x = box.x; x < box.right(); ++x) text += at(x, y).luma == Colour::black.luma ? '.' : '#';
      text += '\n';
    }
    return text;
  }

  Image image;
  Painter painter{image.view()};
};

TEST(Painter, fills_luma_to_the_pixel_and_chroma_to_the_block) {
  Canvas canvas{16, 16};

  canvas.painter.fill({3, 4, 4, 2}, red);

  EXPECT_EQ(canvas.painted(), 8);
  EXPECT_EQ(canvas.at(3, 4), red);
  EXPECT_EQ(canvas.at(6, 5), red);
  EXPECT_EQ(canvas.at(2, 4), (Colour{16, 90, 240})) << "shares a chroma block with (3, 4)";
  EXPECT_EQ(canvas.at(8, 4), Colour::black);
  EXPECT_EQ(canvas.at(3, 6), Colour::black);
}

TEST(Painter, frames_a_box_inwards) {
  Canvas canvas{32, 32};

  canvas.painter.frame({4, 4, 10, 8}, Colour::white, 2);

  EXPECT_EQ(canvas.dots({3, 3, 12, 10}),
            "............\n"
            ".##########.\n"
            ".##########.\n"
            ".##......##.\n"
            ".##......##.\n"
            ".##......##.\n"
            ".##......##.\n"
            ".##########.\n"
            ".##########.\n"
            "............\n");
}

TEST(Painter, draws_lines_from_end_to_end) {
  Canvas canvas{16, 16};
  const std::vector<Point> way{{1, 1}, {5, 1}, {5, 4}, {8, 7}};

  canvas.painter.polyline(way, Colour::white);

  EXPECT_EQ(canvas.dots({0, 0, 10, 9}),
            "..........\n"
            ".#####....\n"
            ".....#....\n"
            ".....#....\n"
            ".....#....\n"
            "......#...\n"
            ".......#..\n"
            "........#.\n"
            "..........\n");
}

TEST(Painter, writes_letters_and_digits) {
  Canvas canvas{32, 16};

  canvas.painter.text({1, 1}, "r2:", Colour::white);

  EXPECT_EQ(canvas.dots({0, 0, 19, 9}),
            "...................\n"
            ".####...###........\n"
            ".#...#.#...#..##...\n"
            ".#...#.....#..##...\n"
            ".####.....#........\n"
            ".#.#.....#....##...\n"
            ".#..#...#.....##...\n"
            ".#...#.#####.......\n"
            "...................\n");
  EXPECT_EQ(Painter::text_size("r2:"), (Box{0, 0, 17, 7}));
}

TEST(Painter, labels_have_a_background) {
  Canvas canvas{40, 30};

  canvas.painter.label({2, 2}, "I", Colour::black, Colour::white, 2);

  EXPECT_EQ(canvas.at(2, 2), Colour::white);
  EXPECT_EQ(canvas.at(2 + 14 - 1, 2 + 18 - 1), Colour::white);
  EXPECT_EQ(canvas.at(2 + 14, 2).luma, Colour::black.luma);
  EXPECT_EQ(canvas.at(2 + 2 + 4, 2 + 2 + 6).luma, Colour::black.luma) << "the stem of the letter";
}

TEST(Painter, leaves_out_what_lies_outside_however_far) {
  for (const auto& [width, height] : {std::pair{16, 16}, {17, 15}, {1, 1}}) {
    Canvas canvas{width, height};

    canvas.painter.frame({-5, -5, 8, 8}, red);
    canvas.painter.fill({width - 1, height - 1, 100, 100}, red);
    for (const int far : {INT_MAX, INT_MIN, INT_MAX / 2}) {
      canvas.painter.fill({far, far, far, far}, red);
      canvas.painter.frame({0, 0, far, far}, red);
      canvas.painter.line({far, 0}, {0, far}, red, 3);
      canvas.painter.text({far, far}, "text", red, 3);
      canvas.painter.label({0, far}, "text", red, Colour::white);
    }
    canvas.painter.line({-20, -20}, {40, 40}, red, 3);
    canvas.painter.text({-8, -3}, "text that is too long for the picture", red, 2);

    EXPECT_EQ(canvas.at(width - 1, height - 1), red);
  }
}

TEST(Colour, from_rgb_is_limited_range_bt601) {
  EXPECT_EQ(Colour::from_rgb(0, 0, 0), Colour::black);
  EXPECT_EQ(Colour::from_rgb(255, 255, 255), Colour::white);
  EXPECT_EQ(Colour::from_rgb(255, 0, 0), red);
  EXPECT_NE(Colour::of_number(1), Colour::of_number(2));
  EXPECT_EQ(Colour::of_number(1), Colour::of_number(13));
}

}  // namespace
}  // namespace prong::video

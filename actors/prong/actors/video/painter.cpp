#include "prong/actors/video/painter.hpp"

#include "prong/actors/video/detail/font.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdlib>

namespace prong::video {
namespace {

using detail::glyph_height;
using detail::glyph_width;

std::uint8_t to_byte(double value) noexcept {
  return static_cast<std::uint8_t>(std::clamp(std::lround(value), 0L, 255L));
}

void fill_plane(const MutableImageView& picture, int plane, const Box& box, std::uint8_t value) {
  for (int y = box.y; y < box.bottom(); ++y)
    std::ranges::fill(
        picture.row(plane, y).subspan(static_cast<std::size_t>(box.x), static_cast<std::size_t>(box.width)),
        std::byte{value});
}

constexpr int largest_pen = 256;

// Boxes come from other processes: what is far outside the picture is left out before it can overflow.
bool is_reachable(Point point) noexcept {
  constexpr int limit = 4 * ImageLayout::largest_side;
  return point.x >= -limit && point.x <= limit && point.y >= -limit && point.y <= limit;
}

bool is_reachable(const Box& box) noexcept {
  return is_reachable(Point{box.x, box.y}) && is_reachable(Point{box.width, box.height});
}

}  // namespace

// Source: ITU-R BT.601, section 2.5, for 8 bits.
Colour Colour::from_rgb(std::uint8_t red, std::uint8_t green, std::uint8_t blue) noexcept {
  const double luma = (0.299 * red + 0.587 * green + 0.114 * blue) / 255;
  return {to_byte(16 + 219 * luma), to_byte(128 + 224 * (blue / 255.0 - luma) / 1.772),
          to_byte(128 + 224 * (red / 255.0 - luma) / 1.402)};
}

Colour Colour::of_number(std::uint64_t number) noexcept {
  static const std::array<Colour, 12> palette{from_rgb(255, 64, 64),   from_rgb(64, 220, 64),  from_rgb(80, 140, 255),
                                              from_rgb(255, 220, 0),   from_rgb(255, 80, 255), from_rgb(0, 230, 230),
                                              from_rgb(255, 140, 0),   from_rgb(170, 255, 80), from_rgb(190, 120, 255),
                                              from_rgb(255, 150, 170), from_rgb(0, 200, 140),  from_rgb(240, 240, 160)};
  return palette[number % palette.size()];
}

Painter::Painter(const MutableImageView& picture) : picture_{picture} {
  PRONG_EXPECT(picture.layout().format == PixelFormat::yuv420p, "a painter paints yuv420p");
}

void Painter::fill(const Box& box, Colour colour) {
  if (!is_reachable(box)) return;
  const Box inside = intersection(box, {0, 0, picture_.width(), picture_.height()});
  if (inside.width == 0 || inside.height == 0) return;
  fill_plane(picture_, 0, inside, colour.luma);
  const int x = inside.x / 2;
  const int y = inside.y / 2;
  const Box blocks{x, y, (inside.right() + 1) / 2 - x, (inside.bottom() + 1) / 2 - y};
  fill_plane(picture_, 1, blocks, colour.blue_difference);
  fill_plane(picture_, 2, blocks, colour.red_difference);
}

void Painter::frame(const Box& box, Colour colour, int thickness) {
  const int edge = std::min({thickness, box.width, box.height});
  if (edge <= 0 || !is_reachable(box)) return;
  fill({box.x, box.y, box.width, edge}, colour);
  fill({box.x, box.bottom() - edge, box.width, edge}, colour);
  fill({box.x, box.y, edge, box.height}, colour);
  fill({box.right() - edge, box.y, edge, box.height}, colour);
}

void Painter::line(Point from, Point to, Colour colour, int thickness) {
  if (!is_reachable(from) || !is_reachable(to)) return;
  PRONG_EXPECT(thickness >= 1 && thickness <= largest_pen, "a line is as thick as one can see");
  const int steps = std::max(std::abs(to.x - from.x), std::abs(to.y - from.y));
  const int before = (thickness - 1) / 2;
  for (int step = 0; step <= steps; ++step) {
    const double share = steps == 0 ? 0.0 : static_cast<double>(step) / steps;
    const int x = from.x + static_cast<int>(std::lround(share * (to.x - from.x)));
    const int y = from.y + static_cast<int>(std::lround(share * (to.y - from.y)));
    fill({x - before, y - before, thickness, thickness}, colour);
  }
}

void Painter::polyline(std::span<const Point> points, Colour colour, int thickness) {
  for (std::size_t i = 1; i < points.size(); ++i) line(points[i - 1], points[i], colour, thickness);
}

void Painter::text(Point at, std::string_view text, Colour colour, int scale) {
  if (!is_reachable(at)) return;
  PRONG_EXPECT(scale >= 1 && scale <= largest_pen, "a letter is as large as one can see");
  for (const char letter : text) {
    if (at.x >= picture_.width()) return;
    const detail::Glyph& glyph = detail::glyph_of(letter);
    for (int y = 0; y < glyph_height; ++y)
      for (int x = 0; x < glyph_width; ++x)
        if ((glyph[static_cast<std::size_t>(y)] >> (glyph_width - 1 - x) & 1) != 0)
          fill({at.x + x * scale, at.y + y * scale, scale, scale}, colour);
    at.x += (glyph_width + 1) * scale;
  }
}

void Painter::label(Point at, std::string_view text, Colour colour, Colour background, int scale) {
  if (!is_reachable(at)) return;
  PRONG_EXPECT(scale >= 1 && scale <= largest_pen, "a letter is as large as one can see");
  const Box size = text_size(text, scale);
  fill({at.x, at.y, size.width + 2 * scale, size.height + 2 * scale}, background);
  this->text({at.x + scale, at.y + scale}, text, colour, scale);
}

Box Painter::text_size(std::string_view text, int scale) noexcept {
  const auto letters = static_cast<int>(text.size());
  return {0, 0, letters == 0 ? 0 : (letters * (glyph_width + 1) - 1) * scale, glyph_height * scale};
}

}  // namespace prong::video

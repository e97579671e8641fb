// Draws on pictures.
#pragma once

#include "prong/actors/video/geometry.hpp"
#include "prong/actors/video/image.hpp"

#include <span>
#include <string_view>

namespace prong::video {

/// A colour in limited-range ITU-R BT.601, as the pictures have it.
struct Colour {
  std::uint8_t luma = 16;
  std::uint8_t blue_difference = 128;
  std::uint8_t red_difference = 128;

  /// Converts full-range red, green and blue.
  [[nodiscard]] static Colour from_rgb(std::uint8_t red, std::uint8_t green, std::uint8_t blue) noexcept;
  /// Returns one of a dozen bright colours: the same for the same number, another for the next.
  [[nodiscard]] static Colour of_number(std::uint64_t number) noexcept;

  static const Colour black;
  static const Colour white;

  friend constexpr bool operator==(Colour, Colour) = default;
};

inline constexpr Colour Colour::black{16, 128, 128};
inline constexpr Colour Colour::white{235, 128, 128};

/// Draws boxes, lines and text on a YUV420P picture. What lies outside the picture is left out.
///
/// Chroma has half the resolution, so a coloured pixel colours the block of 2 x 2 that it is in.
/// Give it a picture of your own: a decoder's frame is what its next frames are predicted from.
class Painter {
 public:
  /// Requires: the picture is yuv420p and outlives the painter.
  explicit Painter(const MutableImageView& picture);

  /// Fills `box`.
  void fill(const Box& box, Colour colour);
  /// Draws the edge of `box`, `thickness` pixels inwards. Thickness and scale are of 1 to 256 pixels everywhere here.
  void frame(const Box& box, Colour colour, int thickness = 2);
  /// Draws a straight line of `thickness` x `thickness` dots from `from` to `to`, both included.
  void line(Point from, Point to, Colour colour, int thickness = 1);
  /// Draws the line through all `points`.
  void polyline(std::span<const Point> points, Colour colour, int thickness = 1);
  /// Writes `text` with its top left corner at `at`: letters of 5 x 7 dots, each `scale` pixels. Capitals only.
  void text(Point at, std::string_view text, Colour colour, int scale = 1);
  /// Writes `text` on a filled background a dot wider than the letters.
  void label(Point at, std::string_view text, Colour colour, Colour background, int scale = 1);

  /// Returns the size of what text() draws, from (0, 0). Units: pixels.
  [[nodiscard]] static Box text_size(std::string_view text, int scale = 1) noexcept;

 private:
  MutableImageView picture_;
};

}  // namespace prong::video

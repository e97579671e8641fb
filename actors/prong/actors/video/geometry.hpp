// Places in a picture. The origin is the top left pixel; x grows to the right, y downwards.
#pragma once

#include <algorithm>
#include <cstdint>

namespace prong::video {

/// A pixel's place.
struct Point {
  int x = 0;
  int y = 0;

  friend constexpr bool operator==(Point, Point) = default;

  template <class Archive>
  void serialize(Archive& archive) {
    archive(x, y);
  }
};

/// A rectangle of pixels: columns [x, x + width), rows [y, y + height). Units: pixels.
struct Box {
  int x = 0;
  int y = 0;
  int width = 0;
  int height = 0;

  [[nodiscard]] constexpr int right() const noexcept { return x + width; }
  [[nodiscard]] constexpr int bottom() const noexcept { return y + height; }
  [[nodiscard]] constexpr std::int64_t area() const noexcept { return std::int64_t{width} * height; }
  [[nodiscard]] constexpr Point centre() const noexcept { return {x + width / 2, y + height / 2}; }

  friend constexpr bool operator==(const Box&, const Box&) = default;

  template <class Archive>
  void serialize(Archive& archive) {
    archive(x, y, width, height);
  }
};

/// Returns what both cover; its width and height are 0 where they do not meet.
[[nodiscard]] constexpr Box intersection(const Box& a, const Box& b) noexcept {
  const int x = std::max(a.x, b.x);
  const int y = std::max(a.y, b.y);
  return {x, y, std::max(0, std::min(a.right(), b.right()) - x), std::max(0, std::min(a.bottom(), b.bottom()) - y)};
}

/// Returns the smallest box around both.
[[nodiscard]] constexpr Box enclosing(const Box& a, const Box& b) noexcept {
  const int x = std::min(a.x, b.x);
  const int y = std::min(a.y, b.y);
  return {x, y, std::max(a.right(), b.right()) - x, std::max(a.bottom(), b.bottom()) - y};
}

/// Returns the intersection's share of the union: 1 for equal boxes, 0 for boxes that do not meet.
[[nodiscard]] constexpr double overlap(const Box& a, const Box& b) noexcept {
  const std::int64_t common = intersection(a, b).area();
  const std::int64_t together = a.area() + b.area() - common;
  return together > 0 ? static_cast<double>(common) / static_cast<double>(together) : 0.0;
}

}  // namespace prong::video

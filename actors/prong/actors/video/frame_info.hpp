// What is known about a frame of a video beside its pixels.
#pragma once

#include "prong/actors/video/image.hpp"

#include <chrono>
#include <cstdint>

namespace prong::video {

/// Frames per second, as a fraction: 30000/1001 has no exact double.
struct FrameRate {
  int numerator = 25;
  int denominator = 1;

  [[nodiscard]] constexpr double per_second() const noexcept {
    return static_cast<double>(numerator) / static_cast<double>(denominator);
  }
  /// Returns the time from one frame to the next.
  [[nodiscard]] constexpr std::chrono::nanoseconds interval() const noexcept {
    return std::chrono::nanoseconds{std::int64_t{1'000'000'000} * denominator / numerator};
  }
  [[nodiscard]] constexpr bool is_valid() const noexcept { return numerator > 0 && denominator > 0; }

  friend constexpr bool operator==(FrameRate, FrameRate) = default;
};

/// One frame: which one, when, and how its pixels lie in the memory it was put into.
struct FrameInfo {
  std::uint64_t number = 0;         ///< Counts from 0, without holes.
  std::chrono::nanoseconds time{};  ///< Since the stream's first frame, by the stream's own clock.
  ImageLayout layout;
};

}  // namespace prong::video

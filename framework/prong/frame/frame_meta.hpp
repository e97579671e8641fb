// What is known about a frame beside its pixels.
#pragma once

#include "prong/base/bytes.hpp"
#include "prong/base/result.hpp"

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>

namespace prong {

/// How the pixels of a frame lie in its bytes. The numbers never change.
enum class PixelFormat : std::uint32_t {
  bytes = 0,    ///< No picture: `size` bytes that mean something to producer and consumer only.
  gray8 = 1,    ///< One plane, one byte per pixel.
  yuv420p = 2,  ///< Three planes: Y, then U and V at half width and height, rounded up.
  nv12 = 3,     ///< Two planes: Y, then U and V in turn at half width and height, rounded up.
  rgb24 = 4,    ///< One plane, three bytes per pixel.
  bgr24 = 5,    ///< One plane, three bytes per pixel.
  rgba32 = 6,   ///< One plane, four bytes per pixel.
};

inline constexpr std::size_t max_frame_planes = 3;

/// Where one plane of a picture lies.
struct FramePlane {
  std::uint64_t offset = 0;  ///< Units: bytes from the frame's first.
  std::uint64_t stride = 0;  ///< Units: bytes from one row to the next.

  friend bool operator==(const FramePlane&, const FramePlane&) = default;
};

/// One frame: which, when, and how its pixels lie in its slot.
///
/// The producer fills it in, but for what the ring assigns; a consumer gets a checked copy.
struct FrameMeta {
  std::uint64_t sequence = 0;  ///< Assigned by the ring: counts published frames from 1, without gaps.
  std::chrono::steady_clock::time_point published_at{};  ///< Assigned by the ring; the same clock in all processes.
  std::chrono::nanoseconds source_time{0};               ///< By the source's own clock, as a decoder's pts.
  std::uint64_t size = 0;                                ///< Units: bytes.
  std::array<FramePlane, max_frame_planes> planes{};     ///< Those that the format has.
  std::uint32_t width = 0;                               ///< Units: pixels.
  std::uint32_t height = 0;                              ///< Units: pixels.
  PixelFormat format = PixelFormat::bytes;
  std::uint32_t slot = 0;            ///< Assigned by the ring.
  std::array<std::byte, 64> user{};  ///< The user's.

  friend bool operator==(const FrameMeta&, const FrameMeta&) = default;
};

/// Returns how many planes a picture of `format` has; 0 for PixelFormat::bytes and for numbers that are no format.
[[nodiscard]] std::size_t plane_count(PixelFormat format) noexcept;

/// Describes a picture whose rows and planes follow each other without gaps, its size included.
/// Fails with: invalid_argument for no picture format or no pixels, overflow.
[[nodiscard]] Result<FrameMeta> packed_picture(PixelFormat format, std::uint32_t width, std::uint32_t height);

/// Succeeds if `meta` describes a frame that lies within a slot and whose planes lie within the frame.
/// Fails with: oversize if it is larger than the slot, invalid_argument.
[[nodiscard]] Result<void> check_frame(const FrameMeta& meta, std::size_t slot_bytes);

/// Returns the bytes of one plane, from its first row's first pixel to its last row's last.
/// Requires: check_frame() of `meta` has succeeded; `frame` has `meta.size` bytes; `plane` is less than plane_count().
[[nodiscard]] Bytes plane_of(Bytes frame, const FrameMeta& meta, std::size_t plane) noexcept;

}  // namespace prong

#include "prong/frame/frame_meta.hpp"

#include "prong/base/checked.hpp"
#include "prong/base/contract.hpp"

#include <optional>
#include <string>

namespace prong {
namespace {

// The pixels of one plane, without the gaps between its rows.
struct PlaneShape {
  std::uint64_t row_bytes = 0;
  std::uint64_t rows = 0;
};

// Numbers of 32 bits in, so nothing here can wrap.
PlaneShape shape_of(const FrameMeta& meta, std::size_t plane) noexcept {
  const std::uint64_t width = meta.width;
  const std::uint64_t height = meta.height;
  const bool is_chroma = plane > 0;
  switch (meta.format) {
    case PixelFormat::bytes: break;
    case PixelFormat::gray8: return {width, height};
    case PixelFormat::yuv420p:
      return is_chroma ? PlaneShape{(width + 1) / 2, (height + 1) / 2} : PlaneShape{width, height};
    case PixelFormat::nv12:
      return is_chroma ? PlaneShape{(width + 1) / 2 * 2, (height + 1) / 2} : PlaneShape{width, height};
    case PixelFormat::rgb24:
    case PixelFormat::bgr24: return {3 * width, height};
    case PixelFormat::rgba32: return {4 * width, height};
  }
  return {};
}

// From the first pixel to the last. Nothing if it does not fit into a number. Requires: at least one row.
std::optional<std::uint64_t> extent_of(const PlaneShape& shape, std::uint64_t stride) noexcept {
  const auto before_last = checked_multiply<std::uint64_t>(stride, shape.rows - 1);
  return before_last ? checked_add<std::uint64_t>(*before_last, shape.row_bytes) : std::nullopt;
}

Result<void> check_plane(const FrameMeta& meta, std::size_t number) {
  const PlaneShape shape = shape_of(meta, number);
  const FramePlane& plane = meta.planes[number];
  if (plane.stride < shape.row_bytes)
    return fail(Errc::invalid_argument, "plane " + std::to_string(number) + " has a stride of " +
                                            std::to_string(plane.stride) + " bytes for rows of " +
                                            std::to_string(shape.row_bytes));
  const auto extent = extent_of(shape, plane.stride);
  const auto end = extent ? checked_add<std::uint64_t>(*extent, plane.offset) : std::nullopt;
  if (!end || *end > meta.size)
    return fail(Errc::invalid_argument, "plane " + std::to_string(number) + " reaches past the frame's " +
                                            std::to_string(meta.size) + " bytes");
  return {};
}

}  // namespace

std::size_t plane_count(PixelFormat format) noexcept {
  switch (format) {
    case PixelFormat::bytes: return 0;
    case PixelFormat::gray8:
    case PixelFormat::rgb24:
    case PixelFormat::bgr24:
    case PixelFormat::rgba32: return 1;
    case PixelFormat::nv12: return 2;
    case PixelFormat::yuv420p: return 3;
  }
  return 0;
}

Result<FrameMeta> packed_picture(PixelFormat format, std::uint32_t width, std::uint32_t height) {
  FrameMeta meta;
  meta.format = format;
  meta.width = width;
  meta.height = height;
  const std::size_t planes = plane_count(format);
  if (planes == 0 || width == 0 || height == 0)
    return fail(Errc::invalid_argument, "a picture has pixels and a format of pixels");
  for (std::size_t number = 0; number < planes; ++number) {
    const PlaneShape shape = shape_of(meta, number);
    meta.planes[number] = {.offset = meta.size, .stride = shape.row_bytes};
    const auto extent = extent_of(shape, shape.row_bytes);
    const auto end = extent ? checked_add<std::uint64_t>(meta.size, *extent) : std::nullopt;
    if (!end) return fail(Errc::overflow, "a picture larger than memory");
    meta.size = *end;
  }
  return meta;
}

Result<void> check_frame(const FrameMeta& meta, std::size_t slot_bytes) {
  if (meta.size > slot_bytes)
    return fail(Errc::oversize, "a frame of " + std::to_string(meta.size) + " bytes does not fit a slot of " +
                                    std::to_string(slot_bytes));
  if (meta.format == PixelFormat::bytes) return {};
  const std::size_t planes = plane_count(meta.format);
  if (planes == 0)
    return fail(Errc::invalid_argument,
                "no pixel format has the number " + std::to_string(static_cast<std::uint32_t>(meta.format)));
  if (meta.width == 0 || meta.height == 0) return fail(Errc::invalid_argument, "a picture without pixels");
  for (std::size_t number = 0; number < planes; ++number) PRONG_TRY(check_plane(meta, number));
  return {};
}

Bytes plane_of(Bytes frame, const FrameMeta& meta, std::size_t plane) noexcept {
  PRONG_EXPECT(plane < plane_count(meta.format), "the format has that many planes");
  const auto extent = extent_of(shape_of(meta, plane), meta.planes[plane].stride);
  PRONG_EXPECT(frame.size() == meta.size && extent && meta.planes[plane].offset <= meta.size &&
                   *extent <= meta.size - meta.planes[plane].offset,
               "the metadata was checked and is of this frame");
  return frame.subspan(meta.planes[plane].offset, *extent);
}

}  // namespace prong

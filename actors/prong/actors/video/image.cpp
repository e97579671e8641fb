#include "prong/actors/video/image.hpp"

#include "prong/base/checked.hpp"

#include <algorithm>
#include <string>

namespace prong::video {
namespace {

// A cache line, and what the widest vector instructions of libswscale and libavcodec want.
constexpr std::size_t row_alignment = 64;

std::string sides(int width, int height) {
  return "a picture of " + std::to_string(width) + " x " + std::to_string(height);
}

bool is_side(int side) noexcept {
  return side >= 1 && side <= ImageLayout::largest_side;
}

}  // namespace

Result<ImageLayout> ImageLayout::of(PixelFormat format, int width, int height) {
  if (!is_side(width) || !is_side(height))
    return fail(Errc::size_invalid,
                sides(width, height) + ": a side is of 1 to " + std::to_string(largest_side) + " pixels");
  ImageLayout layout{.format = format, .width = width, .height = height};
  for (int plane = 0; plane < layout.plane_count(); ++plane) {
    const std::size_t stride = (layout.row_bytes(plane) + row_alignment - 1) / row_alignment * row_alignment;
    layout.planes[static_cast<std::size_t>(plane)] = {layout.size, stride};
    layout.size += stride * static_cast<std::size_t>(layout.rows(plane));
  }
  return layout;
}

std::size_t ImageLayout::row_bytes(int plane) const noexcept {
  const auto pixels = static_cast<std::size_t>(width);
  if (format == PixelFormat::rgb24) return 3 * pixels;
  return plane == 0 ? pixels : (pixels + 1) / 2;
}

int ImageLayout::rows(int plane) const noexcept {
  return plane == 0 ? height : (height + 1) / 2;
}

Result<void> check_layout(const ImageLayout& layout, std::size_t available) {
  const auto wrong = [&layout](std::string_view why) {
    return fail(Errc::size_invalid, sides(layout.width, layout.height) + " " + std::string{why});
  };
  if (!is_side(layout.width) || !is_side(layout.height)) return wrong("has a side out of range");
  if (layout.format > PixelFormat::rgb24) return wrong("has an unknown pixel format");
  for (int plane = 0; plane < layout.plane_count(); ++plane) {
    const Plane& place = layout.planes[static_cast<std::size_t>(plane)];
    if (place.stride < layout.row_bytes(plane)) return wrong("has rows that overlap");
    const auto before = checked_multiply(place.stride, static_cast<std::size_t>(layout.rows(plane) - 1));
    const auto start = before ? checked_add(*before, place.offset) : std::nullopt;
    const auto end = start ? checked_add(*start, layout.row_bytes(plane)) : std::nullopt;
    if (!end || *end > available) return wrong("does not fit into " + std::to_string(available) + " bytes");
  }
  return {};
}

Result<Image> Image::create(PixelFormat format, int width, int height) {
  PRONG_TRY_ASSIGN(const ImageLayout layout, ImageLayout::of(format, width, height));
  return Image{layout};
}

Image Image::copy_of(const ImageView& view) {
  const ImageLayout& layout = view.layout();
  Image copy = create(layout.format, layout.width, layout.height).value();
  const MutableImageView to = copy.view();
  for (int plane = 0; plane < layout.plane_count(); ++plane)
    for (int y = 0; y < layout.rows(plane); ++y) std::ranges::copy(view.row(plane, y), to.row(plane, y).begin());
  return copy;
}

}  // namespace prong::video

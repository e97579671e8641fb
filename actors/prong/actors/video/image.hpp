// Pictures: how pixels lie in memory, views of them, and a picture that owns its pixels.
#pragma once

#include "prong/base/bytes.hpp"
#include "prong/base/contract.hpp"
#include "prong/base/result.hpp"

#include <array>
#include <cstdint>
#include <memory>

namespace prong::video {

/// How a pixel is stored.
enum class PixelFormat : std::uint8_t {
  gray8,    ///< One plane: luma, full range (0 to 255).
  yuv420p,  ///< Three planes: luma, then both chroma at half width and half height, rounded up.
            ///< Limited range (16 to 235, chroma to 240) of ITU-R BT.601.
  rgb24,    ///< One plane: red, green, blue; full range.
};

/// Where one plane lies. Units: bytes.
struct Plane {
  std::size_t offset = 0;  ///< From the picture's first byte to the plane's.
  std::size_t stride = 0;  ///< From a row's first byte to the next row's.

  friend constexpr bool operator==(const Plane&, const Plane&) = default;
};

/// How a picture lies in memory. Plain data: whether it is sound is checked where a view is made.
struct ImageLayout {
  /// The largest width and height. Units: pixels.
  static constexpr int largest_side = 16'384;

  PixelFormat format = PixelFormat::gray8;
  int width = 0;   ///< Units: pixels.
  int height = 0;  ///< Units: pixels.
  std::array<Plane, 3> planes{};
  std::size_t size = 0;  ///< Units: bytes, of all planes with their padding.

  /// Lays a picture out plane after plane, each row at a multiple of 64 bytes from the first.
  /// Fails with: size_invalid for a side below 1 or above largest_side.
  [[nodiscard]] static Result<ImageLayout> of(PixelFormat format, int width, int height);

  [[nodiscard]] int plane_count() const noexcept { return format == PixelFormat::yuv420p ? 3 : 1; }
  /// Returns the bytes of one row of the plane, without padding.
  [[nodiscard]] std::size_t row_bytes(int plane) const noexcept;
  /// Returns the number of rows of the plane.
  [[nodiscard]] int rows(int plane) const noexcept;

  friend constexpr bool operator==(const ImageLayout&, const ImageLayout&) = default;
};

/// Checks that every row of `layout` lies within `available` bytes. Fails with: size_invalid.
[[nodiscard]] Result<void> check_layout(const ImageLayout& layout, std::size_t available);

/// A picture in memory that somebody else owns. `Byte` is std::byte or const std::byte.
///
/// A view cannot be made over too few bytes, so what takes a view checks nothing again.
template <class Byte>
class BasicImageView {
 public:
  /// Views `bytes` as a picture. Fails with: size_invalid where the layout does not fit into them.
  [[nodiscard]] static Result<BasicImageView> create(std::span<Byte> bytes, const ImageLayout& layout) {
    PRONG_TRY(check_layout(layout, bytes.size()));
    return BasicImageView{bytes.data(), layout};
  }

  [[nodiscard]] const ImageLayout& layout() const noexcept { return layout_; }
  [[nodiscard]] int width() const noexcept { return layout_.width; }
  [[nodiscard]] int height() const noexcept { return layout_.height; }

  /// Returns row `y` of `plane`, without padding. Requires: both exist.
  [[nodiscard]] std::span<Byte> row(int plane, int y) const {
    PRONG_EXPECT(plane >= 0 && plane < layout_.plane_count() && y >= 0 && y < layout_.rows(plane),
                 "the row lies in the picture");
    const Plane& place = layout_.planes[static_cast<std::size_t>(plane)];
    return {data_ + place.offset + static_cast<std::size_t>(y) * place.stride, layout_.row_bytes(plane)};
  }

  /// Returns the same picture for reading.
  operator BasicImageView<const std::byte>() const noexcept requires(!std::is_const_v<Byte>) {
    return BasicImageView<const std::byte>{data_, layout_};
  }

 private:
  template <class>
  friend class BasicImageView;
  BasicImageView(Byte* data, const ImageLayout& layout) noexcept : data_{data}, layout_{layout} {}

  Byte* data_;
  ImageLayout layout_;
};

using ImageView = BasicImageView<const std::byte>;
using MutableImageView = BasicImageView<std::byte>;

/// A picture that owns its pixels.
class Image {
 public:
  /// Makes a picture whose bytes are 0. Fails with: size_invalid.
  [[nodiscard]] static Result<Image> create(PixelFormat format, int width, int height);
  /// Copies the rows of `view`.
  [[nodiscard]] static Image copy_of(const ImageView& view);

  [[nodiscard]] const ImageLayout& layout() const noexcept { return layout_; }
  [[nodiscard]] MutableBytes bytes() noexcept { return {pixels_.get(), layout_.size}; }
  [[nodiscard]] Bytes bytes() const noexcept { return {pixels_.get(), layout_.size}; }
  [[nodiscard]] MutableImageView view() { return MutableImageView::create(bytes(), layout_).value(); }
  [[nodiscard]] ImageView view() const { return ImageView::create(bytes(), layout_).value(); }

 private:
  explicit Image(const ImageLayout& layout) : layout_{layout}, pixels_{std::make_unique<std::byte[]>(layout.size)} {}

  ImageLayout layout_;
  std::unique_ptr<std::byte[]> pixels_;
};

}  // namespace prong::video

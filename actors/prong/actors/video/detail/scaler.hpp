// Converts pictures between sizes and pixel formats.
#pragma once

#include "prong/actors/video/detail/libav.hpp"
#include "prong/actors/video/image.hpp"

namespace prong::video::detail {

/// A picture as FFmpeg describes it.
struct Picture {
  int width = 0;
  int height = 0;
  AVPixelFormat format = AV_PIX_FMT_NONE;
  bool full_range = false;

  friend bool operator==(const Picture&, const Picture&) = default;
};

/// Returns FFmpeg's word for `format`.
[[nodiscard]] AVPixelFormat pixel_format(PixelFormat format) noexcept;

/// Scales and converts, and keeps its tables as long as the pictures stay alike.
class Scaler {
 public:
  /// Converts `from`, described by `source`, into `to`. Fails with: not_supported for a format it does not know.
  [[nodiscard]] Result<void> convert(const Picture& source, const std::uint8_t* const* planes, const int* strides,
                                     const MutableImageView& to);
  /// Converts `from` into `to`. Fails with: not_supported.
  [[nodiscard]] Result<void> convert(const ImageView& from, const MutableImageView& to);

 private:
  struct Freer {
    void operator()(SwsContext* context) const noexcept { sws_freeContext(context); }
  };
  [[nodiscard]] Result<void> prepare(const Picture& source, const Picture& target);

  std::unique_ptr<SwsContext, Freer> context_;
  Picture source_;
  Picture target_;
};

}  // namespace prong::video::detail

#include "prong/actors/video/detail/scaler.hpp"

extern "C" {
#include <libavutil/opt.h>
#include <libavutil/pixdesc.h>
}

namespace prong::video::detail {
namespace {

template <class Byte, class Pointer>
void locate(const BasicImageView<Byte>& view, std::array<Pointer, 4>& planes, std::array<int, 4>& strides) {
  for (int plane = 0; plane < view.layout().plane_count(); ++plane) {
    const auto index = static_cast<std::size_t>(plane);
    planes[index] = reinterpret_cast<Pointer>(view.row(plane, 0).data());
    strides[index] = static_cast<int>(view.layout().planes[index].stride);
  }
}

}  // namespace

AVPixelFormat pixel_format(PixelFormat format) noexcept {
  switch (format) {
    case PixelFormat::gray8: return AV_PIX_FMT_GRAY8;
    case PixelFormat::yuv420p: return AV_PIX_FMT_YUV420P;
    case PixelFormat::rgb24: return AV_PIX_FMT_RGB24;
  }
  return AV_PIX_FMT_NONE;
}

Result<void> Scaler::prepare(const Picture& source, const Picture& target) {
  if (context_ && source == source_ && target == target_) return {};
  context_.reset(sws_alloc_context());
  if (!context_) return Error::from_errno("sws_alloc_context", ENOMEM);
  const auto set = [this](const char* name, int value) { av_opt_set_int(context_.get(), name, value, 0); };
  set("srcw", source.width);
  set("srch", source.height);
  set("src_format", source.format);
  set("src_range", source.full_range ? 1 : 0);
  set("dstw", target.width);
  set("dsth", target.height);
  set("dst_format", target.format);
  set("dst_range", target.full_range ? 1 : 0);
  // Area averaging neither rings nor skips pixels where pictures become smaller, and equals the others at scale 1.
  set("sws_flags", SWS_AREA | SWS_ACCURATE_RND);
  if (const int error = sws_init_context(context_.get(), nullptr, nullptr); error < 0) {
    context_.reset();
    const char* const name = av_get_pix_fmt_name(source.format);
    return fail(Errc::not_supported, std::string{"pictures in the pixel format "} +
                                         (name != nullptr ? name : "that has no name") + " cannot be converted");
  }
  source_ = source;
  target_ = target;
  return {};
}

Result<void> Scaler::convert(const Picture& source, const std::uint8_t* const* planes, const int* strides,
                             const MutableImageView& to) {
  const ImageLayout& layout = to.layout();
  PRONG_TRY(
      prepare(source, {layout.width, layout.height, pixel_format(layout.format), layout.format == PixelFormat::rgb24}));
  std::array<std::uint8_t*, 4> to_planes{};
  std::array<int, 4> to_strides{};
  locate(to, to_planes, to_strides);
  if (sws_scale(context_.get(), planes, strides, 0, source.height, to_planes.data(), to_strides.data()) < 0)
    return fail(Errc::not_supported, "a picture could not be converted");
  return {};
}

Result<void> Scaler::convert(const ImageView& from, const MutableImageView& to) {
  std::array<const std::uint8_t*, 4> planes{};
  std::array<int, 4> strides{};
  locate(from, planes, strides);
  const ImageLayout& layout = from.layout();
  return convert({layout.width, layout.height, pixel_format(layout.format), layout.format == PixelFormat::rgb24},
                 planes.data(), strides.data(), to);
}

}  // namespace prong::video::detail

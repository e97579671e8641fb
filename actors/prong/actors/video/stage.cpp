#include "prong/actors/video/stage.hpp"

#include "prong/message/codec.hpp"

extern "C" {
#include <libavutil/adler32.h>
}

#include <algorithm>
#include <cstring>

namespace prong::video {
namespace {

prong::PixelFormat to_ring(PixelFormat format) {
  switch (format) {
    case PixelFormat::gray8: return prong::PixelFormat::gray8;
    case PixelFormat::yuv420p: return prong::PixelFormat::yuv420p;
    case PixelFormat::rgb24: return prong::PixelFormat::rgb24;
  }
  return prong::PixelFormat::bytes;
}

Result<PixelFormat> from_ring(prong::PixelFormat format) {
  switch (format) {
    case prong::PixelFormat::gray8: return PixelFormat::gray8;
    case prong::PixelFormat::yuv420p: return PixelFormat::yuv420p;
    case prong::PixelFormat::rgb24: return PixelFormat::rgb24;
    default:
      return fail(Errc::not_supported, "a frame of pixel format " + std::to_string(static_cast<std::uint32_t>(format)));
  }
}

}  // namespace

Result<void> publish(FrameWriter& slot, Detections detections, std::chrono::nanoseconds source_time,
                     const DetectionMark& mark) {
  std::vector<std::byte> encoded;
  encode(detections, encoded);
  while (encoded.size() > slot.bytes().size() && !(detections.tracks.empty() && detections.people.empty())) {
    detections.tracks.resize(detections.tracks.size() / 2);
    detections.people.resize(detections.people.size() / 2);
    encoded.clear();
    encode(detections, encoded);
  }
  FrameMeta meta{};
  meta.format = prong::PixelFormat::bytes;
  meta.size = encoded.size();
  meta.source_time = source_time;
  put_mark(meta, mark);
  std::memcpy(slot.bytes().data(), encoded.data(), std::min(encoded.size(), slot.bytes().size()));
  PRONG_TRY(slot.publish(meta));
  return {};
}

FrameMeta to_frame_meta(const FrameInfo& info) {
  FrameMeta meta{};
  meta.format = to_ring(info.layout.format);
  meta.width = static_cast<std::uint32_t>(info.layout.width);
  meta.height = static_cast<std::uint32_t>(info.layout.height);
  meta.size = info.layout.size;
  meta.source_time = info.time;
  for (std::size_t i = 0; i < info.layout.planes.size(); ++i)
    meta.planes[i] = {.offset = info.layout.planes[i].offset, .stride = info.layout.planes[i].stride};
  return meta;
}

FrameChecksum checksum_of(Bytes pixels) noexcept {
  return {.present = 1,
          .adler32 = av_adler32_update(1, reinterpret_cast<const std::uint8_t*>(pixels.data()), pixels.size())};
}

Result<void> check_pixels(Bytes pixels, const FrameMeta& meta) {
  const auto given = mark_of<FrameChecksum>(meta);
  if (given.present == 0 || checksum_of(pixels).adler32 == given.adler32) return {};
  return fail(Errc::malformed, "frame " + std::to_string(meta.sequence) + " is not as its source made it");
}

Result<ImageView> view_of(Bytes pixels, const FrameMeta& meta) {
  PRONG_TRY_ASSIGN(const PixelFormat format, from_ring(meta.format));
  ImageLayout layout;
  layout.format = format;
  layout.width = static_cast<int>(meta.width);
  layout.height = static_cast<int>(meta.height);
  layout.size = meta.size;
  for (std::size_t i = 0; i < layout.planes.size(); ++i)
    layout.planes[i] = {.offset = meta.planes[i].offset, .stride = meta.planes[i].stride};
  return ImageView::create(pixels, layout);
}

}  // namespace prong::video

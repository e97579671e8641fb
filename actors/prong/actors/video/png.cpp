#include "prong/actors/video/png.hpp"

#include "prong/actors/video/detail/aside_file.hpp"
#include "prong/actors/video/detail/scaler.hpp"

namespace prong::video {
namespace {

Result<detail::Packet> encode(const ImageView& picture) {
  detail::capture_log();
  const AVCodec* const codec = avcodec_find_encoder(AV_CODEC_ID_PNG);
  if (codec == nullptr) return fail(Errc::not_supported, "this FFmpeg has no PNG encoder");
  const detail::CodecContext context{avcodec_alloc_context3(codec)};
  const detail::Frame frame{av_frame_alloc()};
  detail::Packet packet{av_packet_alloc()};
  if (!context || !frame || !packet) return Error::from_errno("a PNG picture", ENOMEM);

  context->width = frame->width = picture.width();
  context->height = frame->height = picture.height();
  context->pix_fmt = detail::pixel_format(picture.layout().format);
  frame->format = context->pix_fmt;
  context->time_base = {1, 1};
  context->thread_count = 1;
  frame->linesize[0] = static_cast<int>(picture.layout().planes[0].stride);
  // Not written through: a frame without a buffer of its own is copied by the encoder.
  frame->data[0] = reinterpret_cast<std::uint8_t*>(const_cast<std::byte*>(picture.row(0, 0).data()));

  int error = avcodec_open2(context.get(), codec, nullptr);
  if (error >= 0) error = avcodec_send_frame(context.get(), frame.get());
  if (error >= 0) error = avcodec_send_frame(context.get(), nullptr);
  if (error >= 0) error = avcodec_receive_packet(context.get(), packet.get());
  if (error < 0) return detail::error_from_libav("a PNG picture", error);
  return packet;
}

}  // namespace

Result<void> write_png(const std::string& path, const ImageView& picture) {
  if (picture.layout().format == PixelFormat::yuv420p) {
    PRONG_TRY_ASSIGN(Image colours, Image::create(PixelFormat::rgb24, picture.width(), picture.height()));
    detail::Scaler scaler;
    PRONG_TRY(scaler.convert(picture, colours.view()));
    return write_png(path, colours.view());
  }
  PRONG_TRY_ASSIGN(detail::AsideFile file, detail::AsideFile::create(path));
  PRONG_TRY_ASSIGN(const detail::Packet packet, encode(picture));
  PRONG_TRY(file.write(std::as_bytes(std::span{packet->data, static_cast<std::size_t>(packet->size)})));
  return file.commit();
}

}  // namespace prong::video

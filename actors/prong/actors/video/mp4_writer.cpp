#include "prong/actors/video/mp4_writer.hpp"

#include "prong/actors/video/detail/aside_file.hpp"
#include "prong/actors/video/detail/libav.hpp"

#include <algorithm>
#include <numeric>
#include <optional>

namespace prong::video {
namespace {

using detail::error_from_libav;

constexpr std::size_t buffer_size = 1 << 16;
// The finest clock that the mpeg4 codec can count is 1/65535 s.
constexpr int finest_clock = 65'535;

/// A muxer and the buffer it writes through. It does not own the file.
struct MuxerFreer {
  void operator()(AVFormatContext* muxer) const noexcept {
    if (muxer->pb != nullptr) {
      av_freep(&muxer->pb->buffer);
      avio_context_free(&muxer->pb);
    }
    avformat_free_context(muxer);
  }
};
using Muxer = std::unique_ptr<AVFormatContext, MuxerFreer>;

const AVCodec* find_encoder(const Mp4Options& options) {
  const AVCodec* const mpeg4 = avcodec_find_encoder(AV_CODEC_ID_MPEG4);
  if (options.codec == VideoCodec::mpeg4) return mpeg4;
  const bool even = options.width % 2 == 0 && options.height % 2 == 0;
  const AVCodec* const h264 = even ? avcodec_find_encoder_by_name("libx264") : nullptr;
  return options.codec == VideoCodec::best && h264 == nullptr ? mpeg4 : h264;
}

// A clock in which frames at the usual rate, and milliseconds if possible, are whole ticks; as fine as it may be.
AVRational clock_of(FrameRate rate) {
  if (rate.numerator > finest_clock) return {1, finest_clock};
  const std::int64_t both = std::lcm<std::int64_t>(rate.numerator, 1'000);
  const int ticks = both <= finest_clock ? static_cast<int>(both) : rate.numerator;
  return {1, ticks * (finest_clock / ticks)};
}

}  // namespace

class Mp4Writer::Impl {
 public:
  Result<void> open(std::string path, const Mp4Options& options);
  Result<EncodedFrame> encode(const ImageView& frame, std::chrono::nanoseconds time);
  Result<void> append(const EncodedFrame& encoded);
  Result<void> finish();

  std::uint64_t frames = 0;
  std::string codec_name;

 private:
  Result<void> open_codec();
  Result<void> open_muxer();
  Error error(int number) const;
  static int write_bytes(void* self, std::uint8_t* data, int size);
  static std::int64_t seek(void* self, std::int64_t offset, int whence);

  Mp4Options options_;
  std::optional<detail::AsideFile> file_;
  std::optional<Error> write_error_;  // What the disk said: better than what FFmpeg makes of it.
  detail::CodecContext codec_;
  Muxer muxer_;
  detail::Frame frame_{av_frame_alloc()};
  detail::Packet packet_{av_packet_alloc()};
  AVStream* stream_ = nullptr;
  std::int64_t interval_ = 1;  // From frame to frame at the usual rate. Units: the codec's clock.
  std::int64_t next_ticks_ = 0;
  bool finished_ = false;
};

int Mp4Writer::Impl::write_bytes(void* self, std::uint8_t* data, int size) {
  auto& writer = *static_cast<Impl*>(self);
  Result<void> written = writer.file_->write(std::as_bytes(std::span{data, static_cast<std::size_t>(size)}));
  if (written) return size;
  writer.write_error_ = std::move(written).error();
  return AVERROR(EIO);
}

std::int64_t Mp4Writer::Impl::seek(void* self, std::int64_t offset, int whence) {
  auto& writer = *static_cast<Impl*>(self);
  if (whence == AVSEEK_SIZE) return writer.file_->size() ? *writer.file_->size() : AVERROR(EIO);
  if (whence != SEEK_SET) return AVERROR(EINVAL);
  return writer.file_->seek(offset) ? offset : AVERROR(EIO);
}

Error Mp4Writer::Impl::error(int number) const {
  if (write_error_) return *write_error_;
  return error_from_libav("cannot write '" + file_->part_path() + "'", number);
}

Result<void> Mp4Writer::Impl::open(std::string path, const Mp4Options& options) {
  options_ = options;
  if (!frame_ || !packet_) return Error::from_errno("a frame", ENOMEM);
  if (!options.rate.is_valid()) return fail(Errc::invalid_argument, "a frame rate is above 0");
  PRONG_TRY(ImageLayout::of(PixelFormat::yuv420p, options.width, options.height));
  detail::capture_log();
  static_cast<void>(detail::take_logged_error());
  PRONG_TRY(open_codec());
  PRONG_TRY_ASSIGN(file_, detail::AsideFile::create(std::move(path)));
  return open_muxer();
}

Result<void> Mp4Writer::Impl::open_codec() {
  const AVCodec* const codec = find_encoder(options_);
  if (codec == nullptr)
    return fail(Errc::not_supported, "this FFmpeg cannot encode " + std::to_string(options_.width) + " x " +
                                         std::to_string(options_.height) + " pixels with the codec asked for");
  codec_name = codec->name;
  codec_.reset(avcodec_alloc_context3(codec));
  if (!codec_) return Error::from_errno("an encoder", ENOMEM);
  codec_->width = options_.width;
  codec_->height = options_.height;
  codec_->pix_fmt = AV_PIX_FMT_YUV420P;
  codec_->color_range = AVCOL_RANGE_MPEG;
  codec_->framerate = {options_.rate.numerator, options_.rate.denominator};
  codec_->time_base = clock_of(options_.rate);
  codec_->thread_count = 1;
  codec_->max_b_frames = 0;  // Packets then leave in the order of time, each with its frame.
  codec_->flags |= AV_CODEC_FLAG_GLOBAL_HEADER;
  interval_ = std::max<std::int64_t>(1, av_rescale_q(1, av_inv_q(codec_->framerate), codec_->time_base));
  detail::Dictionary settings;
  if (codec->id == AV_CODEC_ID_H264) {
    settings.set("preset", "ultrafast");
    settings.set("tune", "zerolatency");
    settings.set("crf", "23");
  } else {
    codec_->flags |= AV_CODEC_FLAG_QSCALE;
    codec_->global_quality = 4 * FF_QP2LAMBDA;
  }
  if (const int number = avcodec_open2(codec_.get(), codec, settings.get()); number < 0)
    return error_from_libav("the encoder " + codec_name, number);
  return {};
}

Result<void> Mp4Writer::Impl::open_muxer() {
  AVFormatContext* context = nullptr;
  if (const int number = avformat_alloc_output_context2(&context, nullptr, "mp4", nullptr); number < 0)
    return error(number);
  muxer_.reset(context);
  auto* const buffer = static_cast<std::uint8_t*>(av_malloc(buffer_size));
  if (buffer == nullptr) return error(AVERROR(ENOMEM));
  context->pb = avio_alloc_context(buffer, static_cast<int>(buffer_size), 1, this, nullptr, write_bytes, seek);
  if (context->pb == nullptr) {
    av_free(buffer);
    return error(AVERROR(ENOMEM));
  }
  stream_ = avformat_new_stream(context, nullptr);
  if (stream_ == nullptr) return error(AVERROR(ENOMEM));
  stream_->time_base = codec_->time_base;
  stream_->avg_frame_rate = codec_->framerate;
  int number = avcodec_parameters_from_context(stream_->codecpar, codec_.get());
  if (number >= 0) number = avformat_write_header(context, nullptr);
  if (number < 0) return error(number);
  return {};
}

Result<EncodedFrame> Mp4Writer::Impl::encode(const ImageView& picture, std::chrono::nanoseconds time) {
  PRONG_EXPECT(!finished_, "a finished file takes no more frames");
  const ImageLayout& layout = picture.layout();
  if (layout.format != PixelFormat::yuv420p || layout.width != options_.width || layout.height != options_.height)
    return fail(Errc::size_invalid, "a frame of " + std::to_string(layout.width) + " x " +
                                        std::to_string(layout.height) + " pixels for '" + file_->path() +
                                        "', whose frames are YUV420P of " + std::to_string(options_.width) + " x " +
                                        std::to_string(options_.height));
  av_frame_unref(frame_.get());
  frame_->width = layout.width;
  frame_->height = layout.height;
  frame_->format = AV_PIX_FMT_YUV420P;
  for (int plane = 0; plane < 3; ++plane) {
    // Not written through: a frame without a buffer of its own is copied by the encoder.
    frame_->data[plane] = reinterpret_cast<std::uint8_t*>(const_cast<std::byte*>(picture.row(plane, 0).data()));
    frame_->linesize[plane] = static_cast<int>(layout.planes[static_cast<std::size_t>(plane)].stride);
  }
  const std::int64_t ticks = av_rescale_q(time.count(), AVRational{1, 1'000'000'000}, codec_->time_base);
  frame_->pts = std::max(ticks, next_ticks_);
  next_ticks_ = frame_->pts + 1;
  int number = avcodec_send_frame(codec_.get(), frame_.get());
  if (number >= 0) number = avcodec_receive_packet(codec_.get(), packet_.get());
  if (number < 0) return error(number);
  const auto* const data = reinterpret_cast<const std::byte*>(packet_->data);
  EncodedFrame encoded{
      .bytes = {data, data + packet_->size}, .ticks = packet_->pts, .is_key = (packet_->flags & AV_PKT_FLAG_KEY) != 0};
  av_packet_unref(packet_.get());
  return encoded;
}

Result<void> Mp4Writer::Impl::append(const EncodedFrame& encoded) {
  PRONG_EXPECT(!finished_, "a finished file takes no more frames");
  if (const int number = av_new_packet(packet_.get(), static_cast<int>(encoded.bytes.size())); number < 0)
    return error(number);
  std::ranges::copy(encoded.bytes, reinterpret_cast<std::byte*>(packet_->data));
  packet_->pts = encoded.ticks;
  packet_->dts = encoded.ticks;
  packet_->flags = encoded.is_key ? AV_PKT_FLAG_KEY : 0;
  packet_->stream_index = stream_->index;
  // The muxer knows how long a frame lasts only from the next one: without this the last would last no time and be
  // left out by players.
  packet_->duration = interval_;
  av_packet_rescale_ts(packet_.get(), codec_->time_base, stream_->time_base);
  int number = av_interleaved_write_frame(muxer_.get(), packet_.get());
  if (number >= 0) number = muxer_->pb->error;
  if (number < 0) return error(number);
  next_ticks_ = std::max(next_ticks_, encoded.ticks + 1);
  ++frames;
  return {};
}

Result<void> Mp4Writer::Impl::finish() {
  PRONG_EXPECT(!finished_, "a file is finished once");
  finished_ = true;
  int number = av_write_trailer(muxer_.get());
  if (number >= 0) number = muxer_->pb->error;
  if (number < 0) return error(number);
  return file_->commit();
}

Mp4Writer::Mp4Writer(std::unique_ptr<Impl> impl) noexcept : impl_{std::move(impl)} {}
Mp4Writer::Mp4Writer(Mp4Writer&&) noexcept = default;
Mp4Writer& Mp4Writer::operator=(Mp4Writer&&) noexcept = default;
Mp4Writer::~Mp4Writer() = default;

Result<Mp4Writer> Mp4Writer::create(std::string path, const Mp4Options& options) {
  auto impl = std::make_unique<Impl>();
  PRONG_TRY(impl->open(std::move(path), options));
  return Mp4Writer{std::move(impl)};
}

Result<void> Mp4Writer::write(const ImageView& frame, std::chrono::nanoseconds time) {
  PRONG_TRY_ASSIGN(const EncodedFrame encoded, encode(frame, time));
  return append(encoded);
}

Result<EncodedFrame> Mp4Writer::encode(const ImageView& frame, std::chrono::nanoseconds time) {
  return impl_->encode(frame, time);
}

Result<void> Mp4Writer::append(const EncodedFrame& frame) {
  return impl_->append(frame);
}

Result<void> Mp4Writer::finish() {
  return impl_->finish();
}

std::uint64_t Mp4Writer::frames() const noexcept {
  return impl_->frames;
}

std::string Mp4Writer::codec() const {
  return impl_->codec_name;
}

}  // namespace prong::video

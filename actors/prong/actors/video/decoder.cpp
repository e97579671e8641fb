#include "prong/actors/video/decoder.hpp"

#include "prong/actors/video/detail/libav.hpp"
#include "prong/actors/video/detail/scaler.hpp"

extern "C" {
#include <libavutil/common.h>
#include <libavutil/imgutils.h>
#include <libavutil/time.h>
}

#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <string_view>

namespace prong::video {
namespace {

using detail::error_from_libav;

/// What FFmpeg asks, about ten times a second, whether it should stop waiting.
struct Wait {
  Deadline deadline = Deadline::never();
  std::function<bool()> interrupted;
  std::optional<Errc> ended;  ///< Why the wait was ended, once it was.

  static int should_end(void* self) noexcept {
    auto& wait = *static_cast<Wait*>(self);
    if (wait.ended) return 1;
    if (wait.deadline.has_passed())
      wait.ended = Errc::deadline_exceeded;
    else if (wait.interrupted && wait.interrupted())
      wait.ended = Errc::cancelled;
    return wait.ended ? 1 : 0;
  }
};

std::string_view scheme_of(std::string_view url) noexcept {
  const std::size_t end = url.find("://");
  return end == std::string_view::npos ? std::string_view{} : url.substr(0, end);
}

// "rtsp://user:secret@host/x" is shown as "rtsp://***@host/x": errors end up in logs.
std::string shown(const std::string& url) {
  const std::string_view scheme = scheme_of(url);
  if (scheme.empty()) return url;
  const std::size_t start = scheme.size() + 3;
  const std::size_t host_end = url.find('/', start);
  const std::size_t at = url.rfind('@', host_end);
  if (at == std::string::npos || at < start) return url;
  return url.substr(0, start) + "***" + url.substr(at);
}

// FFmpeg would wait in open(2) for a pipe's writer, where no deadline reaches it, and calls a directory "I/O error".
Result<void> check_path(const std::string& path) {
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0) return Error::from_errno("'" + path + "'");
  if (S_ISDIR(status.st_mode)) return Error::from_errno("'" + path + "'", EISDIR);
  if (!S_ISREG(status.st_mode)) return fail(Errc::not_supported, "'" + path + "' is neither a file nor a URL");
  if (status.st_size == 0) return fail(Errc::malformed, "'" + path + "' is empty");
  return {};
}

// FFmpeg plays text as a terminal's picture (the "ansi" family). Nobody who names a text file here means that.
bool is_text_art(AVCodecID codec) noexcept {
  return codec == AV_CODEC_ID_ANSI || codec == AV_CODEC_ID_XBIN || codec == AV_CODEC_ID_IDF ||
         codec == AV_CODEC_ID_BINTEXT;
}

bool is_live(std::string_view scheme, const AVFormatContext& input) {
  constexpr std::array<std::string_view, 7> always{"rtsp", "rtsps", "rtp", "udp", "srt", "tcp", "rtmp"};
  for (const std::string_view name : always)
    if (scheme == name) return true;
  if (scheme != "http" && scheme != "https") return false;
  return std::string_view{input.iformat->name} == "mpjpeg" ||
         (input.duration == AV_NOPTS_VALUE && input.pb != nullptr && input.pb->seekable == 0);
}

// Files may claim any time: what is out of reason is bent to 73 years, so that sums of times do not overflow.
std::chrono::nanoseconds to_nanoseconds(std::int64_t ticks, AVRational base) {
  constexpr std::int64_t limit = INT64_MAX / 4;
  const std::int64_t time = av_rescale_q(ticks, base, AVRational{1, 1'000'000'000});
  return std::chrono::nanoseconds{std::clamp(time, -limit, limit)};
}

// The same for rates: from one frame in an hour to a million in a second.
std::optional<FrameRate> to_frame_rate(AVRational rate) {
  const FrameRate result{rate.num, rate.den};
  if (!result.is_valid() || result.per_second() > 1e6 || result.per_second() < 1.0 / 3'600) return std::nullopt;
  return result;
}

}  // namespace

class Decoder::Impl {
 public:
  Result<void> open(const std::string& url, DecoderOptions options, Deadline deadline);
  Result<std::optional<FrameInfo>> next_into(MutableBytes destination, Deadline deadline);
  Result<void> check_whole() const;

  StreamInfo info;
  DecoderCounts counts;

 private:
  Result<void> open_input(const std::string& url, const DecoderOptions& options);
  Result<void> open_codec();
  Result<void> describe(std::string_view scheme);
  Result<bool> receive();
  Result<void> feed();
  Result<void> put(const MutableImageView& to);
  std::chrono::nanoseconds time_of_frame();
  std::chrono::nanoseconds interval() const { return info.rate.value_or(FrameRate{}).interval(); }
  bool ended_early() const;
  Error wait_error() const;

  Wait wait_;  // Before input_, which asks it while it is closed.
  detail::InputContext input_;
  detail::CodecContext codec_;
  detail::Frame frame_{av_frame_alloc()};
  detail::Packet packet_{av_packet_alloc()};
  detail::Scaler scaler_;
  AVStream* stream_ = nullptr;
  std::uint64_t packets_ = 0;
  std::optional<std::int64_t> first_ticks_;
  std::chrono::nanoseconds last_time_{};
  std::optional<Error> read_error_;
  std::optional<Error> abandoned_;  // Why every later call fails.
  bool draining_ = false;
  bool over_ = false;
};

Error Decoder::Impl::wait_error() const {
  if (wait_.ended == Errc::cancelled) return fail(Errc::cancelled, "'" + info.name + "': the wait was cancelled");
  return fail(Errc::deadline_exceeded, "'" + info.name + "' sent nothing more before the deadline");
}

Result<void> Decoder::Impl::open(const std::string& url, DecoderOptions options, Deadline deadline) {
  info.name = shown(url);
  if (!frame_ || !packet_) return Error::from_errno("a frame", ENOMEM);
  const std::string_view scheme = scheme_of(url);
  if (scheme.empty()) PRONG_TRY(check_path(url));
  detail::capture_log();
  static_cast<void>(detail::take_logged_error());
  wait_.deadline = deadline;
  wait_.interrupted = options.interrupted;
  PRONG_TRY(open_input(url, options));
  PRONG_TRY(open_codec());
  return describe(scheme);
}

Result<void> Decoder::Impl::open_input(const std::string& url, const DecoderOptions& options) {
  const std::string_view scheme = scheme_of(url);
  detail::Dictionary settings;
  if (scheme == "rtsp" || scheme == "rtsps") {
    settings.set("rtsp_transport", options.rtsp_transport == RtspTransport::tcp ? "tcp" : "udp");
    if (options.rtsp_role == RtspRole::listener) settings.set("rtsp_flags", "listen");
  }
  // Otherwise FFmpeg starts a thread that empties the socket.
  if (scheme == "udp") settings.set("fifo_size", "0");

  AVFormatContext* context = avformat_alloc_context();
  if (context == nullptr) return Error::from_errno("'" + info.name + "'", ENOMEM);
  context->interrupt_callback = {&Wait::should_end, &wait_};
  // "file:" keeps a colon in a file's name from being taken for a protocol.
  const std::string location = scheme.empty() ? "file:" + url : url;
  if (const int error = avformat_open_input(&context, location.c_str(), nullptr, settings.get()); error < 0) {
    if (wait_.ended) return wait_error();
    return error_from_libav("'" + info.name + (error == AVERROR_INVALIDDATA ? "' is no video" : "'"), error);
  }
  input_.reset(context);
  const int error = avformat_find_stream_info(context, nullptr);
  if (wait_.ended) return wait_error();
  if (error < 0) return error_from_libav("'" + info.name + "'", error);
  return {};
}

Result<void> Decoder::Impl::open_codec() {
  const AVCodec* codec = nullptr;
  const int index = av_find_best_stream(input_.get(), AVMEDIA_TYPE_VIDEO, -1, -1, &codec, 0);
  if (index == AVERROR_DECODER_NOT_FOUND) return error_from_libav("'" + info.name + "'", index);
  if (index < 0) return fail(Errc::malformed, "'" + info.name + "' has no video in it");
  stream_ = input_->streams[index];
  if ((stream_->disposition & AV_DISPOSITION_ATTACHED_PIC) != 0)
    return fail(Errc::malformed, "'" + info.name + "' has a cover picture but no video in it");
  if (is_text_art(codec->id)) return fail(Errc::malformed, "'" + info.name + "' is a text file, not a video");
  for (unsigned other = 0; other < input_->nb_streams; ++other)
    if (other != static_cast<unsigned>(index)) input_->streams[other]->discard = AVDISCARD_ALL;

  codec_.reset(avcodec_alloc_context3(codec));
  if (!codec_) return Error::from_errno("'" + info.name + "'", ENOMEM);
  codec_->thread_count = 1;
  codec_->pkt_timebase = stream_->time_base;
  codec_->max_pixels = std::int64_t{ImageLayout::largest_side} * ImageLayout::largest_side / 4;
  int error = avcodec_parameters_to_context(codec_.get(), stream_->codecpar);
  if (error >= 0) error = avcodec_open2(codec_.get(), codec, nullptr);
  if (error < 0) return error_from_libav("'" + info.name + "'", error);
  return {};
}

Result<void> Decoder::Impl::describe(std::string_view scheme) {
  if (codec_->width <= 0 || codec_->height <= 0)
    return fail(Errc::malformed, "'" + info.name + "' does not say how large its pictures are");
  Result<ImageLayout> layout = ImageLayout::of(PixelFormat::yuv420p, codec_->width, codec_->height);
  if (!layout) return std::move(layout).error().with_context("'" + info.name + "'");
  info.layout = *layout;
  info.container = input_->iformat->name;
  info.codec = avcodec_get_name(codec_->codec_id);
  info.live = is_live(scheme, *input_);
  info.rate = to_frame_rate(av_guess_frame_rate(input_.get(), stream_, nullptr));
  if (stream_->nb_frames > 0) info.frames = static_cast<std::uint64_t>(stream_->nb_frames);
  const bool guessed = input_->duration_estimation_method == AVFMT_DURATION_FROM_BITRATE;
  if (stream_->duration > 0 && !guessed) info.duration = to_nanoseconds(stream_->duration, stream_->time_base);
  return {};
}

// Reads one packet of the stream into the codec; starts to drain the codec at the end.
Result<void> Decoder::Impl::feed() {
  static_cast<void>(detail::take_logged_error());
  const int error = av_read_frame(input_.get(), packet_.get());
  if (wait_.ended) {
    av_packet_unref(packet_.get());
    abandoned_ = wait_error();
    return *abandoned_;
  }
  if (error == AVERROR(EAGAIN)) {  // Some protocols say so instead of waiting themselves.
    av_usleep(1'000);
    if (Wait::should_end(&wait_) != 0) abandoned_ = wait_error();
    return abandoned_ ? Result<void>{*abandoned_} : Result<void>{};
  }
  if (error < 0) {
    if (error != AVERROR_EOF) {
      read_error_ = error_from_libav("'" + info.name + "'", error);
    } else if (const std::string logged = detail::take_logged_error(); !logged.empty()) {
      // To some containers a file that was cut off is an end like any other, but for a line in the log.
      read_error_ = fail(Errc::malformed, "'" + info.name + "' ended early: " + logged);
    }
    draining_ = true;
    avcodec_send_packet(codec_.get(), nullptr);
    return {};
  }
  if (packet_->stream_index == stream_->index) {
    ++packets_;
    if (avcodec_send_packet(codec_.get(), packet_.get()) < 0) ++counts.damaged_packets;
  }
  av_packet_unref(packet_.get());
  return {};
}

// Decodes the next frame into frame_; false at the end.
Result<bool> Decoder::Impl::receive() {
  // A codec that is being drained may repeat its last error for ever.
  constexpr int most_drain_errors = 64;
  int drain_errors = 0;
  while (drain_errors < most_drain_errors) {
    const int result = avcodec_receive_frame(codec_.get(), frame_.get());
    if (result >= 0) return true;
    if (result == AVERROR_EOF) return false;
    if (result == AVERROR(EAGAIN)) {
      PRONG_TRY(feed());
    } else {
      ++counts.damaged_packets;
      if (draining_) ++drain_errors;
    }
  }
  return false;
}

std::chrono::nanoseconds Decoder::Impl::time_of_frame() {
  const std::int64_t ticks = frame_->best_effort_timestamp;
  if (ticks == AV_NOPTS_VALUE) {
    if (counts.frames == 0) return {};
    return last_time_ + interval();
  }
  if (!first_ticks_) {
    // Frames without a time may have come before: the first time must not fall back behind theirs.
    const auto passed = counts.frames == 0 ? std::chrono::nanoseconds{} : last_time_;
    first_ticks_ = av_sat_sub64(ticks, av_rescale_q(passed.count(), AVRational{1, 1'000'000'000}, stream_->time_base));
  }
  return to_nanoseconds(av_sat_sub64(ticks, *first_ticks_), stream_->time_base);
}

Result<void> Decoder::Impl::put(const MutableImageView& to) {
  const auto format = static_cast<AVPixelFormat>(frame_->format);
  const bool same_size = frame_->width == to.width() && frame_->height == to.height();
  if (!same_size) ++counts.rescaled_frames;
  const bool full_range = format == AV_PIX_FMT_YUVJ420P || frame_->color_range == AVCOL_RANGE_JPEG;
  if (!same_size || full_range || format != AV_PIX_FMT_YUV420P)
    return scaler_.convert({frame_->width, frame_->height, format, full_range}, frame_->data, frame_->linesize, to);
  for (int plane = 0; plane < 3; ++plane) {
    const auto row = to.row(plane, 0);
    av_image_copy_plane(reinterpret_cast<std::uint8_t*>(row.data()),
                        static_cast<int>(to.layout().planes[static_cast<std::size_t>(plane)].stride),
                        frame_->data[plane], frame_->linesize[plane], static_cast<int>(row.size()),
                        to.layout().rows(plane));
  }
  return {};
}

Result<std::optional<FrameInfo>> Decoder::Impl::next_into(MutableBytes destination, Deadline deadline) {
  if (abandoned_) return *abandoned_;
  if (over_) return std::optional<FrameInfo>{};
  if (destination.size() < info.layout.size)
    return fail(Errc::oversize, "a frame of '" + info.name + "' is of " + std::to_string(info.layout.size) +
                                    " bytes, its place of " + std::to_string(destination.size()));
  PRONG_TRY_ASSIGN(const MutableImageView view, MutableImageView::create(destination, info.layout));
  wait_.deadline = deadline;
  PRONG_TRY_ASSIGN(const bool received, receive());
  if (!received) {
    over_ = true;
    return std::optional<FrameInfo>{};
  }
  if (frame_->decode_error_flags != 0 || (frame_->flags & AV_FRAME_FLAG_CORRUPT) != 0) ++counts.damaged_frames;
  if (Result<void> done = put(view); !done) {
    abandoned_ = std::move(done).error().with_context("'" + info.name + "'");
    return *abandoned_;
  }
  last_time_ = time_of_frame();
  av_frame_unref(frame_.get());
  return FrameInfo{counts.frames++, last_time_, info.layout};
}

// Frames alone do not tell: AVI counts empty ones, an edit list of MP4 hides some. The time must be missing, too.
// FFmpeg shortens the duration of an AVI file to what is there, so there the frames are counted as time.
bool Decoder::Impl::ended_early() const {
  if (!info.frames || packets_ >= *info.frames) return false;
  using Seconds = std::chrono::duration<double>;
  const Seconds step = interval();
  const Seconds claimed = info.container == "avi" ? step * static_cast<double>(*info.frames)
                                                  : Seconds{info.duration.value_or(std::chrono::nanoseconds{})};
  return Seconds{last_time_} + 2 * step < claimed;
}

Result<void> Decoder::Impl::check_whole() const {
  if (abandoned_) return *abandoned_;
  if (!over_) return fail(Errc::invalid_state, "'" + info.name + "' is not over yet");
  const std::string so_far = std::to_string(counts.frames);
  if (info.live)
    return fail(Errc::closed, "'" + info.name + "' ended the stream after " + so_far + " frames" +
                                  (read_error_ ? ": " + read_error_->message() : ""));
  if (read_error_) return *read_error_;
  if (ended_early())
    return fail(Errc::malformed, "'" + info.name + "' ended early: " + so_far + " of " + std::to_string(*info.frames) +
                                     " frames are there");
  if (counts.damaged_packets + counts.damaged_frames > 0)
    return fail(Errc::malformed, "'" + info.name + "' is damaged: " + std::to_string(counts.damaged_packets) +
                                     " packets could not be decoded, " + std::to_string(counts.damaged_frames) +
                                     " frames only in part; " + so_far + " frames were kept");
  return {};
}

Decoder::Decoder(std::unique_ptr<Impl> impl) noexcept : impl_{std::move(impl)} {}
Decoder::Decoder(Decoder&&) noexcept = default;
Decoder& Decoder::operator=(Decoder&&) noexcept = default;
Decoder::~Decoder() = default;

Result<Decoder> Decoder::open(const std::string& url, DecoderOptions options, Deadline deadline) {
  auto impl = std::make_unique<Impl>();
  PRONG_TRY(impl->open(url, std::move(options), deadline));
  return Decoder{std::move(impl)};
}

const StreamInfo& Decoder::info() const noexcept {
  return impl_->info;
}

const DecoderCounts& Decoder::counts() const noexcept {
  return impl_->counts;
}

Result<std::optional<FrameInfo>> Decoder::next_into(MutableBytes destination, Deadline deadline) {
  return impl_->next_into(destination, deadline);
}

Result<std::optional<DecodedFrame>> Decoder::next(Deadline deadline) {
  const ImageLayout& layout = info().layout;
  PRONG_TRY_ASSIGN(Image image, Image::create(layout.format, layout.width, layout.height));
  PRONG_TRY_ASSIGN(const std::optional<FrameInfo> frame, next_into(image.bytes(), deadline));
  if (!frame) return std::optional<DecodedFrame>{};
  return std::optional<DecodedFrame>{DecodedFrame{*frame, std::move(image)}};
}

Result<void> Decoder::check_whole() const {
  return impl_->check_whole();
}

}  // namespace prong::video

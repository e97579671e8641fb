#include "prong/actors/video/video_source.hpp"

#include "prong/base/exception.hpp"
#include "prong/loop/event_loop.hpp"

#include <cstdio>
#include <optional>
#include <stdexcept>
#include <utility>

namespace prong::video {
namespace {

using namespace std::chrono_literals;

DecoderOptions decoder_options(const SourceOptions& options, std::function<bool()> interrupted) {
  DecoderOptions result;
  result.rtsp_role = options.listen ? RtspRole::listener : RtspRole::client;
  result.interrupted = std::move(interrupted);
  return result;
}

// Units of `limit`: nanoseconds.
std::string seconds_text(std::int64_t limit) {
  char text[32];
  std::snprintf(text, sizeof text, "%.3g s", static_cast<double>(limit) / 1e9);
  return text;
}

// Opens a stream within its stall limit; what goes wrong leaves as the sentence alone.
Decoder opened(const SourceOptions& options, std::function<bool()> interrupted) {
  auto decoder = Decoder::open(options.url, decoder_options(options, std::move(interrupted)),
                               Deadline::after(std::chrono::nanoseconds{options.stall_limit}));
  if (decoder) return std::move(*decoder);
  if (decoder.error().code() != Errc::deadline_exceeded) throw std::runtime_error{decoder.error().message()};
  throw std::runtime_error{decoder.error().message() + ", " + seconds_text(options.stall_limit) + " from its opening"};
}

StreamSummary summary_of(const StreamInfo& info) {
  StreamSummary summary;
  summary.name = info.name;
  summary.container = info.container;
  summary.codec = info.codec;
  summary.live = info.live;
  summary.width = info.layout.width;
  summary.height = info.layout.height;
  if (info.rate) {
    summary.rate_numerator = info.rate->numerator;
    summary.rate_denominator = info.rate->denominator;
  }
  summary.frames = info.frames.value_or(0);
  summary.frame_bytes = info.layout.size;
  return summary;
}

class Probe : public MessageProcess {
 public:
  Probe() : MessageProcess{"probe"} { command<&Probe::c__probe>("probe", "options"_a); }

  Future<StreamSummary> probe(const SourceOptions& options, Deadline deadline) {
    return call<&Probe::c__probe>(options, deadline);
  }

 private:
  StreamSummary c__probe(const SourceOptions& options) { return summary_of(opened(options, {}).info()); }
};

}  // namespace

struct VideoSource::Stream {
  Decoder decoder;
  FrameProducer producer;
  SourceOptions options;
  std::optional<EventIndex> ended{};
  std::optional<FrameWriter> slot{};  // taken, and waiting for its frame
  Deadline next_frame = Deadline::now();
  std::uint64_t to_skip = 0;  // of those that a predecessor has handed on
};

VideoSource::VideoSource(std::string name, FrameRing& frames, EventGroup& events)
    : MessageProcess{std::move(name)}, frames_{frames}, events_{events} {
  command<&VideoSource::c__open>("open", "options"_a);
  command<&VideoSource::c__play>("play", "ended"_a);
  command<&VideoSource::c__finish>("finish");
  command<&VideoSource::c__report>("report");
}

VideoSource::~VideoSource() = default;

Future<StreamSummary> VideoSource::open(const SourceOptions& options) {
  finish_asked_.clear();
  // A second more than the decoder itself may take: its own error says more than a deadline.
  return call<&VideoSource::c__open>(options, Deadline::after(std::chrono::nanoseconds{options.stall_limit} + 1s));
}

Future<void> VideoSource::play(EventIndex ended) {
  return call<&VideoSource::c__play>(ended);
}

void VideoSource::finish() {
  finish_asked_.set();
}

Future<StageReport> VideoSource::report() {
  return call<&VideoSource::c__report>();
}

void VideoSource::pre_run() {}

void VideoSource::post_run() {
  stream_.reset();
}

StreamSummary VideoSource::c__open(const SourceOptions& options) {
  Decoder decoder = opened(options, [this] { return finish_asked_.is_set() || stop_requested(); });
  auto producer = frames_.producer();
  if (!producer) throw_error(std::move(producer).error());
  const StreamSummary summary = summary_of(decoder.info());
  stream_ = std::make_unique<Stream>(Stream{std::move(decoder), std::move(*producer), options});
  report_ = {};
  if (options.resume) {
    report_.frames_in = report_.frames_out = stream_->producer.published();
    if (!summary.live) stream_->to_skip = report_.frames_out;
  }
  return summary;
}

void VideoSource::c__play(EventIndex ended) {
  if (!stream_) throw_error(Error{Errc::invalid_state, "play() comes after open()"});
  stream_->ended = ended;
  loop().post([this] { pump(); });
}

void VideoSource::c__finish() {
  finish_asked_.set();
}

StageReport VideoSource::c__report() const {
  return report_;
}

bool VideoSource::pace() {
  if (stream_->options.frames_per_second <= 0) return true;
  if (!stream_->next_frame.has_passed() && stream_->next_frame != Deadline::now()) {
    // However slow the pace: finish() is heeded soon.
    loop().add_timer(Deadline::earlier(stream_->next_frame, Deadline::after(50ms)), [this] { pump(); });
    return false;
  }
  const auto interval = std::chrono::nanoseconds{static_cast<std::int64_t>(1e9 / stream_->options.frames_per_second)};
  // From the time the frame was due, not from now: a late frame does not shift all that follow.
  const Deadline due = stream_->next_frame == Deadline::now() ? Deadline::after(0ns) : stream_->next_frame;
  stream_->next_frame = due == Deadline::now() ? Deadline::after(interval)
                                               : Deadline::from_nanoseconds(due.nanoseconds() + interval.count());
  return true;
}

std::string VideoSource::why_it_ended(const Error& error) const {
  if (error.code() == Errc::cancelled) return {};  // by finish() or a stop: as if it were over
  if (error.code() != Errc::deadline_exceeded) return error.message();
  return "'" + stream_->decoder.info().name + "' sent nothing more for " + seconds_text(stream_->options.stall_limit);
}

// One frame, then the loop's turn: commands are answered between frames.
void VideoSource::pump() {
  if (report_.ended) return;
  if (finish_asked_.is_set()) return end({});
  if (!stream_->slot) {
    auto slot = stream_->producer.acquire(Deadline::after(50ms));
    if (!slot && slot.error().code() != Errc::deadline_exceeded) return end(to_string(slot.error()));
    if (slot) stream_->slot = std::move(*slot);
  }
  if (stream_->slot && (stream_->to_skip > 0 || pace())) {
    const auto limit = Deadline::after(std::chrono::nanoseconds{stream_->options.stall_limit});
    auto info = stream_->decoder.next_into(stream_->slot->bytes(), limit);
    if (!info) return end(why_it_ended(info.error()));
    if (!*info) {
      const auto whole = stream_->decoder.check_whole();
      return end(whole ? "" : whole.error().message());
    }
    if (stream_->to_skip > 0) {
      --stream_->to_skip;
      return loop().post([this] { pump(); });
    }
    ++report_.frames_in;
    FrameMeta meta = to_frame_meta(**info);
    if (stream_->options.checksums) put_mark(meta, checksum_of(stream_->slot->bytes().first(meta.size)));
    const auto published = std::exchange(stream_->slot, std::nullopt)->publish(meta);
    if (!published) return end(to_string(published.error()));
    ++report_.frames_out;
  } else if (stream_->slot) {
    return;  // the timer of pace() goes on
  }
  loop().post([this] { pump(); });
}

void VideoSource::end(std::string problem) {
  report_.ended = true;
  report_.problem = std::move(problem);
  stream_->slot.reset();
  static_cast<void>(stream_->producer.finish());
  if (stream_->ended) static_cast<void>(events_.set(*stream_->ended));
}

Result<StreamSummary> probe(const SourceOptions& options) {
  Probe process;
  process.start();
  auto summary = process.probe(options, Deadline::after(std::chrono::nanoseconds{options.stall_limit} + 1s)).result();
  if (!summary && summary.error().remote() != nullptr)
    return fail(Errc::handler_failed, summary.error().remote()->what);
  static_cast<void>(process.stop(Deadline::after(1s)));
  return summary;
}

}  // namespace prong::video

#include "prong/actors/video/motion_detector_process.hpp"

#include "prong/base/exception.hpp"
#include "prong/loop/event_loop.hpp"

#include <algorithm>
#include <cstring>
#include <optional>
#include <utility>

namespace prong::video {

using namespace std::chrono_literals;

struct MotionDetectorProcess::Work {
  FrameConsumer frames;
  FrameProducer found;
  MotionDetector detector;
  Tracker tracker;
  EventIndex ended;
  std::optional<FrameLease> frame{};  // seen, but what was found in it could not be handed on yet
  std::vector<TrackEvent> events{};
  std::uint64_t last_sequence = 0;
  std::vector<std::byte> scratch{};
};

MotionDetectorProcess::MotionDetectorProcess(std::string name, FrameRing& frames, std::size_t reader, FrameRing& found,
                                             EventGroup& events)
    : MessageProcess{std::move(name)}, frames_{frames}, reader_{reader}, found_{found}, events_{events} {
  command<&MotionDetectorProcess::c__watch_frames>("watch_frames", "rate_numerator"_a = 25, "rate_denominator"_a = 1,
                                                   "ended"_a);
  command<&MotionDetectorProcess::c__report>("report");
}

MotionDetectorProcess::~MotionDetectorProcess() = default;

Future<void> MotionDetectorProcess::watch_frames(FrameRate rate, EventIndex ended) {
  return call<&MotionDetectorProcess::c__watch_frames>(rate.numerator, rate.denominator, ended);
}

Future<StageReport> MotionDetectorProcess::report() {
  return call<&MotionDetectorProcess::c__report>();
}

StageReport MotionDetectorProcess::c__report() const {
  return report_;
}

void MotionDetectorProcess::post_run() {
  work_.reset();
}

void MotionDetectorProcess::c__watch_frames(int rate_numerator, int rate_denominator, EventIndex ended) {
  auto frames = frames_.consumer(reader_);
  if (!frames) throw_error(std::move(frames).error());
  auto found = found_.producer();
  if (!found) throw_error(std::move(found).error());
  const FrameRate rate{rate_numerator, rate_denominator};
  work_ = std::make_unique<Work>(Work{std::move(*frames), std::move(*found),
                                      MotionDetector{MotionOptions::for_rate(rate.is_valid() ? rate : FrameRate{})},
                                      Tracker{}, ended});
  watch(work_->frames.descriptor(), [this] { step(); });
}

// One frame, then the loop's turn: the descriptor stays readable while there are more.
void MotionDetectorProcess::step() {
  Work& work = *work_;
  if (!work.frame) {
    auto next = work.frames.next(Deadline::now());
    if (!next) {
      if (next.error().code() == Errc::queue_empty) return;
      return end(next.error().code() == Errc::closed ? "" : to_string(next.error()));
    }
    ++report_.frames_in;
    const FrameMeta& meta = next->meta();
    report_.frames_lost += meta.sequence - work.last_sequence - 1;
    work.last_sequence = meta.sequence;
    const auto picture = view_of(next->bytes(), meta);
    if (!picture) return end(to_string(picture.error()));
    const std::vector<Box> boxes = work.detector.update(*picture);
    work.events = work.tracker.update(meta.sequence - 1, meta.source_time, boxes);
    report_.events += work.events.size();
    work.frame = std::move(*next);
  }
  const FrameMeta& meta = work.frame->meta();
  if (hand_on(meta.sequence, work.events, meta.source_time)) {
    ++report_.frames_out;
    work.frame.reset();
  }
}

// False while the ring is full: the frame is kept, and the loop comes back to it.
bool MotionDetectorProcess::hand_on(std::uint64_t sequence, std::vector<TrackEvent> events,
                                    std::chrono::nanoseconds source_time) {
  Work& work = *work_;
  auto slot = work.found.acquire(Deadline::after(50ms));
  if (!slot) {
    if (slot.error().code() != Errc::deadline_exceeded) end(to_string(slot.error()));
    return false;
  }
  Detections detections;
  detections.sequence = sequence;
  detections.events = std::move(events);
  for (const Track& track : work.tracker.tracks())
    if (track.is_confirmed() && track.misses == 0) detections.tracks.push_back(track);
  work.scratch.clear();
  encode(detections, work.scratch);
  // A crowd that does not fit is cut, never the event: what is drawn is for people, what is logged is counted.
  while (work.scratch.size() > slot->bytes().size() && !detections.tracks.empty()) {
    detections.tracks.resize(detections.tracks.size() / 2);
    work.scratch.clear();
    encode(detections, work.scratch);
  }
  FrameMeta meta{};
  meta.format = prong::PixelFormat::bytes;
  meta.size = work.scratch.size();
  meta.source_time = source_time;
  std::memcpy(slot->bytes().data(), work.scratch.data(), std::min(work.scratch.size(), slot->bytes().size()));
  if (const auto published = slot->publish(meta); !published) {
    end(to_string(published.error()));
    return false;
  }
  return true;
}

void MotionDetectorProcess::end(std::string problem) {
  if (std::exchange(report_.ended, true)) return;
  Work& work = *work_;
  unwatch(work.frames.descriptor());
  // Whoever is still in the picture leaves with it: one last entry behind the last frame.
  std::vector<TrackEvent> last = work.tracker.finish();
  report_.events += last.size();
  if (!last.empty() && !hand_on(work.last_sequence + 1, std::move(last), 0ns) && problem.empty())
    problem = "the last events were not taken in time";
  report_.problem = std::move(problem);
  work.frame.reset();
  static_cast<void>(work.found.finish());
  static_cast<void>(events_.set(work.ended));
}

}  // namespace prong::video

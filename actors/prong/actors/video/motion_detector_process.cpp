#include "prong/actors/video/motion_detector_process.hpp"

#include "prong/base/exception.hpp"
#include "prong/loop/event_loop.hpp"

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
  const auto taken = hand_on(meta.sequence, meta.source_time);
  if (!taken) return end(to_string(taken.error()));
  if (!*taken) return;
  ++report_.frames_out;
  work.frame.reset();
}

// False while the ring is full: what was found is kept, and the loop comes back to it.
Result<bool> MotionDetectorProcess::hand_on(std::uint64_t sequence, std::chrono::nanoseconds source_time) {
  Work& work = *work_;
  auto slot = work.found.acquire(Deadline::after(50ms));
  if (!slot && slot.error().code() == Errc::deadline_exceeded) return false;
  if (!slot) return std::move(slot).error();
  Detections detections;
  detections.sequence = sequence;
  detections.events = std::exchange(work.events, {});
  for (const Track& track : work.tracker.tracks())
    if (track.is_confirmed() && track.misses == 0) detections.tracks.push_back(track);
  PRONG_TRY(publish(*slot, std::move(detections), source_time));
  return true;
}

void MotionDetectorProcess::end(std::string problem) {
  Work& work = *work_;
  unwatch(work.frames.descriptor());
  report_.problem = std::move(problem);
  work.frame.reset();
  work.frames.leave();  // who still puts frames in shall not wait for this reader
  // Whoever is still in the picture leaves with it: one last entry behind the last frame.
  for (TrackEvent& event : work.tracker.finish()) {
    work.events.push_back(std::move(event));
    ++report_.events;
  }
  hand_on_the_last();
}

void MotionDetectorProcess::hand_on_the_last() {
  Work& work = *work_;
  if (!work.events.empty()) {
    const auto taken = hand_on(work.last_sequence + 1, 0ns);
    if (taken && !*taken) return loop().post([this] { hand_on_the_last(); });
    if (!taken && report_.problem.empty()) report_.problem = to_string(taken.error());
  }
  report_.ended = true;
  static_cast<void>(work.found.finish());
  static_cast<void>(events_.set(work.ended));
}

}  // namespace prong::video

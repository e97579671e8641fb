#include "prong/actors/video/motion_detector_process.hpp"

#include "prong/base/exception.hpp"
#include "prong/loop/event_loop.hpp"

#include <csignal>
#include <optional>
#include <utility>

namespace prong::video {

using namespace std::chrono_literals;

namespace {

constexpr std::size_t most_track_bytes = std::size_t{256} * 1024;
constexpr std::size_t background_head_bytes = 64;
constexpr std::uint64_t frames_between_backgrounds = 5;

// Whom a detector follows, and after which frame.
struct FollowedTracks {
  std::uint64_t frame = 0;
  Tracker tracker{TrackerOptions{}};
  std::vector<TrackEvent> events;

  template <class Archive>
  void serialize(Archive& archive) {
    archive(frame, tracker, events);
  }
};

}  // namespace

struct MotionDetectorProcess::Work {
  FrameConsumer frames;
  FrameProducer found;
  DetectorOptions options;
  MotionDetector detector;
  Tracker tracker;
  EventIndex ended;
  DetectionMark mark{};               // as it stands beside the last Detections
  std::optional<FrameLease> frame{};  // seen, but what was found in it could not be handed on yet
  std::vector<TrackEvent> events{};
  std::optional<FollowedTracks> saved{};  // by a predecessor
  std::uint32_t skipped_after = 0;
};

MotionDetectorProcess::MotionDetectorProcess(std::string name, FrameRing& frames, std::size_t reader, FrameRing& found,
                                             EventGroup& events)
    : MessageProcess{std::move(name)},
      frames_{frames},
      reader_{reader},
      found_{found},
      events_{events},
      tracks_{CheckpointStore::create(most_track_bytes).value()},
      background_{CheckpointStore::create(frames.pool().slot_bytes() + background_head_bytes).value()} {
  command<&MotionDetectorProcess::c__watch_frames>("watch_frames", "options"_a, "ended"_a);
  command<&MotionDetectorProcess::c__report>("report");
}

MotionDetectorProcess::~MotionDetectorProcess() = default;

Future<void> MotionDetectorProcess::watch_frames(const DetectorOptions& options, EventIndex ended) {
  return call<&MotionDetectorProcess::c__watch_frames>(options, ended);
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

void MotionDetectorProcess::c__watch_frames(const DetectorOptions& options, EventIndex ended) {
  auto frames = frames_.consumer(reader_);
  if (!frames) throw_error(std::move(frames).error());
  auto found = found_.producer();
  if (!found) throw_error(std::move(found).error());
  const FrameRate rate{options.rate_numerator, options.rate_denominator};
  work_ = std::make_unique<Work>(Work{std::move(*frames), std::move(*found), options,
                                      MotionDetector{MotionOptions::for_rate(rate.is_valid() ? rate : FrameRate{})},
                                      Tracker{}, ended});
  report_ = {};
  // How far a predecessor came is beside the last thing that it handed on.
  if (const auto last = work_->found.last_published()) work_->mark = mark_of<DetectionMark>(*last);
  report_.frames_in = report_.frames_out = work_->mark.frames_out;
  report_.frames_lost = work_->mark.frames_lost;
  report_.events = work_->mark.events;
  if (work_->mark.frame > 0) resume_state();
  watch(work_->frames.descriptor(), [this] { step(); });
}

// One frame, then the loop's turn: the descriptor stays readable while there are more.
void MotionDetectorProcess::step() {
  Work& work = *work_;
  if (!work.frame && !take_frame()) return;
  const FrameMeta& meta = work.frame->meta();
  const auto taken = hand_on(meta.sequence, meta.source_time);
  if (!taken) return end(to_string(taken.error()));
  if (!*taken) return;
  ++report_.frames_out;
  work.frame.reset();
}

// False if there is nothing to hand on.
bool MotionDetectorProcess::take_frame() {
  Work& work = *work_;
  auto next = work.frames.next(Deadline::now());
  if (!next) {
    if (next.error().code() != Errc::queue_empty)
      end(next.error().code() == Errc::closed ? "" : to_string(next.error()));
    return false;
  }
  // A predecessor has handed on what it found in this one, and died before it gave the frame back.
  if (next->meta().sequence <= work.mark.frame) return false;
  ++report_.frames_in;
  report_.frames_lost += next->meta().sequence - work.mark.frame - 1;
  work.frame = std::move(*next);
  if (const auto seen = look_at_frame(); !seen) {
    end(to_string(seen.error()));
    return false;
  }
  return true;
}

Result<void> MotionDetectorProcess::look_at_frame() {
  Work& work = *work_;
  const FrameMeta& meta = work.frame->meta();
  work.skipped_after = 0;
  if (work.options.attempts > 0 && work.frame->delivery() > work.options.attempts) {
    work.skipped_after = work.frame->delivery() - 1;
    logger().warning("frame {} ended {} detectors and is skipped", meta.sequence, work.skipped_after);
    return {};
  }
  if (meta.sequence == work.options.poison) ::raise(SIGSEGV);
  PRONG_TRY(check_pixels(work.frame->bytes(), meta));
  PRONG_TRY_ASSIGN(const auto picture, view_of(work.frame->bytes(), meta));
  const std::vector<Box> boxes = work.detector.update(picture);
  // A predecessor had come as far as this frame, and died before it could hand on what it had found.
  if (work.saved && work.saved->frame >= meta.sequence) {
    work.events = std::move(work.saved->events);
    report_.events += work.events.size();
    work.saved.reset();
    return {};
  }
  work.events = work.tracker.update(meta.sequence - 1, meta.source_time, boxes);
  report_.events += work.events.size();
  save_state(meta.sequence);
  return {};
}

// Before the result is handed on: a successor that finds this state and not the result hands that on.
void MotionDetectorProcess::save_state(std::uint64_t sequence) {
  Work& work = *work_;
  std::vector<std::byte> bytes;
  encode(FollowedTracks{sequence, work.tracker, work.events}, bytes);
  // What cannot be kept, a crowd of hundreds, is learnt anew: no reason to stop.
  static_cast<void>(tracks_.save(bytes));
  if (sequence % frames_between_backgrounds == 0) static_cast<void>(background_.save(work.detector.background()));
}

void MotionDetectorProcess::resume_state() {
  Work& work = *work_;
  if (const auto saved = background_.take(); saved && *saved) {
    if (const auto resumed = work.detector.resume((**saved).bytes); !resumed)
      logger().warning("the background is learnt anew: {}", to_string(resumed.error()));
  }
  const auto saved = tracks_.take();
  if (!saved || !*saved) return;
  if (auto followed = decode<FollowedTracks>((**saved).bytes); followed)
    work.saved = std::move(*followed);
  else
    logger().warning("tracks are begun anew: {}", to_string(followed.error()));
  if (work.saved) work.tracker = work.saved->tracker;
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
  detections.skipped_after = work.skipped_after;
  for (const Track& track : work.tracker.tracks())
    if (track.is_confirmed() && track.misses == 0) detections.tracks.push_back(track);
  const DetectionMark mark{
      .frame = sequence, .frames_out = report_.frames_in, .frames_lost = report_.frames_lost, .events = report_.events};
  PRONG_TRY(publish(*slot, std::move(detections), source_time, mark));
  work.mark = mark;
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
    const auto taken = hand_on(work.mark.frame + 1, 0ns);
    if (taken && !*taken) return loop().post([this] { hand_on_the_last(); });
    if (!taken && report_.problem.empty()) report_.problem = to_string(taken.error());
  }
  report_.ended = true;
  static_cast<void>(work.found.finish());
  static_cast<void>(events_.set(work.ended));
}

}  // namespace prong::video

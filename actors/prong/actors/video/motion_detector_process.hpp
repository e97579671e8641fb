// A process that watches a frame ring for motion.
#pragma once

#include "prong/actors/video/motion_detector.hpp"
#include "prong/actors/video/stage.hpp"
#include "prong/process/message_process.hpp"
#include "prong/sync/event_group.hpp"

#include <memory>

namespace prong::video {

/// Reads frames, in place and without the right to write to them, follows what moves, and hands on what it found.
///
/// For each frame that it gets there is one Detections in the ring `found`; the frame itself stays where it is, for the
/// other readers.
class MotionDetectorProcess : public MessageProcess {
 public:
  /// Reads `frames` as reader number `reader`. Requires: both rings and `events` outlive it; it is the only producer of
  /// `found`, whose slots hold detections_slot_bytes.
  MotionDetectorProcess(std::string name, FrameRing& frames, std::size_t reader, FrameRing& found, EventGroup& events);
  ~MotionDetectorProcess() override;

  /// Watches from now on; sets `ended` when the last frame was seen. `rate` is the stream's.
  [[nodiscard]] Future<void> watch_frames(FrameRate rate, EventIndex ended);
  [[nodiscard]] Future<StageReport> report();

 private:
  void c__watch_frames(int rate_numerator, int rate_denominator, EventIndex ended);
  StageReport c__report() const;
  void post_run() override;

  void step();
  Result<bool> hand_on(std::uint64_t sequence, std::chrono::nanoseconds source_time);
  void end(std::string problem);
  void hand_on_the_last();

  struct Work;
  FrameRing& frames_;
  std::size_t reader_;
  FrameRing& found_;
  EventGroup& events_;
  std::unique_ptr<Work> work_;
  StageReport report_;
};

}  // namespace prong::video

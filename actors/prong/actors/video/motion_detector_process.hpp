// A process that watches a frame ring for motion.
#pragma once

#include "prong/actors/video/motion_detector.hpp"
#include "prong/actors/video/stage.hpp"
#include "prong/process/message_process.hpp"
#include "prong/sync/checkpoint_store.hpp"
#include "prong/sync/event_group.hpp"

#include <memory>

namespace prong::video {

/// What a detector is to do.
struct DetectorOptions {
  std::int32_t rate_numerator = 25;  ///< Of the stream.
  std::int32_t rate_denominator = 1;
  /// A frame that ended the detector so often is skipped, so that it does not end the next one too; 0: never.
  std::uint32_t attempts = 2;
  /// For tests: looking at the frame with this sequence ends the process with SIGSEGV; 0: at none.
  std::uint64_t poison = 0;

  template <class Archive>
  void serialize(Archive& archive) {
    archive(rate_numerator, rate_denominator, attempts, poison);
  }
};

/// Reads frames, in place and without the right to write to them, follows what moves, and hands on what it found.
///
/// For each frame that it gets there is one Detections in the ring `found`; the frame itself stays where it is, for the
/// other readers. A detector that takes the place of one that died goes on behind it: nothing is left out and nothing
/// handed on twice, and whom it followed it goes on to follow. Of the background it knows what was learnt until half a
/// second before.
class MotionDetectorProcess : public MessageProcess {
 public:
  /// Reads `frames` as reader number `reader`. Requires: both rings and `events` outlive it; it is the only producer of
  /// `found`, whose slots hold detections_slot_bytes.
  MotionDetectorProcess(std::string name, FrameRing& frames, std::size_t reader, FrameRing& found, EventGroup& events);
  ~MotionDetectorProcess() override;

  /// Watches from now on; sets `ended` when the last frame was seen.
  [[nodiscard]] Future<void> watch_frames(const DetectorOptions& options, EventIndex ended);
  [[nodiscard]] Future<StageReport> report();

 private:
  void c__watch_frames(const DetectorOptions& options, EventIndex ended);
  StageReport c__report() const;
  void post_run() override;

  void step();
  bool take_frame();
  Result<void> look_at_frame();
  Result<bool> hand_on(std::uint64_t sequence, std::chrono::nanoseconds source_time);
  void end(std::string problem);
  void hand_on_the_last();

  void save_state(std::uint64_t sequence);
  void resume_state();

  struct Work;
  FrameRing& frames_;
  std::size_t reader_;
  FrameRing& found_;
  EventGroup& events_;
  CheckpointStore tracks_;      // after each frame
  CheckpointStore background_;  // now and then: it is as large as a picture
  std::unique_ptr<Work> work_;
  StageReport report_;
};

}  // namespace prong::video

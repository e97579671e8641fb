// A process that tells which of the things that move are people.
#pragma once

#include "prong/actors/video/stage.hpp"
#include "prong/process/message_process.hpp"
#include "prong/sync/event_group.hpp"

#include <memory>

namespace prong::video {

/// How closely people are looked for.
struct PersonOptions {
  int every_frames = 5;      ///< A look takes 1 to 2 ms a track: not in each frame.
  int confirm_after = 2;     ///< A track is a person once one was found in it in so many looks.
  double least_score = 0.6;  ///< As PersonFinderOptions.
  int least_height = 28;     ///< As PersonFinderOptions. Units: pixels.

  template <class Archive>
  void serialize(Archive& archive) {
    archive(every_frames, confirm_after, least_score, least_height);
  }
};

/// Stands between a motion detector and whoever reads what it found: looks, now and then, at the boxes of its tracks
/// for people, and hands everything on with those it knows of added, and an event `person` for each track that is one.
///
/// Reads frames in place, without the right to write to them. A frame that was dropped before it could be read is not
/// looked at; what was found in it is handed on all the same.
/// OpenCV is used in the backend, on one thread; the header names it nowhere.
class PersonDetectorProcess : public MessageProcess {
 public:
  /// Which ends of the rings are this process's. Requires: all of them outlive it; `marked` has no other producer, and
  /// slots of detections_slot_bytes.
  struct Rings {
    FrameRing& frames;
    std::size_t frames_reader = 0;
    FrameRing& found;
    std::size_t found_reader = 0;
    FrameRing& marked;
  };

  PersonDetectorProcess(std::string name, const Rings& rings, EventGroup& events);
  ~PersonDetectorProcess() override;

  /// Begins; sets `ended` when everything that was found has been handed on.
  /// Fails with: handler_failed for a number of `options` below 1.
  [[nodiscard]] Future<void> watch_frames(const PersonOptions& options, EventIndex ended);
  /// Returns the figures so far: frames whose Detections came, and people as `events`.
  [[nodiscard]] Future<StageReport> report();

 private:
  void c__watch_frames(const PersonOptions& options, EventIndex ended);
  StageReport c__report() const;
  void pre_run() override;
  void post_run() override;

  void step();
  bool take_detections();
  void look();
  Result<bool> hand_on();
  void end(std::string problem);

  struct Work;
  Rings rings_;
  EventGroup& events_;
  std::unique_ptr<Work> work_;
  StageReport report_;
};

}  // namespace prong::video

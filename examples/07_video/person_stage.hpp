// The person detector, where it was built.
#pragma once

#include "prong/actors/video/stage.hpp"
#include "prong/process/message_process.hpp"
#include "prong/sync/event_group.hpp"

#include <functional>
#include <memory>

namespace example {

/// Which ends of the rings the stage has; see prong::video::PersonDetectorProcess::Rings.
struct PersonStageRings {
  prong::FrameRing& frames;
  std::size_t frames_reader;
  prong::FrameRing& found;
  prong::FrameRing& marked;
};

/// The stage between detector and sink that marks people.
class PersonStage {
 public:
  virtual ~PersonStage() = default;
  [[nodiscard]] virtual prong::MessageProcess& process() = 0;
  [[nodiscard]] virtual prong::Future<void> watch_frames(prong::EventIndex ended) = 0;
  [[nodiscard]] virtual prong::Future<prong::video::StageReport> report() = 0;
};

/// Tells whether this program was built with the person detector.
[[nodiscard]] bool has_person_stage() noexcept;

/// Makes the stage, not started yet. Requires: has_person_stage().
[[nodiscard]] std::unique_ptr<PersonStage> make_person_stage(const PersonStageRings& rings, prong::EventGroup& events);

}  // namespace example

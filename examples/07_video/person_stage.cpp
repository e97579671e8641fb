// Built with the component actors_person.
#include "person_stage.hpp"

#include "prong/actors/person/person_detector_process.hpp"

namespace example {
namespace {

class Persons final : public PersonStage {
 public:
  Persons(const PersonStageRings& rings, prong::EventGroup& events)
      : process_{"persons",
                 {.frames = rings.frames,
                  .frames_reader = rings.frames_reader,
                  .found = rings.found,
                  .found_reader = 0,
                  .marked = rings.marked},
                 events} {}

  prong::MessageProcess& process() override { return process_; }
  prong::Future<void> watch_frames(prong::EventIndex ended) override { return process_.watch_frames({}, ended); }
  prong::Future<prong::video::StageReport> report() override { return process_.report(); }

 private:
  prong::video::PersonDetectorProcess process_;
};

}  // namespace

bool has_person_stage() noexcept {
  return true;
}

std::unique_ptr<PersonStage> make_person_stage(const PersonStageRings& rings, prong::EventGroup& events) {
  return std::make_unique<Persons>(rings, events);
}

}  // namespace example

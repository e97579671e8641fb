// Built without the component actors_person.
#include "person_stage.hpp"

namespace example {

bool has_person_stage() noexcept {
  return false;
}

std::unique_ptr<PersonStage> make_person_stage(const PersonStageRings& /*rings*/, prong::EventGroup& /*events*/) {
  return nullptr;
}

}  // namespace example

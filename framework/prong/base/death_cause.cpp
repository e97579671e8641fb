#include "prong/base/death_cause.hpp"

namespace prong {

std::string_view name_of(DeathCause cause) noexcept {
  switch (cause) {
    case DeathCause::signal: return "signal";
    case DeathCause::exception: return "exception";
    case DeathCause::exit: return "exit";
    case DeathCause::deadline: return "deadline";
    case DeathCause::out_of_memory: return "out_of_memory";
    case DeathCause::foreign_kill: return "foreign_kill";
    case DeathCause::ended: return "ended";
    case DeathCause::bad_message: return "bad_message";
    case DeathCause::processor_time: return "processor_time";
  }
  return "unknown";
}

}  // namespace prong

#include "prong/base/outcome.hpp"

namespace prong {

std::string_view name_of(Outcome outcome) noexcept {
  switch (outcome) {
    case Outcome::value: return "value";
    case Outcome::failed: return "failed";
    case Outcome::not_delivered: return "not_delivered";
    case Outcome::outcome_unknown: return "outcome_unknown";
    case Outcome::deadline_exceeded: return "deadline_exceeded";
    case Outcome::cancelled: return "cancelled";
    case Outcome::overloaded: return "overloaded";
  }
  return "unknown";
}

}  // namespace prong

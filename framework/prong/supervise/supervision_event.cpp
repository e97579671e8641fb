#include "prong/supervise/supervision_event.hpp"

#include <fmt/format.h>

namespace prong {

std::string_view name_of(SupervisionEvent::Kind kind) noexcept {
  switch (kind) {
    case SupervisionEvent::Kind::started: return "started";
    case SupervisionEvent::Kind::ready: return "ready";
    case SupervisionEvent::Kind::hung: return "hung";
    case SupervisionEvent::Kind::recycled: return "recycled";
    case SupervisionEvent::Kind::down: return "down";
    case SupervisionEvent::Kind::restarting: return "restarting";
    case SupervisionEvent::Kind::gave_up: return "gave_up";
  }
  return "unknown";
}

std::string to_string(const SupervisionEvent& event) {
  std::string text = fmt::format("{}#{} {}", event.child, event.incarnation, name_of(event.kind));
  if (event.kind == SupervisionEvent::Kind::restarting)
    text += fmt::format(" in {} ms", std::chrono::ceil<std::chrono::milliseconds>(event.delay).count());
  if (event.cause) text += ": " + to_string(*event.cause);
  return text;
}

}  // namespace prong

// What of an event group travels to a process that was not forked with it: numbers, beside the descriptors.
#pragma once

#include "prong/base/result.hpp"

#include <cstdint>
#include <vector>

namespace prong {
class EventGroup;
}

namespace prong::sync::detail {

/// Everything by which a process takes part in a group, given that it has the descriptors under these numbers.
struct EventTicket {
  std::uint8_t kind = 0;
  std::uint32_t group = 0;
  std::int32_t memory = -1;
  std::vector<std::int32_t> events;  ///< One eventfd each.

  template <class Archive>
  void serialize(Archive& archive) {
    archive(kind, group, memory, events);
  }
};

/// Takes groups apart and puts them together.
class EventTravel {
 public:
  /// Returns a ticket. It is good as long as the group, or a copy of it, lives in this process.
  /// Fails with: wrong_process in a process that was forked with the group.
  [[nodiscard]] static Result<EventTicket> ticket_of(const EventGroup& group);
  /// Takes over the descriptors. Requires: called once with each, in a process that was given them.
  /// Fails with: bad_message if they are not those of such a group.
  [[nodiscard]] static Result<EventGroup> open(const EventTicket& ticket);
};

}  // namespace prong::sync::detail

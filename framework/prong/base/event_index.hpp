// The name of an event that travels in messages.
#pragma once

#include "prong/base/strong_id.hpp"

#include <cstdint>

namespace prong {

/// Names one reserved event of an EventGroup, in every process that shares the group.
///
/// Opaque: which event and which use of it, packed (docs/formats/event_group.md). One that is value-initialised
/// names no event.
using EventIndex = StrongId<struct EventIndexTag, std::uint64_t>;

}  // namespace prong

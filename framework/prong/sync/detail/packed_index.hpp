// What is inside an EventIndex. Layout: docs/formats/event_group.md.
#pragma once

#include "prong/base/event_index.hpp"

#include <cstddef>
#include <cstdint>

namespace prong::sync::detail {

/// Which use of an event's slot; 1 to `last_generation`, or `no_generation` while nobody has it.
using Generation = std::uint32_t;
constexpr Generation no_generation = 0;

constexpr unsigned slot_bits = 16;
constexpr unsigned group_bits = 19;
constexpr unsigned generation_bits = 29;
static_assert(slot_bits + group_bits + generation_bits == 64);

constexpr std::size_t most_slots = std::size_t{1} << slot_bits;
constexpr std::uint32_t last_group = (1U << group_bits) - 1;
constexpr Generation last_generation = (1U << generation_bits) - 1;

/// The fields of an EventIndex.
struct PackedIndex {
  std::uint32_t slot = 0;
  std::uint32_t group = 0;
  Generation generation = 0;
};

[[nodiscard]] constexpr EventIndex pack(PackedIndex fields) noexcept {
  return EventIndex{std::uint64_t{fields.generation} << (slot_bits + group_bits) |
                    std::uint64_t{fields.group} << slot_bits | fields.slot};
}

/// Takes any 64 bits apart; each field is within its bits.
[[nodiscard]] constexpr PackedIndex unpack(EventIndex index) noexcept {
  return {.slot = static_cast<std::uint32_t>(index.value & (most_slots - 1)),
          .group = static_cast<std::uint32_t>(index.value >> slot_bits & last_group),
          .generation = static_cast<Generation>(index.value >> (slot_bits + group_bits))};
}

/// Returns the generation after `generation`; never 0.
[[nodiscard]] constexpr Generation next(Generation generation) noexcept {
  return generation == last_generation ? 1 : generation + 1;
}

/// Tells whether `generation` was in use before `present`, counting at most half-way round.
[[nodiscard]] constexpr bool is_earlier(Generation generation, Generation present) noexcept {
  const Generation distance = (present - generation) & last_generation;
  return generation != no_generation && distance != 0 && distance <= last_generation / 2;
}

}  // namespace prong::sync::detail

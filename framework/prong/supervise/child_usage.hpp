// What a supervised child uses.
#pragma once

#include <cstdint>

namespace prong {

/// Figures by which a child is recycled.
struct ChildUsage {
  std::uint64_t tasks = 0;         ///< Messages and calls that it was given since its start.
  std::uint64_t memory_bytes = 0;  ///< Resident memory of its own, without files and shared memory; 0: not known.

  friend bool operator==(const ChildUsage&, const ChildUsage&) = default;
};

}  // namespace prong

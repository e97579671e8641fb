// select(2) as valkka's users know it, without its limit of 1,024 descriptors.
#pragma once

#include "prong/base/deadline.hpp"
#include "prong/base/result.hpp"

#include <span>
#include <vector>

namespace prong {

/// The descriptors that are ready, each in the order in which it was asked for.
struct Selected {
  std::vector<int> readable;
  std::vector<int> writable;
  std::vector<int> exceptional;
};

/// Waits until one of the descriptors is ready or the deadline has passed.
///
/// A signal ends the wait with three empty lists, so that the caller's loop can look at what its handler noted.
/// Descriptors may be of any number. One at its end counts as readable, one with an error as readable and writable.
/// Fails with: invalid_argument, naming a descriptor that is not open; system.
[[nodiscard]] Result<Selected> safe_select(std::span<const int> read, std::span<const int> write,
                                           std::span<const int> exceptional, Deadline deadline);

}  // namespace prong

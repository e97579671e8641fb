// Waiting for a few descriptors; an event loop for many is prong/loop.
#pragma once

#include "prong/base/deadline.hpp"
#include "prong/base/result.hpp"

#include <poll.h>

#include <cstddef>
#include <span>

namespace prong::os {

/// Waits until one of `entries` is ready or the deadline has passed, and returns how many are ready.
///
/// A signal does not end the wait. Descriptors may be of any number.
/// Fails with: system.
[[nodiscard]] Result<std::size_t> poll(std::span<pollfd> entries, Deadline deadline);

/// Waits until `descriptor` is readable or at its end. Fails with: deadline_exceeded, system.
[[nodiscard]] Result<void> wait_readable(int descriptor, Deadline deadline);

/// Tells whether `descriptor` is readable or at its end. Blocks: never.
[[nodiscard]] bool readable(int descriptor) noexcept;

}  // namespace prong::os

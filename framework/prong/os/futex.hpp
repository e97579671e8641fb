// Sleeping on a word of memory that other processes map too.
#pragma once

#include "prong/base/deadline.hpp"

#include <atomic>
#include <cstdint>

namespace prong::os {

/// Why a futex wait returned.
enum class FutexWake : std::uint8_t {
  woken,     ///< Woken, or the word was not `expected`, or a signal came: look at the word again.
  deadline,  ///< The deadline has passed.
};

/// Sleeps while `word` is `expected`, until futex_wake or the deadline.
/// Source: futex(2), FUTEX_WAIT_BITSET on the monotonic clock, shared between processes.
FutexWake futex_wait(std::atomic<std::uint32_t>& word, std::uint32_t expected, Deadline deadline) noexcept;

/// Wakes up to `count` sleepers of `word` in every process that maps it.
void futex_wake(std::atomic<std::uint32_t>& word, int count) noexcept;

/// Wakes all sleepers.
void futex_wake_all(std::atomic<std::uint32_t>& word) noexcept;

}  // namespace prong::os

#include "prong/os/futex.hpp"

#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <climits>
#include <ctime>

namespace prong::os {

static_assert(sizeof(std::atomic<std::uint32_t>) == 4 && std::atomic<std::uint32_t>::is_always_lock_free);

FutexWake futex_wait(std::atomic<std::uint32_t>& word, std::uint32_t expected, Deadline deadline) noexcept {
  timespec until{};
  const timespec* timeout = nullptr;
  if (!deadline.is_never()) {
    // The call takes a point in time, so a restart after a signal does not lengthen the wait.
    until.tv_sec = static_cast<time_t>(deadline.nanoseconds() / 1'000'000'000);
    until.tv_nsec = static_cast<long>(deadline.nanoseconds() % 1'000'000'000);
    timeout = &until;
  }
  const long result =
      ::syscall(SYS_futex, &word, FUTEX_WAIT_BITSET, expected, timeout, nullptr, FUTEX_BITSET_MATCH_ANY);
  return result != 0 && errno == ETIMEDOUT ? FutexWake::deadline : FutexWake::woken;
}

void futex_wake(std::atomic<std::uint32_t>& word, int count) noexcept {
  ::syscall(SYS_futex, &word, FUTEX_WAKE, count, nullptr, nullptr, 0);
}

void futex_wake_all(std::atomic<std::uint32_t>& word) noexcept {
  futex_wake(word, INT_MAX);
}

}  // namespace prong::os

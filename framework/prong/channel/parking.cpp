#include "prong/channel/parking.hpp"

#include "prong/os/futex.hpp"

namespace prong::channel {

bool KernelFutex::wait(std::atomic<std::uint32_t>& word, std::uint32_t expected, Deadline deadline) noexcept {
  return os::futex_wait(word, expected, deadline) == os::FutexWake::woken;
}

void KernelFutex::wake(std::atomic<std::uint32_t>& word, int count) noexcept {
  os::futex_wake(word, count);
}

}  // namespace prong::channel

#include "prong/channel/patience.hpp"

#include <sched.h>

#include <chrono>

#if defined(__x86_64__) || defined(__i386__)
#include <immintrin.h>
#endif

namespace prong::channel {

int Patience::this_cpu() noexcept {
  return ::sched_getcpu();
}

std::int64_t Patience::nanoseconds() noexcept {
  return std::chrono::steady_clock::now().time_since_epoch().count();
}

void Patience::pause() noexcept {
#if defined(__x86_64__) || defined(__i386__)
  _mm_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

void Patience::yield() noexcept {
  ::sched_yield();
}

}  // namespace prong::channel

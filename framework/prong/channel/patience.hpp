// How long to look again before it is worth to sleep.
#pragma once

#include <atomic>
#include <cstdint>

namespace prong::channel {

/// Looks again for a while, as long as looking has paid off lately, and never while both sides share a CPU.
///
/// Thread safety: all members from any thread; what several threads learn at once may get lost.
class Patience {
 public:
  /// Looks until `ready()` or until it is better to sleep; tells which. `peer_cpu`: where the other side ran last, or
  /// -1.
  template <class Ready>
  [[nodiscard]] bool wait(int peer_cpu, Ready&& ready) noexcept {
    if (peer_cpu >= 0 && peer_cpu != this_cpu()) {
      const std::int64_t begin = nanoseconds();
      const std::int64_t limit = limit_.load(std::memory_order_relaxed);
      do {
        for (int i = 0; i < looks_per_clock; ++i) {
          if (ready()) {
            learn(limit * 2);
            return true;
          }
          pause();
        }
      } while (nanoseconds() - begin < limit);
      learn(limit / 2);
    }
    // Whoever shares this CPU runs now, and does not have to wake anybody for the first thing that it has.
    for (int i = 0; i < yields; ++i) {
      yield();
      if (ready()) return true;
    }
    return false;
  }

  /// Returns the CPU that this thread runs on. Costs no system call.
  [[nodiscard]] static int this_cpu() noexcept;

 private:
  // A sleep and a wake cost between 4 and 40 us, so that is what looking may cost; little once it does not help.
  static constexpr std::int64_t longest = 10'000;
  static constexpr std::int64_t shortest = 500;
  static constexpr int looks_per_clock = 8;
  static constexpr int yields = 2;

  void learn(std::int64_t limit) noexcept {
    if (limit >= shortest && limit <= longest) limit_.store(limit, std::memory_order_relaxed);
  }
  static std::int64_t nanoseconds() noexcept;
  static void pause() noexcept;
  static void yield() noexcept;

  std::atomic<std::int64_t> limit_{4'000};
};

}  // namespace prong::channel

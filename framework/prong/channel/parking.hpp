// Where threads sleep until somebody has something for them.
#pragma once

#include "prong/base/contract.hpp"
#include "prong/base/deadline.hpp"

#include <algorithm>
#include <atomic>
#include <cstdint>

namespace prong::channel {

/// A place to sleep that costs the other side one load while nobody sleeps in it, and each sleeper one wake.
///
/// A sleeper announces itself, looks once more, and sleeps. Who wakes publishes first and asks occupied() then: either
/// the sleeper sees what was published, or the other sees the sleeper (Dekker). Waking turns an announcement into a
/// token, and who takes a token gets up. At any moment there are as many announcements and tokens together as threads
/// between announce() and the end of sleep() or retract(), so each of them finds one or the other.
///
/// `Word` is a std::atomic of 32 bits and `Futex` sleeps on it; tests/model has others.
/// Thread safety: all members from any thread, at most 32767 in it at once.
template <class Word, class Futex>
class BasicParking {
 public:
  /// Tells whether there is anybody to wake. Requires: what they wait for was published before, seq_cst.
  [[nodiscard]] bool occupied() const noexcept {
    // SYNC POINT with word_ fetch_add in announce.
    return word_.load(std::memory_order_seq_cst) >= announcement;
  }

  /// Says "I sleep from now on". The caller must look once more, seq_cst, then call sleep() or retract().
  void announce() noexcept {
    // SYNC POINT with word_ load in occupied.
    const Value before = word_.fetch_add(announcement, std::memory_order_seq_cst);
    PRONG_EXPECT(announcements(before) < most, "at most 32767 threads sleep in one place");
  }
  /// Says "I do not sleep". Whether or not somebody has woken this thread meanwhile: it must look again. Blocks: never.
  void retract() noexcept { (void)leave(); }
  /// Sleeps until woken; tells whether it was, or the deadline has passed.
  [[nodiscard]] bool sleep(Deadline deadline) noexcept {
    for (;;) {
      const Value word = word_.load(std::memory_order_relaxed);
      if (tokens(word) != 0) {
        if (take_token()) return true;
      } else if (!Futex::wait(word_, word, deadline)) {
        return leave();
      }
    }
  }

  /// Leaves word for who wakes next that somebody wants to be told without sleeping.
  void post_observer() noexcept { word_.fetch_or(observer, std::memory_order_seq_cst); }

  /// Wakes up to `count` sleepers; tells whether an observer was posted, and takes it away.
  bool wake(std::uint32_t count) noexcept {
    Value word = word_.load(std::memory_order_relaxed);
    Value woken = 0;
    do {
      if (word < announcement) return false;
      woken = std::min(announcements(word), static_cast<Value>(count));
    } while (!word_.compare_exchange_weak(word, (word & ~observer) - woken * announcement + woken,
                                          std::memory_order_seq_cst));
    if (woken != 0) Futex::wake(word_, static_cast<int>(woken));
    return (word & observer) != 0;
  }
  bool wake_all() noexcept { return wake(static_cast<std::uint32_t>(most)); }

 private:
  using Value = decltype(Word{}.load(std::memory_order_relaxed));
  // Bits 0 to 14: tokens. Bits 15 to 30: announcements. Bit 31: an observer was posted.
  static constexpr Value announcement = Value{1} << 15U;
  static constexpr Value most = announcement - 1;
  static constexpr Value observer = Value{1} << 31U;

  static constexpr Value tokens(Value word) noexcept { return word & most; }
  static constexpr Value announcements(Value word) noexcept { return (word & ~observer) >> 15U; }

  // Takes an announcement back, whosever, for they are alike; or a token, if all were turned into tokens: then true.
  bool leave() noexcept {
    Value word = word_.load(std::memory_order_relaxed);
    for (;;) {
      const bool woken = announcements(word) == 0;
      if (word_.compare_exchange_weak(word, word - (woken ? 1 : announcement), std::memory_order_seq_cst)) return woken;
    }
  }
  bool take_token() noexcept {
    Value word = word_.load(std::memory_order_relaxed);
    while (tokens(word) != 0)
      if (word_.compare_exchange_weak(word, word - 1, std::memory_order_seq_cst)) return true;
    return false;
  }

  Word word_{};  // the futex
};

/// Sleeping as the kernel does it.
struct KernelFutex {
  /// Sleeps while `word` is `expected`; false: the deadline has passed.
  [[nodiscard]] static bool wait(std::atomic<std::uint32_t>& word, std::uint32_t expected, Deadline deadline) noexcept;
  /// Wakes up to `count` sleepers.
  static void wake(std::atomic<std::uint32_t>& word, int count) noexcept;
};

using Parking = BasicParking<std::atomic<std::uint32_t>, KernelFutex>;

}  // namespace prong::channel

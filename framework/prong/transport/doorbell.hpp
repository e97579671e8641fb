// Waking the other side only when it sleeps.
#pragma once

#include <atomic>
#include <cstdint>

namespace prong::transport {

/// The word by which a side says that it is about to sleep. Odd: asleep. It only grows, so each sleep is a new number.
///
/// Thread safety: one thread at a time, of the side that sleeps.
class SleepWord {
 public:
  explicit SleepWord(std::atomic<std::uint32_t>& word) noexcept : word_{&word} {}

  /// Says "I sleep from now on". The caller must look for work once more before it really sleeps.
  ///
  /// Each announcement is a new odd number: for the last one the bell may have been rung, and heard, already.
  void announce() noexcept {
    count_ += (count_ & 1U) != 0 ? 2 : 1;
    // SYNC POINT with the fence in DoorbellRope::ring_if_asleep: either the sleeper sees the work, or the other side
    // sees the word. Source: Dekker's mutual exclusion.
    word_->store(count_, std::memory_order_seq_cst);
    std::atomic_thread_fence(std::memory_order_seq_cst);
  }
  /// Says "I am awake": no bell is needed.
  void withdraw() noexcept {
    if ((count_ & 1U) != 0) word_->store(++count_, std::memory_order_relaxed);
  }

 private:
  std::atomic<std::uint32_t>* word_;
  std::uint32_t count_ = 0;
};

/// Makes an eventfd readable anew, so that an edge-triggered watch of it reports. Blocks: never.
///
/// A count that a peer has filled up to its maximum, on purpose, is emptied first.
void ring(int eventfd) noexcept;

/// The other end: rings an eventfd at most once per sleep.
///
/// Thread safety: ring_if_asleep() and ring() from any thread of the side that rings.
/// If the peer dies: ringing goes on to cost at most one system call per number that it left in its word.
class DoorbellRope {
 public:
  /// Requires: `word` is the other side's SleepWord; `descriptor` is the eventfd that it sleeps on.
  DoorbellRope(const std::atomic<std::uint32_t>& word, int descriptor) noexcept
      : word_{&word}, descriptor_{descriptor} {}

  /// Wakes the other side if it said that it sleeps. Requires: the work was published before.
  void ring_if_asleep() noexcept {
    std::atomic_thread_fence(std::memory_order_seq_cst);
    const std::uint32_t count = word_->load(std::memory_order_relaxed);
    std::atomic_ref<std::uint32_t> rung{rung_};
    if ((count & 1U) == 0 || count == rung.load(std::memory_order_relaxed)) return;
    rung.store(count, std::memory_order_relaxed);  // two threads at once may ring twice, which costs only time
    ring();
  }
  /// Wakes the other side whatever it said.
  void ring() const noexcept { transport::ring(descriptor_); }

 private:
  const std::atomic<std::uint32_t>* word_;
  int descriptor_;
  std::uint32_t rung_ = 0;
};

}  // namespace prong::transport

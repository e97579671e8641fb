// Waking the holder of the other end only when it sleeps, or may.
#pragma once

#include "prong/frame/detail/frame_words.hpp"
#include "prong/os/event_fd.hpp"

namespace prong::frame::detail {

/// The sleeper's side: its word in shared memory, odd while it may sleep, and the bell that it sleeps on.
///
/// Every sleep has a new number, so that a ring for an earlier one is not taken for a ring for this one.
/// Thread safety: one thread at a time.
class Sleeper {
 public:
  /// Goes on from the number that a predecessor left in `word`.
  Sleeper(Word& word, const os::EventFd& bell) noexcept
      : word_{&word}, bell_{&bell}, number_{word.load(std::memory_order_relaxed)} {}

  /// Silences the bell and says "I may sleep". The caller must look for news once more before it waits for the bell.
  void announce() noexcept {
    is_raised_ = false;
    static_cast<void>(bell_->clear());
    number_ += 1 + (number_ & 1);
    // SYNC POINT with word_ load in Rope::ring_if_asleep
    word_->store(number_, std::memory_order_seq_cst);
  }
  /// Says "I am awake": no ring is needed.
  void withdraw() noexcept {
    if ((number_ & 1) != 0) word_->store(++number_, std::memory_order_relaxed);
  }
  /// Withdraws, and makes the own bell readable for whoever polls it.
  void raise() noexcept {
    withdraw();
    if (!is_raised_) bell_->set();
    is_raised_ = true;
  }
  [[nodiscard]] int descriptor() const noexcept { return bell_->descriptor(); }

 private:
  Word* word_;
  const os::EventFd* bell_;
  std::uint64_t number_;
  bool is_raised_ = false;
};

/// The other side: rings once per sleep.
///
/// Thread safety: any thread.
/// If the peer dies: at most one ring for the number that it left.
class Rope {
 public:
  Rope(const Word& word, const os::EventFd& bell) noexcept : word_{&word}, bell_{&bell} {}

  /// Wakes the sleeper if it may sleep. Requires: the news were stored, sequentially consistent, before.
  void ring_if_asleep() noexcept {
    // SYNC POINT with word_ store in Sleeper::announce: either the sleeper sees the news, or its word is seen here.
    const std::uint64_t number = word_->load(std::memory_order_seq_cst);
    if ((number & 1) == 0 || number == rung_.load(std::memory_order_relaxed)) return;
    rung_.store(number, std::memory_order_relaxed);  // Two threads at once may ring twice, which costs only time.
    bell_->set();
  }

 private:
  const Word* word_;
  const os::EventFd* bell_;
  std::atomic<std::uint64_t> rung_{0};
};

}  // namespace prong::frame::detail

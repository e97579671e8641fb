// Two words per call by which both sides know, whatever happens to the other, whether its handler has begun.
//
// Layout, protocol and proof: docs/formats/segment.md, "Call words". Knows no message and no process.
#pragma once

#include "prong/base/contract.hpp"
#include "prong/base/request_number.hpp"

#include <atomic>
#include <cstdint>

namespace prong::transport {

/// The calls between two sides: `begun` is written by the side that runs them, `given_up` by the side that made them.
///
/// `Word` is a std::atomic of 64 bits and `fence` a sequentially consistent fence; tests/model has others.
/// Thread safety: ask_to_end() and give_up() by one thread at a time; try_begin() by one thread at a time; the rest by
/// any. If the peer dies: its words stay as it left them; has_begun() tells what it began.
template <class Word, void (*fence)()>
class BasicCallBoard {
 public:
  BasicCallBoard() noexcept = default;
  /// Requires: both point to `slots` words.
  BasicCallBoard(Word* begun, Word* given_up, std::size_t slots) noexcept
      : begun_{begun}, given_up_{given_up}, slots_{slots} {}

  /// Returns how many calls can be under way.
  [[nodiscard]] std::size_t slots() const noexcept { return slots_; }

  // --- The side that made the call -----------------------------------------------------------------------------------

  /// Asks that the call ends. Returns whether it may have begun; otherwise it never will.
  [[nodiscard]] bool ask_to_end(RequestNumber call) noexcept { return give_up_as(call, asked); }
  /// Says that no outcome is taken any more. Returns whether the call may have begun; otherwise it never will.
  [[nodiscard]] bool give_up(RequestNumber call) noexcept { return give_up_as(call, ended); }

  // --- The side that runs it -----------------------------------------------------------------------------------------

  /// Begins the call. Returns false if it was given up: then it must not run.
  [[nodiscard]] bool try_begin(RequestNumber call) noexcept {
    if (is_asked_to_end(call)) return false;
    word(begun_, call).store(call.value(), std::memory_order_release);
    // SYNC POINT with the fence in give_up_as: not both sides can miss the other's word. Source: Dekker.
    fence();
    return !is_asked_to_end(call);
  }
  /// Tells whether the other side asked the call to end, or takes no outcome any more.
  [[nodiscard]] bool is_asked_to_end(RequestNumber call) const noexcept {
    return word(given_up_, call).load(std::memory_order_acquire) >> 16 >= call.generation();
  }
  /// Tells whether the other side takes no outcome of the call any more.
  [[nodiscard]] bool is_given_up(RequestNumber call) const noexcept {
    return word(given_up_, call).load(std::memory_order_acquire) >= (call.generation() << 16 | ended);
  }

 private:
  static constexpr std::uint64_t asked = 1;
  static constexpr std::uint64_t ended = 2;

  bool give_up_as(RequestNumber call, std::uint64_t state) noexcept {
    word(given_up_, call).store(call.generation() << 16 | state, std::memory_order_release);
    fence();  // SYNC POINT with the fence in try_begin
    return word(begun_, call).load(std::memory_order_acquire) >= call.value();
  }
  Word& word(Word* words, RequestNumber call) const noexcept {
    PRONG_EXPECT(call.slot() < slots_, "a call has a slot on the board");
    return words[call.slot()];
  }

  Word* begun_ = nullptr;
  Word* given_up_ = nullptr;
  std::size_t slots_ = 0;
};

inline void call_board_fence() noexcept {
  std::atomic_thread_fence(std::memory_order_seq_cst);
}

/// The board in the memory of a segment.
using CallBoard = BasicCallBoard<std::atomic<std::uint64_t>, call_board_fence>;

}  // namespace prong::transport

// What a bounded channel consists of without its values: two positions, their locks, and those who sleep.
//
// Writers share the back, readers share the front, and neither needs the other's lock: one writer and one reader never
// contend. A side keeps a copy of the other's position and looks again only when it seems full or empty.
#pragma once

#include "prong/base/deadline.hpp"
#include "prong/base/error.hpp"
#include "prong/base/result.hpp"
#include "prong/channel/observers.hpp"
#include "prong/channel/parking.hpp"
#include "prong/channel/patience.hpp"

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>

namespace prong::channel {

/// Positions of a ring of `capacity` slots, shared by threads that write and threads that read.
///
/// A claim gives the caller consecutive slots and keeps the side locked until it is ended, so what happens in between
/// is short and does not throw.
/// Thread safety: all members from any thread.
class RingCore {
 public:
  /// Slots that are the caller's until it ends the claim; none: nothing is locked.
  struct Claim {
    std::uint64_t first = 0;
    std::size_t count = 0;
  };

  static constexpr std::size_t max_capacity = std::size_t{1} << 32U;

  /// Requires: 0 < `capacity` <= max_capacity.
  explicit RingCore(std::size_t capacity);
  RingCore(const RingCore&) = delete;
  RingCore& operator=(const RingCore&) = delete;
  ~RingCore() = default;

  /// Claims up to `wanted` empty slots; none when it is full or over for writers.
  [[nodiscard]] Claim claim_room(std::size_t wanted) noexcept {
    const std::uint64_t position = lock(back_);
    if (state_.load(std::memory_order_relaxed) == open_state) [[likely]] {
      std::size_t room = capacity_ - static_cast<std::size_t>(position - back_.other);
      if (room < wanted) {
        // SYNC POINT with front_.word exchange in unlock: the slots are empty.
        back_.other = front_.word.load(std::memory_order_acquire) >> 1U;
        room = capacity_ - static_cast<std::size_t>(position - back_.other);
      }
      if (room != 0) return {position, std::min(room, wanted)};
    }
    unlock(back_, position);
    return {};
  }
  /// Ends a claim of claim_room(), whose slots are filled, and wakes readers.
  void publish(const Claim& claim) noexcept {
    unlock(back_, claim.first + claim.count);
    if (readers_.occupied()) [[unlikely]]
      wake_readers(claim.count);
  }

  /// Claims up to `wanted` filled slots; none when it is empty.
  [[nodiscard]] Claim claim_items(std::size_t wanted) noexcept {
    const std::uint64_t position = lock(front_);
    std::size_t there = static_cast<std::size_t>(front_.other - position);
    if (there < wanted) {
      // SYNC POINT with back_.word exchange in unlock: the slots are filled.
      front_.other = back_.word.load(std::memory_order_acquire) >> 1U;
      there = static_cast<std::size_t>(front_.other - position);
    }
    if (there != 0) return {position, std::min(there, wanted)};
    unlock(front_, position);
    return {};
  }
  /// Ends a claim of claim_items(), whose slots are empty now, and wakes writers.
  void release(const Claim& claim) noexcept {
    unlock(front_, claim.first + claim.count);
    if (writers_.occupied()) [[unlikely]]
      wake_writers(claim.count);
  }

  /// An empty slot, and the filled one that must be emptied for it, if there is one.
  struct Exchange {
    Claim room;
    Claim oldest;
  };
  /// Claims a slot whether it is full or not; none only when it is over for writers. First drop() what is the oldest,
  /// then publish() the room.
  [[nodiscard]] Exchange claim_exchange() noexcept;
  /// Ends the claim of an item that nobody has read; its slot is empty now.
  void drop(const Claim& oldest) noexcept {
    unlock(front_, oldest.first + oldest.count);  // the room is filled at once, so no writer is woken for it
    // SYNC POINT with dropped_ load in dropped: who counts it as dropped counts it as taken too.
    dropped_.fetch_add(oldest.count, std::memory_order_release);
  }

  /// Sleeps until there may be something to read; false: the deadline has passed. Look before you ask again.
  [[nodiscard]] bool wait_for_items(Deadline deadline) noexcept;
  /// Sleeps until there may be room or it is over for writers; false: the deadline has passed. Look before you ask
  /// again.
  [[nodiscard]] bool wait_for_room(Deadline deadline) noexcept;

  /// Ends it for writers; readers get what was written before. The first error stays. Wakes everybody who waits.
  void close(std::optional<Error> error);
  /// Ends it for writers because nobody reads any more.
  void abandon() noexcept;
  /// Tells whether it was closed. What was written before is readable after this was true.
  [[nodiscard]] bool closed() const noexcept { return (state_.load(std::memory_order_seq_cst) & closed_bit) != 0; }
  [[nodiscard]] bool over_for_writers() const noexcept { return state_.load(std::memory_order_seq_cst) != open_state; }
  /// Returns what it was closed with. Requires: closed().
  [[nodiscard]] const std::optional<Error>& error() const noexcept { return error_; }

  /// Calls `callback` once when there is something to read or it is closed: here, or in the thread that makes it so.
  void on_readable(std::function<void()> callback);
  /// As on_readable(), for room.
  void on_writable(std::function<void()> callback);
  /// Returns a descriptor that is readable while there may be something to read. Fails with: system.
  [[nodiscard]] Result<int> descriptor();
  /// A reader has found nothing: makes the descriptor silent, if there is one.
  void found_empty() noexcept {
    if (read_observers_.silence()) [[unlikely]]
      watch_again();
  }

  [[nodiscard]] std::size_t capacity() const noexcept { return capacity_; }
  [[nodiscard]] std::size_t size() const noexcept;
  /// Returns how many items were written since it was made.
  [[nodiscard]] std::uint64_t written() const noexcept { return back_.word.load(std::memory_order_acquire) >> 1U; }
  /// Returns how many items were read or dropped.
  [[nodiscard]] std::uint64_t taken() const noexcept { return front_.word.load(std::memory_order_acquire) >> 1U; }
  [[nodiscard]] std::uint64_t dropped() const noexcept { return dropped_.load(std::memory_order_acquire); }

 private:
  static constexpr std::size_t apart = 128;  // neighbours of a cache line are prefetched with it
  static constexpr std::uint32_t open_state = 0;
  static constexpr std::uint32_t closed_bit = 1;
  static constexpr std::uint32_t abandoned_bit = 2;

  struct alignas(apart) Side {
    std::atomic<std::uint64_t> word{0};  // the next position, times 2, plus 1 while locked
    std::uint64_t other = 0;             // the other side's position, when last looked; for who holds the lock
    std::atomic<int> cpu{-1};            // where this side ran last
    Patience patience;
    Parking lock_queue;
  };

  [[nodiscard]] std::uint64_t lock(Side& side) noexcept {
    // SYNC POINT with word exchange in unlock.
    if ((side.word.fetch_or(1, std::memory_order_seq_cst) & 1U) != 0) [[unlikely]]
      lock_slowly(side);
    return side.word.load(std::memory_order_relaxed) >> 1U;
  }
  void unlock(Side& side, std::uint64_t position) noexcept {
    side.cpu.store(Patience::this_cpu(), std::memory_order_relaxed);
    // SYNC POINT with word fetch_or in lock, and with word load in claim_room, claim_items, has_items and has_room.
    side.word.exchange(position << 1U, std::memory_order_seq_cst);
    if (side.lock_queue.occupied()) [[unlikely]]
      side.lock_queue.wake(1);
  }
  static void lock_slowly(Side& side) noexcept;

  [[nodiscard]] bool has_items() const noexcept;
  [[nodiscard]] bool has_room() const noexcept;
  [[nodiscard]] bool readable() const noexcept { return has_items() || closed(); }
  [[nodiscard]] bool writable() const noexcept { return has_room() || over_for_writers(); }
  template <class Ready>
  static bool wait(const Side& other, Patience& patience, Parking& parking, Deadline deadline, Ready ready) noexcept;
  void end(std::uint32_t bit) noexcept;
  void wake_readers(std::size_t count) noexcept;
  void wake_writers(std::size_t count) noexcept;
  void watch_again() noexcept;

  Side front_;  // readers
  Side back_;   // writers
  alignas(apart) Parking readers_;
  Patience read_patience_;
  alignas(apart) Parking writers_;
  Patience write_patience_;
  alignas(apart) const std::size_t capacity_;
  std::atomic<std::uint32_t> state_{open_state};
  std::optional<Error> error_;
  std::atomic<std::uint64_t> dropped_{0};
  Observers read_observers_;
  Observers write_observers_;
};

}  // namespace prong::channel

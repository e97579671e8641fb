// One side's end of a segment: records out, records in, the call words, and the bell.
#pragma once

#include "prong/transport/byte_ring.hpp"
#include "prong/transport/call_board.hpp"
#include "prong/transport/doorbell.hpp"
#include "prong/transport/segment.hpp"

#include <vector>

namespace prong::transport {

/// Sends and receives records, and sleeps without missing one.
///
/// Thread safety: one thread at a time sends on each lane, one thread at a time receives; these may be three.
/// If the peer dies: what it published can be received; nothing here notices the death (a pidfd does).
/// After fork: the mapping is not inherited; the child makes a Port of its own.
class Port {
 public:
  /// Maps the segment for `side`. Requires: `segment` outlives the Port. Fails with: system.
  [[nodiscard]] static Result<Port> open(const Segment& segment, Side side);

  /// Copies a record of two parts into a lane; flush() of that lane lets the peer see it. Blocks: never.
  /// Requires: both parts together are at most max_record_size(lane).
  [[nodiscard]] Push try_send(Lane lane, Bytes first, Bytes second) noexcept;
  /// Publishes what was sent on a lane and wakes the peer if it sleeps.
  void flush(Lane lane) noexcept;
  /// Units: bytes.
  [[nodiscard]] std::size_t max_record_size(Lane lane) const noexcept { return max_record(sizes_[index(lane)]); }
  /// Returns how many bytes were sent on a lane so far, as the peer's received() will count them.
  [[nodiscard]] std::uint64_t sent(Lane lane) const noexcept { return producers_[index(lane)].position(); }

  /// Returns how far the peer has given space of a lane back; a change means that try_send() may succeed again.
  /// Thread safety: any thread.
  [[nodiscard]] std::uint64_t freed(Lane lane) const noexcept { return producers_[index(lane)].freed(); }

  /// Returns the next record of a lane, in place and valid until release(), or nothing. Blocks: never.
  /// Fails with: bad_message.
  [[nodiscard]] Result<std::optional<Bytes>> next(Lane lane) noexcept { return consumers_[index(lane)].next(); }
  /// Gives the space of received records back and wakes a peer that waits for it.
  void release() noexcept;
  [[nodiscard]] bool has_records() const noexcept;
  [[nodiscard]] bool has_records(Lane lane) const noexcept { return consumers_[index(lane)].has_records(); }
  [[nodiscard]] std::uint64_t received(Lane lane) const noexcept { return consumers_[index(lane)].position(); }

  /// Publishes a counter that only grows, for flow control above the rings, and wakes a peer that waits for space.
  /// Requires: `number` is less than progress_words. Thread safety: one thread at a time per number.
  void publish_progress(std::size_t number, std::uint64_t value) noexcept;
  /// Returns what the peer published last. It may be hostile: check it against what is known privately.
  [[nodiscard]] std::uint64_t peer_progress(std::size_t number) const noexcept;
  static constexpr std::size_t progress_words = 3;

  /// Says that a call which may have begun was asked to end, and wakes the peer if it sleeps.
  /// Requires: the call words say so already. Thread safety: one thread at a time.
  void announce_ask() noexcept;
  /// Tells whether the peer has asked since this was called last. Thread safety: the thread that receives.
  [[nodiscard]] bool take_asks() noexcept;

  /// Returns which calls were begun and which given up.
  [[nodiscard]] CallBoard& calls() noexcept { return calls_; }
  [[nodiscard]] const CallBoard& calls() const noexcept { return calls_; }

  /// Announces that the receiver is about to sleep on descriptor(). Returns false if there is something to receive, or
  /// the peer has asked.
  [[nodiscard]] bool prepare_sleep() noexcept;
  /// The same for a receiver that takes nothing from the data lane now.
  [[nodiscard]] bool prepare_control_sleep() noexcept;
  /// The same for one that receives nothing any more: only what is asked keeps it awake.
  [[nodiscard]] bool prepare_ask_sleep() noexcept;
  /// Withdraws the announcement.
  void finish_sleep() noexcept;
  /// Announces that the sender is about to sleep on descriptor() until there is space on the data lane.
  void prepare_space_wait() noexcept { space_sleep_.announce(); }
  void finish_space_wait() noexcept { space_sleep_.withdraw(); }
  /// Makes this side's own descriptor() readable once more for whoever else waits on it.
  void ring_self() const noexcept;
  /// Returns the eventfd to sleep on. It is never drained: watch it edge-triggered.
  [[nodiscard]] int descriptor() const noexcept { return own_bell_; }

 private:
  Port(const Segment& segment, Side side, std::vector<os::Mapping> mappings) noexcept;
  static constexpr std::size_t index(Lane lane) noexcept { return lane == Lane::data ? 0 : 1; }
  static constexpr std::size_t asks = progress_words;  // the word behind those of progress
  [[nodiscard]] bool is_asked() const noexcept {
    return peer_progress_[asks].load(std::memory_order_acquire) != asks_taken_;
  }

  // The words, then out data, out control, in data, in control, own call words, the peer's call words.
  std::vector<os::Mapping> mappings_;
  std::size_t sizes_[2];
  std::atomic<std::uint64_t>* own_progress_;
  const std::atomic<std::uint64_t>* peer_progress_;
  std::uint64_t asks_taken_ = 0;
  int own_bell_;
  int peer_bell_;
  CallBoard calls_;
  RingProducer producers_[2];
  RingConsumer consumers_[2];
  SleepWord receive_sleep_;
  SleepWord space_sleep_;
  DoorbellRope peer_receives_;
  DoorbellRope peer_waits_for_space_;
};

}  // namespace prong::transport

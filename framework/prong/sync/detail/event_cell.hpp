// One event in shared memory, whichever way it wakes.
#pragma once

#include "prong/base/deadline.hpp"
#include "prong/base/result.hpp"
#include "prong/sync/detail/packed_index.hpp"
#include "prong/sync/peer.hpp"

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <optional>

namespace prong::sync::detail {

/// Bytes of shared memory per event: a cache line, so that two events never share one.
constexpr std::size_t cell_size = 64;

/// What an event is to somebody who asks for one generation of it.
enum class EventState : std::uint8_t { not_set, set, other_generation };

/// The contract of FutexCell and DescriptorCell.
///
/// A caller names the generation that it means; to another one nothing is done. A cell of zeros has no generation.
/// The memory may be written by a hostile process: each decision reads it once, and no wait outlasts its deadline.
/// Requires: the generation that a caller names is not `no_generation`.
/// Thread safety: set, clear, state and wait may be called by every thread of every process that has the cell; the
/// members of the owner by one thread at a time, in the process that made it.
class EventCell {
 public:
  virtual ~EventCell() = default;

  /// Sets the event and wakes its waiters; false, and nobody is woken, if the generation is another.
  [[nodiscard]] virtual bool set(Generation generation) noexcept = 0;
  /// Takes the set away; false if the generation is another.
  [[nodiscard]] virtual bool clear(Generation generation) noexcept = 0;
  [[nodiscard]] virtual EventState state(Generation generation) const noexcept = 0;
  /// Waits until the state is not `not_set` and returns it. Fails with: deadline_exceeded, system.
  [[nodiscard]] virtual Result<EventState> wait(Generation generation, Deadline deadline) = 0;
  /// The same, but ends with the peer's error when the peer is gone and the event was not set before.
  [[nodiscard]] virtual Result<EventState> wait(Generation generation, Peer& peer, Deadline deadline) = 0;
  /// Returns the descriptor that is readable while the event is set, or -1 if there is none.
  [[nodiscard]] virtual int descriptor() const noexcept = 0;
  /// Returns the eventfd that the cell is made with.
  [[nodiscard]] virtual int event_descriptor() const noexcept = 0;

  // For the owner.

  /// Takes the generation away and ends every wait of this process for it. settle() follows.
  virtual void retire() noexcept = 0;
  /// Takes the generation away; tells whether no late set can make the descriptor readable any more.
  ///
  /// Requires: no thread of this process waits. May be repeated until it is true.
  [[nodiscard]] virtual bool settle() noexcept = 0;
  /// Begins `generation`, not set, over whatever stands there.
  virtual void reset(Generation generation) noexcept = 0;
};

/// Replaces `word` by `change(word)`, unless that is nothing; returns what stood there before.
///
/// The number of attempts is limited: a peer that scribbles over the word for ever does not hold the caller.
template <class Word, class Change>
std::optional<Word> update(std::atomic<Word>& word, std::memory_order order, Change change) noexcept {
  constexpr int most_attempts = 10'000;
  Word seen = word.load(std::memory_order_relaxed);
  for (int attempt = 0; attempt < most_attempts; ++attempt) {
    const std::optional<Word> wanted = change(seen);
    if (!wanted) return std::nullopt;
    if (word.compare_exchange_weak(seen, *wanted, order, std::memory_order_relaxed)) return seen;
  }
  return std::nullopt;
}

/// The error of a wait that has reached its deadline.
[[nodiscard]] inline Error event_deadline_error() {
  return fail(Errc::deadline_exceeded, "the event was not set in time");
}

}  // namespace prong::sync::detail

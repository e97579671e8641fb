// One reserved event of an EventGroup.
#pragma once

#include "prong/base/deadline.hpp"
#include "prong/base/event_index.hpp"
#include "prong/base/result.hpp"
#include "prong/sync/peer.hpp"

#include <cstdint>

namespace prong::sync::detail {
class EventTable;
}

namespace prong {

/// How the events of a group wake who waits for them.
enum class EventKind : std::uint8_t {
  shared,      ///< A word in shared memory: setting it costs no system call while nobody sleeps.
  descriptor,  ///< A descriptor that is readable in poll, epoll and select while the event is set.
};

/// A handle of one event of an EventGroup, valid from its reservation to its release.
///
/// Once released, every member but index() fails with bad_index and wakes nobody, also when the event has been
/// reserved again. In the group's own process bad_message tells that a backend has overwritten the event's memory.
/// Thread safety: a value; all members may be called from any thread of every process that shares the group.
/// Requires: the group outlives its handles.
class Event {
 public:
  /// Sets the event and wakes everybody who waits for it; it stays set. Blocks: never.
  /// Fails with: bad_index, bad_message.
  Result<void> set() const;
  /// Takes the set away. Blocks: never. Fails with: bad_index, bad_message.
  Result<void> clear() const;
  /// Tells whether it is set; false once released. Blocks: never.
  [[nodiscard]] bool is_set() const;

  /// Waits until it is set; leaves it set. Several threads may wait; a release ends their waits with bad_index.
  ///
  /// For waits that cannot outlive the one who sets: threads of one process, or a backend that dies with its frontend.
  /// Fails with: deadline_exceeded, bad_index, bad_message, system.
  /// If the peer dies: waits on until the deadline.
  [[nodiscard]] Result<void> wait(Deadline deadline) const;
  /// Waits until it is set or `peer` is gone; leaves it set. Keeps the peer's messages flowing meanwhile.
  ///
  /// Fails with: deadline_exceeded, bad_index, bad_message, and as Peer::wait_readable.
  /// If the peer dies: ends at once with the peer's error, unless the event was set before.
  [[nodiscard]] Result<void> wait(Peer& peer, Deadline deadline) const;

  /// Returns the descriptor that is readable while the event is set. Fails with: not_supported unless the kind of
  /// the group is EventKind::descriptor, bad_index.
  [[nodiscard]] Result<int> descriptor() const;
  /// Returns its name for messages.
  [[nodiscard]] EventIndex index() const noexcept { return index_; }

  friend bool operator==(const Event&, const Event&) = default;

 private:
  friend class EventGroup;
  Event(sync::detail::EventTable& table, EventIndex index) noexcept : table_{&table}, index_{index} {}

  sync::detail::EventTable* table_;
  EventIndex index_;
};

}  // namespace prong

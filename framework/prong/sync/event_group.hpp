// Events made before the fork and used again and again.
//
// An event that a backend shall see must exist before the fork, or be given to spawn(). A group makes some, and both
// sides then speak of them by index. Layout in memory: docs/formats/event_group.md.
#pragma once

#include "prong/sync/event.hpp"

#include <cstddef>
#include <memory>
#include <utility>

namespace prong::sync::detail {
class EventTravel;
}

namespace prong {

/// An event and the name it has in messages.
struct ReservedEvent {
  EventIndex index;
  Event event;
};

/// A number of events that the frontend reserves and releases and that both sides set.
///
/// reserve and release work only in the process that made the group, the rest in every process forked from it since, or
/// spawned with it. The order of reserving is first released, first reserved. A copy is another handle to the same
/// group. Thread safety: all members may be called from any thread. If the peer dies: its events can be released;
/// nothing that it holds is needed for that. After fork: the child shares the events, and none of the frontend's locks.
/// Source: valkka.multiprocess, EventGroup.
class EventGroup {
 public:
  /// Makes `size` events, before the fork. Throws Exception with: size_invalid unless 1 to 65,536, system.
  explicit EventGroup(std::size_t size = 10, EventKind kind = EventKind::shared);

  /// Takes a free event, which is not set, or waits for one; those who wait are served in order.
  ///
  /// Fails with: wrong_process; no_free_event if the deadline is Deadline::now(), else deadline_exceeded.
  [[nodiscard]] Result<ReservedEvent> reserve(Deadline deadline = Deadline::now());

  /// Gives an event back. From now on a late set of it wakes nobody. Blocks: never.
  ///
  /// Fails with: wrong_process, foreign_event for one of another group, double_release.
  Result<void> release(const Event& event);
  /// Gives an event back by its index. Blocks: never.
  /// Fails with: wrong_process, foreign_event, double_release, bad_index for one that was never handed out.
  Result<void> release(EventIndex index);

  /// Returns the event that `index` names. Fails with: foreign_event, bad_index if it names none or was released.
  [[nodiscard]] Result<Event> from_index(EventIndex index) const;
  /// Returns the index of `event`, released or not. Fails with: foreign_event.
  [[nodiscard]] Result<EventIndex> as_index(const Event& event) const;
  /// Sets the event that `index` names. Blocks: never.
  /// Fails with: foreign_event; bad_index, waking nobody, if it names none or was released; bad_message as Event::set.
  Result<void> set(EventIndex index) const;

  [[nodiscard]] std::size_t size() const noexcept;
  [[nodiscard]] EventKind kind() const noexcept;

 private:
  friend class sync::detail::EventTravel;
  explicit EventGroup(std::shared_ptr<sync::detail::EventTable> table) noexcept : table_{std::move(table)} {}

  std::shared_ptr<sync::detail::EventTable> table_;
};

}  // namespace prong

// Waiting for one thing that the other side does.
//
//   prong::SyncIndex sync{group, process};
//   process.send_message_to_back({"ping", {{"event", sync.index()}}});   // the backend calls group.set(event)
//   PRONG_TRY(sync.wait(prong::Deadline::after(1s)));
#pragma once

#include "prong/sync/event_group.hpp"

#include <concepts>
#include <functional>
#include <type_traits>
#include <utility>

namespace prong {

/// An event that is reserved as long as this object lives.
///
/// Its destructor releases and does not wait: leaving the scope early, by an exception too, leaves nothing hanging,
/// and a set that comes late wakes nobody.
/// Thread safety: as an int, except that several threads may call wait().
/// Requires: group and peer outlive it.
/// After fork: the child's copy does nothing in its destructor.
/// Source: valkka.multiprocess, SyncIndex, which waits on leaving the scope instead.
class [[nodiscard]] SyncIndex {
 public:
  /// Reserves an event that `peer` will set. Throws Exception with: as EventGroup::reserve fails.
  SyncIndex(EventGroup& group, Peer& peer, Deadline reserve_deadline = Deadline::now());
  /// Reserves an event that a thread of this process will set. Throws Exception with: as EventGroup::reserve fails.
  explicit SyncIndex(EventGroup& group, Deadline reserve_deadline = Deadline::now());
  /// Reserves without throwing. Fails with: as EventGroup::reserve.
  [[nodiscard]] static Result<SyncIndex> reserve(EventGroup& group, Peer& peer, Deadline deadline = Deadline::now());
  [[nodiscard]] static Result<SyncIndex> reserve(EventGroup& group, Deadline deadline = Deadline::now());

  SyncIndex(SyncIndex&& other) noexcept;
  SyncIndex& operator=(SyncIndex&&) = delete;
  /// Releases the event.
  ~SyncIndex();

  /// Returns the event's name, to be sent to who shall set it.
  [[nodiscard]] EventIndex index() const noexcept { return event_.index(); }
  [[nodiscard]] const Event& event() const noexcept { return event_; }
  /// Waits until the event is set; with a peer, keeps its messages flowing meanwhile.
  ///
  /// Fails with: deadline_exceeded, bad_message, system, and as Peer::wait_readable.
  /// If the peer dies: ends at once with the peer's error, unless the event was set before.
  /// If you stop waiting: nothing is lost, and it may be called again.
  [[nodiscard]] Result<void> wait(Deadline deadline) const;

 private:
  SyncIndex(EventGroup& group, Peer* peer, const Event& event) noexcept : group_{&group}, peer_{peer}, event_{event} {}

  EventGroup* group_;  // Null once moved from.
  Peer* peer_;         // Null if a thread of this process sets the event.
  Event event_;
};

namespace sync::detail {

template <class Body>
[[nodiscard]] Result<void> run_and_wait(const SyncIndex& reserved, Deadline deadline, Body&& body) {
  using Returned = std::invoke_result_t<Body, EventIndex>;
  if constexpr (std::is_void_v<Returned>) {
    std::invoke(std::forward<Body>(body), reserved.index());
  } else {
    static_assert(std::same_as<Returned, Result<void>>, "the body returns nothing or a Result<void>");
    PRONG_TRY(std::invoke(std::forward<Body>(body), reserved.index()));
  }
  return reserved.wait(deadline);
}

}  // namespace sync::detail

/// Reserves an event, calls `body(index)`, waits until `peer` has set the event, and releases it.
///
/// A body that throws, or returns an Error, ends it without waiting.
/// Fails with: as the body, EventGroup::reserve and SyncIndex::wait.
template <std::invocable<EventIndex> Body>
[[nodiscard]] Result<void> synchronize(EventGroup& group, Peer& peer, Deadline deadline, Body&& body) {
  PRONG_TRY_ASSIGN(const SyncIndex reserved, SyncIndex::reserve(group, peer, deadline));
  return sync::detail::run_and_wait(reserved, deadline, std::forward<Body>(body));
}

/// The same, for an event that a thread of this process sets.
template <std::invocable<EventIndex> Body>
[[nodiscard]] Result<void> synchronize(EventGroup& group, Deadline deadline, Body&& body) {
  PRONG_TRY_ASSIGN(const SyncIndex reserved, SyncIndex::reserve(group, deadline));
  return sync::detail::run_and_wait(reserved, deadline, std::forward<Body>(body));
}

}  // namespace prong

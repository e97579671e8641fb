// One event for several processes.
#pragma once

#include "prong/base/deadline.hpp"
#include "prong/base/result.hpp"
#include "prong/sync/peer.hpp"

#include <memory>

namespace prong {

/// An event in shared memory, made before the fork; for several that come and go, take an EventGroup.
///
/// Setting it costs no system call while nobody sleeps. What a thread did before set() is seen by those whose wait
/// it ends. Layout in memory: docs/formats/event_group.md.
/// Thread safety: all members may be called from any thread of every process that inherited it.
/// If the peer dies: nothing that it held is needed; whoever waits without a Peer waits until the deadline.
/// Requires: used neither moved-from nor while it is moved.
class SharedEvent {
 public:
  /// Makes an event that is not set. Fails with: system.
  [[nodiscard]] static Result<SharedEvent> create();
  SharedEvent(SharedEvent&&) noexcept;
  SharedEvent& operator=(SharedEvent&&) noexcept;
  ~SharedEvent();

  /// Sets the event and wakes everybody who waits for it; it stays set. Blocks: never.
  void set() noexcept;
  /// Takes the set away. Who was woken but has not looked yet sleeps on. Blocks: never.
  void clear() noexcept;
  /// Tells whether it is set. Blocks: never.
  [[nodiscard]] bool is_set() const noexcept;

  /// Waits until it is set; leaves it set. Several threads may wait.
  /// Fails with: deadline_exceeded; bad_message if a process has overwritten its memory.
  [[nodiscard]] Result<void> wait(Deadline deadline);
  /// Waits until it is set or `peer` is gone; leaves it set. Keeps the peer's messages flowing meanwhile.
  ///
  /// Fails with: deadline_exceeded, bad_message, and as Peer::wait_readable.
  /// If the peer dies: ends at once with the peer's error, unless the event was set before.
  [[nodiscard]] Result<void> wait(Peer& peer, Deadline deadline);

 private:
  struct Parts;
  explicit SharedEvent(std::unique_ptr<Parts> parts) noexcept;

  std::unique_ptr<Parts> parts_;
};

}  // namespace prong

// A descriptor that one process makes readable and another sees in poll, epoll or select.
#pragma once

#include "prong/base/deadline.hpp"
#include "prong/os/unique_fd.hpp"

namespace prong::os {

/// An eventfd(2): set makes its descriptor readable, clear makes it silent.
///
/// Thread safety: all members may be called from any thread and from every process that inherited it.
/// Setting twice is the same as setting once; clearing an event that is not set does nothing.
class EventFd {
 public:
  [[nodiscard]] static Result<EventFd> create();
  /// Takes over the eventfd that another process made and sent.
  [[nodiscard]] static EventFd open(UniqueFd descriptor) noexcept { return EventFd{std::move(descriptor)}; }

  /// Makes the descriptor readable. Blocks: never.
  void set() const noexcept;
  /// Makes the descriptor silent and tells whether it was set. Blocks: never.
  bool clear() const noexcept;
  /// Tells whether it is set, without clearing it. Blocks: never.
  [[nodiscard]] bool is_set() const noexcept;
  /// Waits until it is set; leaves it set. Fails with: deadline_exceeded, system.
  [[nodiscard]] Result<void> wait(Deadline deadline) const;

  /// Returns the descriptor; it is readable while the event is set.
  [[nodiscard]] int descriptor() const noexcept { return fd_.get(); }

 private:
  explicit EventFd(UniqueFd fd) noexcept : fd_{std::move(fd)} {}

  UniqueFd fd_;
};

}  // namespace prong::os

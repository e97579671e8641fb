// An event that costs no system call while nobody sleeps.
//
// Layout and rules: docs/formats/event_group.md, kind `shared`.
#pragma once

#include "prong/os/event_fd.hpp"
#include "prong/os/inherited.hpp"
#include "prong/sync/detail/event_cell.hpp"

namespace prong::sync::detail {

/// A word in shared memory on which waiters sleep with futex(2); those who wait together with other things sleep on
/// an eventfd that is rung for them.
class FutexCell final : public EventCell {
 public:
  /// Requires: `word` is in shared memory and outlives the cell.
  FutexCell(std::atomic<std::uint32_t>& word, os::EventFd bell);

  [[nodiscard]] bool set(Generation generation) noexcept override;
  [[nodiscard]] bool clear(Generation generation) noexcept override;
  [[nodiscard]] EventState state(Generation generation) const noexcept override;
  [[nodiscard]] Result<EventState> wait(Generation generation, Deadline deadline) override;
  [[nodiscard]] Result<EventState> wait(Generation generation, Peer& peer, Deadline deadline) override;
  [[nodiscard]] int descriptor() const noexcept override { return -1; }
  [[nodiscard]] int event_descriptor() const noexcept override { return bell_.descriptor(); }

  void retire() noexcept override;
  [[nodiscard]] bool settle() noexcept override;
  void reset(Generation generation) noexcept override;

  /// Sets `generation` over whatever stands there and wakes everybody.
  void force_set(Generation generation) noexcept;

 private:
  struct Look {
    EventState state;
    std::uint32_t word;  // The value to sleep on, when `announced`.
    bool announced;      // The word tells whoever sets that somebody may sleep.
  };
  Look look_and_announce(Generation generation, std::uint32_t waiter) noexcept;

  std::atomic<std::uint32_t>& word_;
  os::EventFd bell_;
  os::InheritedDescriptor inherited_;
  std::atomic<bool> bell_was_used_{false};  // By this process, since the last settle.
};

}  // namespace prong::sync::detail

// What an EventGroup is made of: the cells in shared memory, and who has which, in memory of the frontend.
#pragma once

#include "prong/base/deadline.hpp"
#include "prong/base/event_index.hpp"
#include "prong/base/result.hpp"
#include "prong/os/event_fd.hpp"
#include "prong/os/shared_memory.hpp"
#include "prong/sync/detail/event_cell.hpp"
#include "prong/sync/event.hpp"
#include "prong/sync/event_ticket.hpp"
#include "prong/sync/peer.hpp"

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <vector>

namespace prong::sync::detail {

/// The events of one group. The process that made it is its owner.
///
/// Thread safety: all members may be called from any thread.
/// After fork: the child uses the cells; it never touches the lock nor what the lock guards.
class EventTable {
 public:
  /// Fails with: size_invalid, system.
  [[nodiscard]] static Result<std::shared_ptr<EventTable>> create(std::size_t size, EventKind kind);

  /// Opens what another process has made and this one was given. Takes over the descriptors; nobody owns it here.
  /// Fails with: bad_message if they are not those of such a group.
  [[nodiscard]] static Result<std::shared_ptr<EventTable>> open(const EventTicket& ticket);
  /// Fails with: wrong_process unless this process has made or opened the table.
  [[nodiscard]] Result<EventTicket> ticket() const;

  /// Fails with: wrong_process, no_free_event, deadline_exceeded.
  [[nodiscard]] Result<EventIndex> reserve(Deadline deadline);
  /// Fails with: wrong_process, foreign_event, double_release, bad_index.
  [[nodiscard]] Result<void> release(EventIndex index);
  /// Succeeds if `index` names an event that is reserved. Fails with: foreign_event, bad_index, bad_message.
  [[nodiscard]] Result<void> check(EventIndex index);

  /// These fail with what check() fails with.
  [[nodiscard]] Result<void> set(EventIndex index);
  [[nodiscard]] Result<void> clear(EventIndex index);
  [[nodiscard]] bool is_set(EventIndex index);
  /// Fails also with: not_supported.
  [[nodiscard]] Result<int> descriptor(EventIndex index);
  /// Fails also with: deadline_exceeded, system, and as `peer` does. `peer` may be null.
  [[nodiscard]] Result<void> wait(EventIndex index, Peer* peer, Deadline deadline);

  [[nodiscard]] std::size_t size() const noexcept { return cells_.size(); }
  [[nodiscard]] EventKind kind() const noexcept { return kind_; }

 private:
  enum class Phase : std::uint8_t {
    free,
    reserved,
    leaving,   // Released, while threads that waited for it are still on their way out.
    settling,  // Released, while a set of it may still be on its way to the descriptor.
  };
  struct Slot {
    Generation generation = 1;  // Of the present reservation, or of the next.
    Phase phase = Phase::free;
    std::uint32_t waiting = 0;                      // Threads of the owner inside wait().
    std::chrono::steady_clock::time_point since{};  // When it began to settle.
  };
  class Visit;

  EventTable(EventKind kind, std::uint32_t group, std::uint64_t owner) noexcept;
  [[nodiscard]] Result<void> make_cells(std::size_t size);
  [[nodiscard]] Result<void> map(os::SharedMemory memory);
  void add_cell(os::EventFd event);

  [[nodiscard]] bool is_owner() const noexcept;
  [[nodiscard]] Result<PackedIndex> locate(EventIndex index) const;
  [[nodiscard]] Error other_generation(PackedIndex place);
  [[nodiscard]] Result<void> wait_at(PackedIndex place, Peer* peer, Deadline deadline);

  // Under the lock.
  [[nodiscard]] bool is_reserved(PackedIndex place) const noexcept;
  [[nodiscard]] std::optional<std::uint32_t> take_free();
  [[nodiscard]] EventIndex hand_out(std::uint32_t slot);
  void put_away(std::uint32_t slot);
  void revive_settling();

  const EventKind kind_;
  const std::uint32_t group_;
  const std::uint64_t owner_;
  const std::uint64_t home_;                  // The process that has the descriptor of the memory.
  std::optional<os::SharedMemory> shared_{};  // Its number may be another file's in a process forked since.
  os::Mapping memory_;
  std::vector<std::unique_ptr<EventCell>> cells_;

  // Only in the owner's process.
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<Slot> slots_;
  std::deque<std::uint32_t> free_;
  std::vector<std::uint32_t> settling_;
  std::deque<std::uint64_t> queue_;  // Tickets of the threads that wait for a free event.
  std::uint64_t next_ticket_ = 0;
};

}  // namespace prong::sync::detail

#include "prong/sync/detail/event_table.hpp"

#include "prong/os/event_fd.hpp"
#include "prong/os/process_token.hpp"
#include "prong/sync/detail/descriptor_cell.hpp"
#include "prong/sync/detail/futex_cell.hpp"

#include <algorithm>
#include <new>
#include <string>

namespace prong::sync::detail {
namespace {

using namespace std::chrono_literals;

// How long a set may stand between its announcement and its write before its process is taken for dead.
constexpr auto settling_time = 1s;
// How often a thread that waits for a free event looks at those that settle: their end is told to nobody.
constexpr auto settling_glance = 1ms;

std::uint32_t next_group() noexcept {
  static std::atomic<std::uint32_t> count{0};
  return count.fetch_add(1, std::memory_order_relaxed) % last_group + 1;
}

}  // namespace

// Counts a thread of the owner in and out of a wait. A slot is not used again while somebody is inside: the bell that
// tells him of the release could be silenced by a waiter of the next reservation.
class EventTable::Visit {
 public:
  [[nodiscard]] static Result<Visit> enter(EventTable& table, PackedIndex place) {
    const std::lock_guard lock{table.mutex_};
    if (!table.is_reserved(place)) return fail(Errc::bad_index, "the event was released");
    ++table.slots_[place.slot].waiting;
    return Visit{table, place.slot};
  }
  Visit(Visit&& other) noexcept : table_{std::exchange(other.table_, nullptr)}, slot_{other.slot_} {}
  ~Visit() {
    if (table_ == nullptr) return;
    const std::lock_guard lock{table_->mutex_};
    Slot& slot = table_->slots_[slot_];
    if (--slot.waiting == 0 && slot.phase == Phase::leaving) table_->put_away(slot_);
  }

 private:
  Visit(EventTable& table, std::uint32_t slot) noexcept : table_{&table}, slot_{slot} {}

  EventTable* table_;
  std::uint32_t slot_;
};

EventTable::EventTable(EventKind kind, std::uint32_t group, std::uint64_t owner) noexcept
    : kind_{kind}, group_{group}, owner_{owner}, home_{os::process_token()} {}

Result<std::shared_ptr<EventTable>> EventTable::create(std::size_t size, EventKind kind) {
  if (size == 0 || size > most_slots)
    return fail(Errc::size_invalid, "an event group of " + std::to_string(size) + " events");
  const std::shared_ptr<EventTable> table{new EventTable{kind, next_group(), os::process_token()}};
  PRONG_TRY(table->make_cells(size));
  return table;
}

Result<void> EventTable::make_cells(std::size_t size) {
  PRONG_TRY_ASSIGN(auto memory, os::SharedMemory::create("prong-event-group", size * cell_size));
  PRONG_TRY(map(std::move(memory)));
  slots_.resize(size);
  for (std::uint32_t i = 0; i < size; ++i) {
    PRONG_TRY_ASSIGN(auto event, os::EventFd::create());
    add_cell(std::move(event));
    free_.push_back(i);
  }
  return {};
}

Result<void> EventTable::map(os::SharedMemory memory) {
  PRONG_TRY_ASSIGN(memory_, memory.map(os::Access::read_write));
  shared_ = std::move(memory);
  return {};
}

// Fresh memory of zeros is cells without a generation.
void EventTable::add_cell(os::EventFd event) {
  std::byte* const place = memory_.data() + cells_.size() * cell_size;
  if (kind_ == EventKind::shared)
    cells_.push_back(std::make_unique<FutexCell>(*std::launder(reinterpret_cast<std::atomic<std::uint32_t>*>(place)),
                                                 std::move(event)));
  else
    cells_.push_back(std::make_unique<DescriptorCell>(
        *std::launder(reinterpret_cast<std::atomic<std::uint64_t>*>(place)), std::move(event)));
}

Result<EventTicket> EventTable::ticket() const {
  if (os::process_token() != home_)
    return fail(Errc::wrong_process, "an event group is handed on by the process that has made it or was given it");
  EventTicket ticket{
      .kind = static_cast<std::uint8_t>(kind_), .group = group_, .memory = shared_->descriptor(), .events = {}};
  for (const auto& cell : cells_) ticket.events.push_back(cell->event_descriptor());
  return ticket;
}

Result<std::shared_ptr<EventTable>> EventTable::open(const EventTicket& ticket) {
  const auto kind = static_cast<EventKind>(ticket.kind);
  const std::size_t size = ticket.events.size();
  const auto misfit = [] { return fail(Errc::bad_message, "descriptors that are not those of such an event group"); };
  if ((kind != EventKind::shared && kind != EventKind::descriptor) || size == 0 || size > most_slots) return misfit();
  constexpr std::uint64_t nobody = 0;  // no process has this token
  const std::shared_ptr<EventTable> table{new EventTable{kind, ticket.group, nobody}};
  PRONG_TRY_ASSIGN(auto memory, os::SharedMemory::open(os::UniqueFd{ticket.memory}));
  if (memory.size() < size * cell_size) return misfit();
  PRONG_TRY(table->map(std::move(memory)));
  for (const std::int32_t event : ticket.events) table->add_cell(os::EventFd::open(os::UniqueFd{event}));
  return table;
}

bool EventTable::is_owner() const noexcept {
  return os::process_token() == owner_;
}

Result<PackedIndex> EventTable::locate(EventIndex index) const {
  const PackedIndex place = unpack(index);
  if (place.generation == no_generation) return fail(Errc::bad_index, "the index names no event");
  if (place.group != group_) return fail(Errc::foreign_event, "the index belongs to another group");
  if (place.slot >= cells_.size())
    return fail(Errc::bad_index, "event " + std::to_string(place.slot) + " of a group of " + std::to_string(size()));
  return place;
}

bool EventTable::is_reserved(PackedIndex place) const noexcept {
  const Slot& slot = slots_[place.slot];
  return slot.phase == Phase::reserved && slot.generation == place.generation;
}

Error EventTable::other_generation(PackedIndex place) {
  if (is_owner()) {
    const std::lock_guard lock{mutex_};
    if (is_reserved(place)) return fail(Errc::bad_message, "a backend has overwritten the memory of the event");
  }
  return fail(Errc::bad_index, "the event is not reserved: it was released, or never handed out");
}

Result<EventIndex> EventTable::reserve(Deadline deadline) {
  if (!is_owner()) return fail(Errc::wrong_process, "events are reserved in the process that made the group");
  std::unique_lock lock{mutex_};
  if (queue_.empty())
    if (const auto slot = take_free()) return hand_out(*slot);
  if (deadline == Deadline::now())
    return fail(Errc::no_free_event, "all " + std::to_string(size()) + " events of the group are reserved");

  const std::uint64_t ticket = next_ticket_++;
  queue_.push_back(ticket);
  for (;;) {
    if (queue_.front() == ticket) {
      if (const auto slot = take_free()) {
        queue_.pop_front();
        changed_.notify_all();
        return hand_out(*slot);
      }
    }
    if (deadline.has_passed()) {
      queue_.erase(std::find(queue_.begin(), queue_.end(), ticket));
      changed_.notify_all();
      return fail(Errc::deadline_exceeded, "no event of the group was released in time");
    }
    const Deadline next_look =
        settling_.empty() ? deadline : Deadline::earlier(deadline, Deadline::after(settling_glance));
    if (next_look.is_never())
      changed_.wait(lock);
    else
      changed_.wait_until(lock, Deadline::Clock::time_point{std::chrono::nanoseconds{next_look.nanoseconds()}});
  }
}

EventIndex EventTable::hand_out(std::uint32_t slot) {
  Slot& taken = slots_[slot];
  taken.phase = Phase::reserved;
  // Whatever a backend may have written meanwhile is gone with this.
  cells_[slot]->reset(taken.generation);
  return pack({.slot = slot, .group = group_, .generation = taken.generation});
}

std::optional<std::uint32_t> EventTable::take_free() {
  if (!settling_.empty()) revive_settling();
  if (free_.empty()) return std::nullopt;
  const std::uint32_t slot = free_.front();
  free_.pop_front();
  return slot;
}

void EventTable::revive_settling() {
  const auto ready = [&](std::uint32_t slot) { return cells_[slot]->settle(); };
  const auto now = std::chrono::steady_clock::now();
  const auto given_up = [&](std::uint32_t slot) { return now - slots_[slot].since >= settling_time; };
  const auto revive = [&](std::uint32_t slot) {
    slots_[slot].phase = Phase::free;
    free_.push_back(slot);
    return true;
  };
  std::erase_if(settling_, [&](std::uint32_t slot) { return ready(slot) && revive(slot); });
  if (free_.empty()) std::erase_if(settling_, [&](std::uint32_t slot) { return given_up(slot) && revive(slot); });
}

Result<void> EventTable::release(EventIndex index) {
  if (!is_owner()) return fail(Errc::wrong_process, "events are released in the process that made the group");
  PRONG_TRY_ASSIGN(const PackedIndex place, locate(index));
  const std::lock_guard lock{mutex_};
  Slot& slot = slots_[place.slot];
  if (!is_reserved(place)) {
    if (is_earlier(place.generation, slot.generation))
      return fail(Errc::double_release, "the event was released already");
    return fail(Errc::bad_index, "the event was never reserved");
  }
  slot.generation = next(slot.generation);
  if (slot.waiting == 0) {
    put_away(place.slot);
  } else {
    slot.phase = Phase::leaving;
    cells_[place.slot]->retire();
  }
  return {};
}

void EventTable::put_away(std::uint32_t slot) {
  Slot& released = slots_[slot];
  if (cells_[slot]->settle()) {
    released.phase = Phase::free;
    free_.push_back(slot);
  } else {
    released.phase = Phase::settling;
    released.since = std::chrono::steady_clock::now();
    settling_.push_back(slot);
  }
  changed_.notify_all();
}

Result<void> EventTable::check(EventIndex index) {
  PRONG_TRY_ASSIGN(const PackedIndex place, locate(index));
  if (cells_[place.slot]->state(place.generation) == EventState::other_generation) return other_generation(place);
  return {};
}

Result<void> EventTable::set(EventIndex index) {
  PRONG_TRY_ASSIGN(const PackedIndex place, locate(index));
  if (!cells_[place.slot]->set(place.generation)) return other_generation(place);
  return {};
}

Result<void> EventTable::clear(EventIndex index) {
  PRONG_TRY_ASSIGN(const PackedIndex place, locate(index));
  if (!cells_[place.slot]->clear(place.generation)) return other_generation(place);
  return {};
}

bool EventTable::is_set(EventIndex index) {
  const auto place = locate(index);
  return place && cells_[place->slot]->state(place->generation) == EventState::set;
}

Result<int> EventTable::descriptor(EventIndex index) {
  if (kind_ != EventKind::descriptor)
    return fail(Errc::not_supported, "only events of EventKind::descriptor have a descriptor");
  PRONG_TRY(check(index));
  return cells_[unpack(index).slot]->descriptor();
}

Result<void> EventTable::wait(EventIndex index, Peer* peer, Deadline deadline) {
  PRONG_TRY_ASSIGN(const PackedIndex place, locate(index));
  if (!is_owner()) return wait_at(place, peer, deadline);
  PRONG_TRY_ASSIGN(const Visit visit, Visit::enter(*this, place));
  return wait_at(place, peer, deadline);
}

Result<void> EventTable::wait_at(PackedIndex place, Peer* peer, Deadline deadline) {
  EventCell& cell = *cells_[place.slot];
  PRONG_TRY_ASSIGN(const EventState state, peer != nullptr ? cell.wait(place.generation, *peer, deadline)
                                                           : cell.wait(place.generation, deadline));
  if (state == EventState::other_generation) return other_generation(place);
  return {};
}

}  // namespace prong::sync::detail

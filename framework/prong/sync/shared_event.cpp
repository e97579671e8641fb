#include "prong/sync/shared_event.hpp"

#include "prong/os/shared_memory.hpp"
#include "prong/sync/detail/futex_cell.hpp"

#include <new>

namespace prong {
namespace {

using sync::detail::EventState;

// It is never released, so it has one generation. Any other in the word was put there by a hostile process.
constexpr sync::detail::Generation only_generation = 1;

Result<void> ended(const Result<EventState>& state) {
  if (!state) return state.error();
  if (*state == EventState::other_generation)
    return fail(Errc::bad_message, "a process has overwritten the memory of the event");
  return {};
}

}  // namespace

struct SharedEvent::Parts {
  Parts(os::Mapping mapping, os::EventFd bell)
      : memory{std::move(mapping)}, cell{*new (memory.data()) std::atomic<std::uint32_t>{0}, std::move(bell)} {
    cell.reset(only_generation);
  }

  os::Mapping memory;
  sync::detail::FutexCell cell;
};

SharedEvent::SharedEvent(std::unique_ptr<Parts> parts) noexcept : parts_{std::move(parts)} {}
SharedEvent::SharedEvent(SharedEvent&&) noexcept = default;
SharedEvent& SharedEvent::operator=(SharedEvent&&) noexcept = default;
SharedEvent::~SharedEvent() = default;

Result<SharedEvent> SharedEvent::create() {
  PRONG_TRY_ASSIGN(const auto memory, os::SharedMemory::create("prong-shared-event", sync::detail::cell_size));
  PRONG_TRY_ASSIGN(auto mapping, memory.map(os::Access::read_write));
  PRONG_TRY_ASSIGN(auto bell, os::EventFd::create());
  return SharedEvent{std::make_unique<Parts>(std::move(mapping), std::move(bell))};
}

void SharedEvent::set() noexcept {
  if (!parts_->cell.set(only_generation)) parts_->cell.force_set(only_generation);
}

void SharedEvent::clear() noexcept {
  if (!parts_->cell.clear(only_generation)) parts_->cell.reset(only_generation);
}

bool SharedEvent::is_set() const noexcept {
  return parts_->cell.state(only_generation) == EventState::set;
}

Result<void> SharedEvent::wait(Deadline deadline) {
  return ended(parts_->cell.wait(only_generation, deadline));
}

Result<void> SharedEvent::wait(Peer& peer, Deadline deadline) {
  return ended(parts_->cell.wait(only_generation, peer, deadline));
}

}  // namespace prong

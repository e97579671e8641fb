#include "prong/sync/detail/descriptor_cell.hpp"

#include "prong/os/poll.hpp"

#include <unistd.h>

#include <algorithm>
#include <utility>

namespace prong::sync::detail {
namespace {

constexpr std::uint64_t compose(Generation generation, std::uint32_t announced) noexcept {
  return std::uint64_t{generation} << 32 | announced;
}

constexpr Generation generation_of(std::uint64_t word) noexcept {
  return static_cast<Generation>(word >> 32);
}

constexpr std::uint32_t announced_in(std::uint64_t word) noexcept {
  return static_cast<std::uint32_t>(word);
}

// The number of announced writes never wraps into the generation: at its end it stays there.
constexpr std::uint32_t one_more(std::uint32_t announced) noexcept {
  return announced == UINT32_MAX ? announced : announced + 1;
}

constexpr std::uint32_t fewer(std::uint32_t announced, std::uint64_t by) noexcept {
  return announced - static_cast<std::uint32_t>(std::min<std::uint64_t>(announced, by));
}

// Reads all writes that have arrived back, and returns how many; the descriptor is silent then.
std::uint64_t read_back(const os::EventFd& event) noexcept {
  std::uint64_t count = 0;
  return ::read(event.descriptor(), &count, sizeof count) == sizeof count ? count : 0;
}

void write_again(const os::EventFd& event, std::uint64_t count) noexcept {
  [[maybe_unused]] const auto written = ::write(event.descriptor(), &count, sizeof count);
}

}  // namespace

DescriptorCell::DescriptorCell(std::atomic<std::uint64_t>& word, os::EventFd event)
    : word_{word}, event_{std::move(event)}, inherited_{event_.descriptor()} {}

bool DescriptorCell::is_present(Generation generation) const noexcept {
  // SYNC POINT with word_ update in set
  return generation_of(word_.load(std::memory_order_acquire)) == generation;
}

bool DescriptorCell::set(Generation generation) noexcept {
  // First announced, then written: the owner gives the slot to nobody else before it has read the write back.
  // SYNC POINT with word_ load in is_present
  const auto before = update(word_, std::memory_order_release, [&](std::uint64_t seen) -> std::optional<std::uint64_t> {
    if (generation_of(seen) != generation) return std::nullopt;
    return compose(generation, one_more(announced_in(seen)));
  });
  if (!before) return false;
  event_.set();
  return true;
}

bool DescriptorCell::clear(Generation generation) noexcept {
  if (!is_present(generation)) return false;
  const std::uint64_t count = read_back(event_);
  if (count == 0) return true;
  const auto before = update(word_, std::memory_order_relaxed, [&](std::uint64_t seen) -> std::optional<std::uint64_t> {
    if (generation_of(seen) != generation) return std::nullopt;
    return compose(generation, fewer(announced_in(seen), count));
  });
  // The slot changed hands in between: what was read may be a set of the present holder, and is still announced.
  if (!before) write_again(event_, count);
  return before.has_value();
}

EventState DescriptorCell::state(Generation generation) const noexcept {
  const bool readable = event_.is_set();
  if (!is_present(generation)) return EventState::other_generation;
  return readable ? EventState::set : EventState::not_set;
}

Result<EventState> DescriptorCell::wait(Generation generation, Deadline deadline) {
  if (!is_present(generation)) return EventState::other_generation;
  auto readable = event_.wait(deadline);
  if (!is_present(generation)) return EventState::other_generation;
  if (readable) return EventState::set;
  if (readable.error().code() == Errc::deadline_exceeded) return event_deadline_error();
  return std::move(readable).error();
}

Result<EventState> DescriptorCell::wait(Generation generation, Peer& peer, Deadline deadline) {
  if (!is_present(generation)) return EventState::other_generation;
  auto readable = peer.wait_readable(event_.descriptor(), deadline);
  if (readable) return is_present(generation) ? EventState::set : EventState::other_generation;
  // A set that came before the peer's end, or just before the deadline, wins over it.
  const EventState last = state(generation);
  if (last != EventState::not_set) return last;
  if (readable.error().code() == Errc::deadline_exceeded) return event_deadline_error();
  return std::move(readable).error();
}

void DescriptorCell::retire() noexcept {
  // Readable until everybody who waits has found out.
  update(word_, std::memory_order_relaxed, [](std::uint64_t seen) -> std::optional<std::uint64_t> {
    return compose(no_generation, one_more(announced_in(seen)));
  });
  event_.set();
}

bool DescriptorCell::settle() noexcept {
  // The generation first: from here on nothing new is announced, and what is missing in the eventfd is on its way.
  update(word_, std::memory_order_relaxed,
         [](std::uint64_t seen) -> std::optional<std::uint64_t> { return compose(no_generation, announced_in(seen)); });
  const std::uint64_t count = read_back(event_);
  const auto before = update(word_, std::memory_order_relaxed, [&](std::uint64_t seen) -> std::optional<std::uint64_t> {
    return compose(no_generation, fewer(announced_in(seen), count));
  });
  return before && fewer(announced_in(*before), count) == 0;
}

void DescriptorCell::reset(Generation generation) noexcept {
  const std::uint64_t before = word_.exchange(compose(generation, 0), std::memory_order_relaxed);
  // Anything but the settled word is what a dead or a hostile process has left.
  if (before != compose(no_generation, 0)) read_back(event_);
}

}  // namespace prong::sync::detail

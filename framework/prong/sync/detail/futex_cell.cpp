#include "prong/sync/detail/futex_cell.hpp"

#include "prong/os/futex.hpp"

#include <utility>

namespace prong::sync::detail {
namespace {

constexpr std::uint32_t is_set = 1;
constexpr std::uint32_t futex_waiter = 2;
constexpr std::uint32_t descriptor_waiter = 4;
constexpr unsigned flag_bits = 3;
static_assert(flag_bits + generation_bits == 32);

constexpr std::uint32_t compose(Generation generation, std::uint32_t flags) noexcept {
  return generation << flag_bits | flags;
}

constexpr EventState read_state(std::uint32_t word, Generation generation) noexcept {
  if (word >> flag_bits != generation) return EventState::other_generation;
  return (word & is_set) != 0 ? EventState::set : EventState::not_set;
}

}  // namespace

FutexCell::FutexCell(std::atomic<std::uint32_t>& word, os::EventFd bell)
    : word_{word}, bell_{std::move(bell)}, inherited_{bell_.descriptor()} {}

bool FutexCell::set(Generation generation) noexcept {
  // The waiters' flags go with the set: whoever sleeps again afterwards puts its own back.
  // Even an event that is set already is written again, so that its waiters see what this caller did before.
  // SYNC POINT with word_ load in state, look_and_announce
  const auto before = update(word_, std::memory_order_release, [&](std::uint32_t seen) -> std::optional<std::uint32_t> {
    if (seen >> flag_bits != generation) return std::nullopt;
    return compose(generation, is_set);
  });
  if (!before) return false;
  if ((*before & futex_waiter) != 0) os::futex_wake_all(word_);
  if ((*before & descriptor_waiter) != 0) bell_.set();
  return true;
}

void FutexCell::force_set(Generation generation) noexcept {
  // SYNC POINT with word_ load in state, look_and_announce
  word_.store(compose(generation, is_set), std::memory_order_release);
  os::futex_wake_all(word_);
  bell_.set();
}

bool FutexCell::clear(Generation generation) noexcept {
  // The bell stays as it is. Silencing it here would put a waiter back to sleep inside poll(2), whose flag the set
  // has taken out of the word: the next set would not ring for it.
  const auto before = update(word_, std::memory_order_relaxed, [&](std::uint32_t seen) -> std::optional<std::uint32_t> {
    if (seen >> flag_bits != generation) return std::nullopt;
    return seen & ~is_set;
  });
  return before.has_value();
}

EventState FutexCell::state(Generation generation) const noexcept {
  // SYNC POINT with word_ update in set, word_ store in force_set
  return read_state(word_.load(std::memory_order_acquire), generation);
}

FutexCell::Look FutexCell::look_and_announce(Generation generation, std::uint32_t waiter) noexcept {
  // The flag and the set are bits of one word, so either the set comes after the flag and wakes, or it is seen here.
  // SYNC POINT with word_ update in set, word_ store in force_set
  std::uint32_t seen = word_.load(std::memory_order_acquire);
  const EventState state = read_state(seen, generation);
  if (state != EventState::not_set) return {.state = state, .word = seen, .announced = false};
  const bool announced =
      (seen & waiter) != 0 || word_.compare_exchange_strong(seen, seen | waiter, std::memory_order_relaxed);
  return {.state = state, .word = seen | waiter, .announced = announced};
}

Result<EventState> FutexCell::wait(Generation generation, Deadline deadline) {
  for (;;) {
    const Look look = look_and_announce(generation, futex_waiter);
    if (look.state != EventState::not_set) return look.state;
    // Asked in every turn: against a word that changes all the time the futex would never come to look at its clock.
    if (deadline.has_passed()) return event_deadline_error();
    if (look.announced) os::futex_wait(word_, look.word, deadline);
  }
}

Result<EventState> FutexCell::wait(Generation generation, Peer& peer, Deadline deadline) {
  bool silenced = false;
  const auto end = [&](EventState state) {
    // The ring that this call has taken away may have been meant for another waiter too.
    if (silenced) bell_.set();
    return state;
  };
  for (;;) {
    const Look look = look_and_announce(generation, descriptor_waiter);
    if (look.state != EventState::not_set) return end(look.state);
    if (deadline.has_passed()) return event_deadline_error();
    if (!look.announced) continue;

    bell_was_used_.store(true, std::memory_order_relaxed);
    auto rung = peer.wait_readable(bell_.descriptor(), deadline);

    const EventState after = state(generation);
    if (after != EventState::not_set) return end(after);
    if (!rung && rung.error().code() == Errc::deadline_exceeded) return event_deadline_error();
    if (!rung) return std::move(rung).error();
    // Rung for nothing: by a set of an earlier generation that came late, or by a hostile process. Should a set come
    // between the look above and this line, the next turn sees it.
    bell_.clear();
    silenced = true;
  }
}

void FutexCell::retire() noexcept {
  word_.store(compose(no_generation, 0), std::memory_order_relaxed);
  // Whatever flags stood in the word may have been forged: wake both kinds of waiters.
  os::futex_wake_all(word_);
  bell_.set();
}

bool FutexCell::settle() noexcept {
  const std::uint32_t before = word_.exchange(compose(no_generation, 0), std::memory_order_relaxed);
  // Sleepers of other processes.
  if ((before & futex_waiter) != 0) os::futex_wake_all(word_);
  // Nobody needs the silence, but a bell that still rings would cost the next waiter a turn.
  if (bell_was_used_.exchange(false, std::memory_order_relaxed)) bell_.clear();
  return true;
}

void FutexCell::reset(Generation generation) noexcept {
  word_.store(compose(generation, 0), std::memory_order_relaxed);
}

}  // namespace prong::sync::detail

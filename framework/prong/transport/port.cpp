#include "prong/transport/port.hpp"

#include <new>
#include <utility>

namespace prong::transport {
namespace {

constexpr Side other(Side side) noexcept {
  return side == Side::frontend ? Side::backend : Side::frontend;
}

constexpr std::size_t words_offset(Side producer, Lane lane) noexcept {
  return ((producer == Side::frontend ? 0U : 1U) + (lane == Lane::data ? 0U : 2U)) * sizeof(RingWords);
}

RingWords& words_at(const os::Mapping& page, Side producer, Lane lane) noexcept {
  // Fresh memory of zeros is a valid RingWords: lock-free atomics have no state but their value.
  return *std::launder(reinterpret_cast<RingWords*>(page.data() + words_offset(producer, lane)));
}

// One sleep word serves a side: its data lane's. The control lane's stay zero.
RingWords& receive_words(const os::Mapping& page, Side receiver) noexcept {
  return words_at(page, other(receiver), Lane::data);
}

std::atomic<std::uint64_t>* call_words_at(const os::Mapping& words) noexcept {
  return std::launder(reinterpret_cast<std::atomic<std::uint64_t>*>(words.data()));
}

// Behind the words of the four rings: one line per side.
std::atomic<std::uint64_t>* progress_at(const os::Mapping& page, Side side) noexcept {
  const std::size_t offset = 4 * sizeof(RingWords) + (side == Side::frontend ? 0 : 128);
  return std::launder(reinterpret_cast<std::atomic<std::uint64_t>*>(page.data() + offset));
}

}  // namespace

Result<Port> Port::open(const Segment& segment, Side side) {
  std::vector<os::Mapping> mappings;
  PRONG_TRY_ASSIGN(auto page, segment.memory().map_part(0, os::page_size(), os::Access::read_write));
  mappings.push_back(std::move(page));
  for (const Side producer : {side, other(side)}) {
    for (const Lane lane : {Lane::data, Lane::control}) {
      const auto access = producer == side ? os::Access::read_write : os::Access::read_only;
      PRONG_TRY_ASSIGN(
          auto ring, segment.memory().map_twice(segment.ring_offset(producer, lane), segment.ring_size(lane), access));
      mappings.push_back(std::move(ring));
    }
  }
  for (const Side writer : {side, other(side)}) {
    const auto access = writer == side ? os::Access::read_write : os::Access::read_only;
    PRONG_TRY_ASSIGN(auto words,
                     segment.memory().map_part(segment.call_words_offset(writer), segment.call_words_size(), access));
    mappings.push_back(std::move(words));
  }
  for (os::Mapping& mapping : mappings) PRONG_TRY(mapping.keep_from_children());
  return Port{segment, side, std::move(mappings)};
}

Port::Port(const Segment& segment, Side side, std::vector<os::Mapping> mappings) noexcept
    : mappings_{std::move(mappings)},
      sizes_{segment.ring_size(Lane::data), segment.ring_size(Lane::control)},
      own_progress_{progress_at(mappings_[0], side)},
      peer_progress_{progress_at(mappings_[0], other(side))},
      own_bell_{segment.bell(side)},
      peer_bell_{segment.bell(other(side))},
      calls_{call_words_at(mappings_[side == Side::backend ? 5 : 6]),
             call_words_at(mappings_[side == Side::backend ? 6 : 5]), segment.call_slots()},
      producers_{{words_at(mappings_[0], side, Lane::data), mappings_[1].bytes(), sizes_[0]},
                 {words_at(mappings_[0], side, Lane::control), mappings_[2].bytes(), sizes_[1]}},
      consumers_{{words_at(mappings_[0], other(side), Lane::data), mappings_[3].bytes(), sizes_[0]},
                 {words_at(mappings_[0], other(side), Lane::control), mappings_[4].bytes(), sizes_[1]}},
      receive_sleep_{receive_words(mappings_[0], side).consumer_sleep},
      space_sleep_{words_at(mappings_[0], side, Lane::data).producer_sleep},
      peer_receives_{receive_words(mappings_[0], other(side)).consumer_sleep, peer_bell_},
      peer_waits_for_space_{words_at(mappings_[0], other(side), Lane::data).producer_sleep, peer_bell_} {}

Push Port::try_send(Lane lane, Bytes first, Bytes second) noexcept {
  return producers_[index(lane)].try_push(first, second);
}

void Port::flush(Lane lane) noexcept {
  if (producers_[index(lane)].publish()) peer_receives_.ring_if_asleep();
}

void Port::release() noexcept {
  const bool data = consumers_[0].release();
  const bool control = consumers_[1].release();
  if (data || control) peer_waits_for_space_.ring_if_asleep();
}

void Port::publish_progress(std::size_t number, std::uint64_t value) noexcept {
  // SYNC POINT with the load in peer_progress: what was counted is done before the peer counts on it.
  own_progress_[number].store(value, std::memory_order_release);
  peer_waits_for_space_.ring_if_asleep();
}

std::uint64_t Port::peer_progress(std::size_t number) const noexcept {
  return peer_progress_[number].load(std::memory_order_acquire);
}

void Port::announce_ask() noexcept {
  // SYNC POINT with the load in is_asked: who sees the count sees the call word.
  own_progress_[asks].fetch_add(1, std::memory_order_release);
  peer_receives_.ring_if_asleep();
}

bool Port::take_asks() noexcept {
  const std::uint64_t count = peer_progress_[asks].load(std::memory_order_acquire);
  return std::exchange(asks_taken_, count) != count;
}

bool Port::has_records() const noexcept {
  return consumers_[1].has_records() || consumers_[0].has_records();
}

bool Port::prepare_sleep() noexcept {
  receive_sleep_.announce();
  if (!has_records() && !is_asked()) return true;
  receive_sleep_.withdraw();
  return false;
}

bool Port::prepare_control_sleep() noexcept {
  receive_sleep_.announce();
  if (!has_records(Lane::control) && !is_asked()) return true;
  receive_sleep_.withdraw();
  return false;
}

bool Port::prepare_ask_sleep() noexcept {
  receive_sleep_.announce();
  if (!is_asked()) return true;
  receive_sleep_.withdraw();
  return false;
}

void Port::finish_sleep() noexcept {
  receive_sleep_.withdraw();
}

void Port::ring_self() const noexcept {
  ring(own_bell_);
}

}  // namespace prong::transport

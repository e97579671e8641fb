#include "prong/transport/segment.hpp"

#include "prong/base/checked.hpp"
#include "prong/base/request_number.hpp"
#include "prong/transport/byte_ring.hpp"

#include <sys/eventfd.h>

#include <algorithm>
#include <bit>

namespace prong::transport {
namespace {

Result<os::UniqueFd> make_bell() {
  os::UniqueFd bell{::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)};
  if (!bell) return Error::from_errno("eventfd");
  return bell;
}

// As many as the smallest messages that the ring takes, and some more: a call leaves the ring before it ends.
std::size_t slots_of(std::size_t data_bytes) noexcept {
  return std::min(data_bytes / 32, RequestNumber::max_slots);
}

std::size_t words_size_of(std::size_t data_bytes) noexcept {
  const std::size_t page = os::page_size();
  return (slots_of(data_bytes) * sizeof(std::uint64_t) + page - 1) / page * page;
}

Result<std::size_t> total_size(std::size_t data_bytes) {
  if (!std::has_single_bit(data_bytes) || data_bytes < os::page_size())
    return fail(Errc::size_invalid,
                "a ring of " + std::to_string(data_bytes) + " bytes: it must be a power of two and at least a page");
  const auto data = checked_multiply<std::size_t>(data_bytes, 2);
  const auto total = data ? checked_add(*data, 3 * os::page_size() + 2 * words_size_of(data_bytes)) : std::nullopt;
  if (!total) return fail(Errc::size_invalid, "rings larger than memory");
  return *total;
}

}  // namespace

Segment::Segment(os::SharedMemory memory, std::size_t data_bytes, os::UniqueFd frontend_bell,
                 os::UniqueFd backend_bell) noexcept
    : memory_{std::move(memory)},
      data_bytes_{data_bytes},
      frontend_bell_{std::move(frontend_bell)},
      backend_bell_{std::move(backend_bell)} {}

Result<Segment> Segment::create(const std::string& name, SegmentSizes sizes) {
  PRONG_TRY_ASSIGN(const std::size_t total, total_size(sizes.data_bytes));
  PRONG_TRY_ASSIGN(auto memory, os::SharedMemory::create(name, total));
  PRONG_TRY_ASSIGN(auto frontend_bell, make_bell());
  PRONG_TRY_ASSIGN(auto backend_bell, make_bell());
  return Segment{std::move(memory), sizes.data_bytes, std::move(frontend_bell), std::move(backend_bell)};
}

Result<Segment> Segment::open(os::SharedMemory memory, std::size_t data_bytes, os::UniqueFd frontend_bell,
                              os::UniqueFd backend_bell) {
  const auto total = total_size(data_bytes);
  if (!total || *total != memory.size()) return fail(Errc::bad_message, "memory that is no segment of this size");
  return Segment{std::move(memory), data_bytes, std::move(frontend_bell), std::move(backend_bell)};
}

std::size_t Segment::ring_size(Lane lane) const noexcept {
  return lane == Lane::data ? data_bytes_ : os::page_size();
}

std::size_t Segment::ring_offset(Side producer, Lane lane) const noexcept {
  // Page 0: the words of the four rings. Then the control rings, a page each, then the data rings.
  const std::size_t index = producer == Side::frontend ? 0 : 1;
  if (lane == Lane::control) return (1 + index) * os::page_size();
  return 3 * os::page_size() + index * data_bytes_;
}

std::size_t Segment::call_slots() const noexcept {
  return slots_of(data_bytes_);
}

std::size_t Segment::call_words_offset(Side writer) const noexcept {
  return 3 * os::page_size() + 2 * data_bytes_ + (writer == Side::frontend ? 0 : call_words_size());
}

std::size_t Segment::call_words_size() const noexcept {
  return words_size_of(data_bytes_);
}

}  // namespace prong::transport

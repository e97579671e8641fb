#include "prong/transport/byte_ring.hpp"

#include "prong/base/contract.hpp"

#include <cstring>

namespace prong::transport {
namespace {

constexpr std::size_t prefix_size = sizeof(std::uint32_t);

constexpr std::uint64_t padded(std::uint64_t size) noexcept {
  return (size + 7) & ~std::uint64_t{7};
}

}  // namespace

RingProducer::RingProducer(RingWords& words, MutableBytes memory, std::size_t capacity) noexcept
    : words_{&words}, data_{memory.data()}, capacity_{capacity} {
  PRONG_EXPECT(capacity >= 64 && (capacity & (capacity - 1)) == 0, "a ring's size is a power of two");
  PRONG_EXPECT(memory.size() == 2 * capacity, "a ring's memory is mapped twice in a row");
}

Push RingProducer::try_push(Bytes first, Bytes second) noexcept {
  const std::uint64_t size = first.size() + second.size();
  PRONG_EXPECT(size <= max_record(capacity_), "a record is at most a quarter of the ring");
  const std::uint64_t needed = padded(prefix_size + size);
  if (tail_ + needed - known_head_ > capacity_) {
    // SYNC POINT with RingWords::head store in RingConsumer::release: the consumer is done with the bytes before it.
    const std::uint64_t head = words_->head.load(std::memory_order_acquire);
    if (tail_ - head > capacity_) [[unlikely]]
      return Push::broken;
    known_head_ = head;
    if (tail_ + needed - known_head_ > capacity_) return Push::full;
  }
  std::byte* const place = data_ + (tail_ & (capacity_ - 1));
  const auto prefix = static_cast<std::uint32_t>(size);
  std::memcpy(place, &prefix, prefix_size);
  std::memcpy(place + prefix_size, first.data(), first.size());
  if (!second.empty()) std::memcpy(place + prefix_size + first.size(), second.data(), second.size());
  tail_ += needed;
  return Push::done;
}

bool RingProducer::publish() noexcept {
  if (published_ == tail_) return false;
  published_ = tail_;
  // SYNC POINT with RingWords::tail load in RingConsumer::next: the records are written before they are seen.
  words_->tail.store(tail_, std::memory_order_release);
  return true;
}

RingConsumer::RingConsumer(RingWords& words, Bytes memory, std::size_t capacity) noexcept
    : words_{&words}, data_{memory.data()}, capacity_{capacity} {
  PRONG_EXPECT(capacity >= 64 && (capacity & (capacity - 1)) == 0, "a ring's size is a power of two");
  PRONG_EXPECT(memory.size() == 2 * capacity, "a ring's memory is mapped twice in a row");
}

Result<std::optional<Bytes>> RingConsumer::next() noexcept {
  if (head_ == known_tail_) {
    // SYNC POINT with RingWords::tail store in RingProducer::publish.
    const std::uint64_t tail = words_->tail.load(std::memory_order_acquire);
    if (tail - head_ > capacity_ || (tail & 7) != 0) [[unlikely]]
      return fail(Errc::bad_message, "the peer wrote an impossible ring position");
    known_tail_ = tail;
    if (head_ == known_tail_) return std::optional<Bytes>{};
  }
  const std::byte* const place = data_ + (head_ & (capacity_ - 1));
  std::uint32_t size = 0;
  std::memcpy(&size, place, prefix_size);
  asm volatile("" : "+r"(size));  // read once: what is checked below is what is used
  const std::uint64_t needed = padded(prefix_size + std::uint64_t{size});
  if (size > max_record(capacity_) || needed > known_tail_ - head_) [[unlikely]]
    return fail(Errc::bad_message, "the peer wrote an impossible record length");
  head_ += needed;
  return std::optional<Bytes>{Bytes{place + prefix_size, size}};
}

bool RingConsumer::release() noexcept {
  if (released_ == head_) return false;
  released_ = head_;
  // SYNC POINT with RingWords::head load in RingProducer::try_push: reading is over before the space is reused.
  words_->head.store(head_, std::memory_order_release);
  return true;
}

bool RingConsumer::has_records() const noexcept {
  return head_ != known_tail_ || words_->tail.load(std::memory_order_acquire) != head_;
}

}  // namespace prong::transport

// One-producer, one-consumer ring of records over memory the caller gives.
//
// The producer owns `tail`, the consumer owns `head`; each reads the other's and writes only its own. The memory is
// mapped twice in a row, so a record never wraps. Layout in memory: docs/formats/byte_ring.md. Knows no message and
// no process.
#pragma once

#include "prong/base/bytes.hpp"
#include "prong/base/result.hpp"

#include <atomic>
#include <cstdint>
#include <optional>

namespace prong::transport {

/// The words of a ring that both sides see. Each has one writer; what one side writes stays off the lines of the other,
/// two lines apart because neighbours are prefetched together.
struct RingWords {
  alignas(128) std::atomic<std::uint64_t> tail{0};  ///< Written by the producer. Units: bytes, never wraps.
  std::atomic<std::uint32_t> producer_sleep{0};     ///< Written by the producer; odd while it waits for space.
  alignas(128) std::atomic<std::uint64_t> head{0};  ///< Written by the consumer. Units: bytes, never wraps.
  std::atomic<std::uint32_t> consumer_sleep{0};     ///< Written by the consumer; odd while it waits for records.
};
static_assert(sizeof(RingWords) == 256);

/// What a push came to.
enum class Push : std::uint8_t {
  done,
  full,    ///< No room now.
  broken,  ///< The consumer wrote an impossible `head`: it must not be trusted any more.
};

/// The side that puts records in.
///
/// Thread safety: one thread at a time.
/// If the peer dies: records stay where they are; pushing goes on until the ring is full.
class RingProducer {
 public:
  /// Requires: `memory` is 2 * `capacity` bytes, mapped twice in a row; both words are of one ring.
  RingProducer(RingWords& words, MutableBytes memory, std::size_t capacity) noexcept;

  /// Copies one record, `first` followed by `second`, in; it is not seen before publish(). Blocks: never.
  /// Requires: the record is at most max_record(capacity) bytes.
  [[nodiscard]] Push try_push(Bytes first, Bytes second) noexcept;
  /// Lets the consumer see every record pushed so far; tells whether there was any.
  bool publish() noexcept;
  /// Returns how many bytes were pushed since the ring was made.
  [[nodiscard]] std::uint64_t position() const noexcept { return tail_; }
  /// Returns the consumer's position as it stands in memory, unchecked. Thread safety: any thread.
  [[nodiscard]] std::uint64_t freed() const noexcept { return words_->head.load(std::memory_order_acquire); }

 private:
  RingWords* words_;
  std::byte* data_;
  std::uint64_t capacity_;
  std::uint64_t tail_ = 0;  // private copy: nobody else writes it
  std::uint64_t published_ = 0;
  std::uint64_t known_head_ = 0;  // re-read only when the ring seems full
};

/// The side that takes records out.
///
/// Thread safety: one thread at a time.
/// If the peer dies: every record up to its last publish() can still be taken.
class RingConsumer {
 public:
  /// Requires: as RingProducer.
  RingConsumer(RingWords& words, Bytes memory, std::size_t capacity) noexcept;

  /// Returns the next record, in place, or nothing. It stays valid until release(). Blocks: never.
  ///
  /// The producer may still write to these bytes: copy before checking if it is not trusted.
  /// Fails with: bad_message if the producer wrote an impossible `tail` or length.
  [[nodiscard]] Result<std::optional<Bytes>> next() noexcept;
  /// Gives the space of every record taken so far back; tells whether there was any.
  bool release() noexcept;
  /// Tells whether next() would find something. Blocks: never.
  [[nodiscard]] bool has_records() const noexcept;
  /// Returns how many bytes were taken since the ring was made.
  [[nodiscard]] std::uint64_t position() const noexcept { return head_; }

 private:
  RingWords* words_;
  const std::byte* data_;
  std::uint64_t capacity_;
  std::uint64_t head_ = 0;  // private copy: nobody else writes it
  std::uint64_t released_ = 0;
  std::uint64_t known_tail_ = 0;  // re-read only when the ring seems empty
};

/// Returns the largest record that a ring of `capacity` bytes takes. Units: bytes.
[[nodiscard]] constexpr std::size_t max_record(std::size_t capacity) noexcept {
  return capacity / 4;
}

}  // namespace prong::transport

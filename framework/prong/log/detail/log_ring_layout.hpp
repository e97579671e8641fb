// The log ring in memory. Format: docs/formats/log_ring.md.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

namespace prong::log::detail {

/// The words that both sides share; the name of each tells who writes it.
struct LogRingControl {
  std::atomic<std::uint64_t> producer_tail{0};
  std::atomic<std::uint64_t> producer_dropped{0};
  // Two lines away: neighbours are fetched together.
  alignas(128) std::atomic<std::uint64_t> consumer_head{0};
};
static_assert(offsetof(LogRingControl, producer_dropped) == 8 && offsetof(LogRingControl, consumer_head) == 128);
static_assert(std::atomic<std::uint64_t>::is_always_lock_free);

/// What a record begins with.
struct LogRecordHeader {
  std::uint32_t size = 0;
  std::uint8_t level = 0;
  std::uint8_t unused = 0;
  std::uint16_t name_size = 0;
  std::uint32_t text_size = 0;
  std::int32_t pid = 0;
  std::int64_t time = 0;
};
static_assert(sizeof(LogRecordHeader) == 24 && offsetof(LogRecordHeader, time) == 16);

constexpr std::size_t record_alignment = 8;
constexpr std::size_t longest_name = 256;
constexpr std::size_t longest_text = 8192;

/// Returns the size of a record in bytes. Requires: sizes within their limits.
[[nodiscard]] constexpr std::size_t record_size(std::size_t name_size, std::size_t text_size) noexcept {
  return (sizeof(LogRecordHeader) + name_size + text_size + record_alignment - 1) / record_alignment * record_alignment;
}

/// Where a ring is mapped in this process.
struct LogRingMemory {
  LogRingControl* control = nullptr;
  std::byte* records = nullptr;  // Mapped twice in a row.
  std::uint64_t capacity = 0;    // A power of two.
};

}  // namespace prong::log::detail

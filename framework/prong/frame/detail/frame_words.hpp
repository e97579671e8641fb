// The words of a frame ring in shared memory. Layout and writers: docs/formats/frame_ring.md.
#pragma once

#include "prong/frame/frame_meta.hpp"

#include <array>
#include <atomic>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <new>
#include <span>
#include <type_traits>

namespace prong::frame::detail {

using Word = std::atomic<std::uint64_t>;
static_assert(sizeof(Word) == 8 && Word::is_always_lock_free);
static_assert(std::is_trivially_copyable_v<FrameMeta> && std::has_unique_object_representations_v<FrameMeta>);

inline constexpr std::size_t meta_words = sizeof(FrameMeta) / sizeof(Word);
static_assert(meta_words * sizeof(Word) == sizeof(FrameMeta) && meta_words == 20);
using MetaWords = std::array<Word, meta_words>;

// Each word has one writer. Words of different purposes are two cache lines apart: neighbours are prefetched together.
inline constexpr std::size_t apart = 128;

struct StreamHead {
  alignas(apart) Word head{0};
  alignas(apart) Word sleep{0};
  Word blocked{0};
  Word blocked_nanoseconds{0};
  alignas(apart) std::array<MetaWords, 2> last{};
};

struct alignas(apart) SlotWords {
  Word offered{0};
  Word filled{0};
  Word generation{0};
  MetaWords meta{};
};

struct ReaderHead {
  struct Progress {
    Word cursor{0};
    Word delivered{0};
    Word redelivered{0};
  };
  alignas(apart) Word commits{0};
  std::array<Progress, 2> progress{};
  Word left{0};
  alignas(apart) Word sleep{0};
};
static_assert(sizeof(StreamHead) == 640 && sizeof(SlotWords) == 256 && sizeof(ReaderHead) == 256);

inline constexpr std::uint64_t max_sequence = (std::uint64_t{1} << 48) - 1;
inline constexpr std::size_t max_slots = 65'535;

// `head`.
constexpr std::uint64_t head_word(std::uint64_t sequence, bool finished) noexcept {
  return sequence << 1 | (finished ? 1U : 0U);
}
constexpr std::uint64_t head_sequence(std::uint64_t word) noexcept {
  return word >> 1;
}
constexpr bool head_finished(std::uint64_t word) noexcept {
  return (word & 1) != 0;
}

// Entries of the log.
constexpr std::uint64_t log_word(std::uint64_t sequence, std::uint32_t slot) noexcept {
  return sequence << 16 | slot;
}
constexpr std::uint64_t log_sequence(std::uint64_t word) noexcept {
  return word >> 16;
}
constexpr std::uint32_t log_slot(std::uint64_t word) noexcept {
  return static_cast<std::uint32_t>(word & 0xffff);
}
constexpr std::size_t log_size(std::size_t slots) noexcept {
  return std::bit_ceil(slots + 1);
}

// Claims of a reader.
inline constexpr std::uint32_t max_delivery = (1U << 15) - 1;
constexpr std::uint64_t claim_word(std::uint64_t sequence, std::uint32_t delivery) noexcept {
  return sequence << 16 | std::uint64_t{delivery} << 1 | 1U;
}
constexpr bool is_reading(std::uint64_t word) noexcept {
  return (word & 1) != 0;
}
constexpr std::uint64_t claim_sequence(std::uint64_t word) noexcept {
  return word >> 16;
}
constexpr std::uint32_t claim_delivery(std::uint64_t word) noexcept {
  return static_cast<std::uint32_t>(word >> 1) & max_delivery;
}

// Fresh memory of zeros is valid: lock-free atomics have no state but their value.
template <class T>
[[nodiscard]] T* words_at(std::byte* where) noexcept {
  return std::launder(reinterpret_cast<T*>(where));
}

/// The producer's words, as its own process maps them or, with `writable` false, as the others do.
template <bool writable>
struct StreamWords {
  template <class T>
  using Shared = std::conditional_t<writable, T, const T>;

  Shared<StreamHead>* head = nullptr;
  std::span<Shared<SlotWords>> slots;
  std::span<Shared<Word>> log;

  /// Requires: `memory` has stream_size(slots) bytes, aligned to 128, of zeros or of such words.
  static StreamWords at(std::byte* memory, std::size_t slots) noexcept {
    std::byte* const table = memory + sizeof(StreamHead);
    StreamWords words;
    words.head = words_at<Shared<StreamHead>>(memory);
    words.slots = {words_at<Shared<SlotWords>>(table), slots};
    words.log = {words_at<Shared<Word>>(table + slots * sizeof(SlotWords)), log_size(slots)};
    return words;
  }

  [[nodiscard]] Shared<Word>& log_entry(std::uint64_t sequence) const noexcept {
    return log[sequence & (log.size() - 1)];
  }
};

/// The words of one reader, likewise.
template <bool writable>
struct ReaderWords {
  template <class T>
  using Shared = std::conditional_t<writable, T, const T>;

  Shared<ReaderHead>* head = nullptr;
  std::span<Shared<Word>> claims;

  /// Requires: as StreamWords::at, with reader_size(slots).
  static ReaderWords at(std::byte* memory, std::size_t slots) noexcept {
    ReaderWords words;
    words.head = words_at<Shared<ReaderHead>>(memory);
    words.claims = {words_at<Shared<Word>>(memory + sizeof(ReaderHead)), slots};
    return words;
  }
};

/// Units: bytes.
constexpr std::size_t stream_size(std::size_t slots) noexcept {
  return sizeof(StreamHead) + slots * sizeof(SlotWords) + log_size(slots) * sizeof(Word);
}
/// Units: bytes.
constexpr std::size_t reader_size(std::size_t slots) noexcept {
  return sizeof(ReaderHead) + slots * sizeof(Word);
}

/// Writes metadata word by word. What was written before the call is seen by whoever sees one of the words.
inline void store_meta(MetaWords& words, const FrameMeta& meta) noexcept {
  const auto values = std::bit_cast<std::array<std::uint64_t, meta_words>>(meta);
  for (std::size_t i = 0; i < meta_words; ++i) words[i].store(values[i], std::memory_order_release);
}
/// Copies metadata out, each word once. What is loaded after the call is not older than the copy.
[[nodiscard]] inline FrameMeta load_meta(const MetaWords& words) noexcept {
  std::array<std::uint64_t, meta_words> values{};
  for (std::size_t i = 0; i < meta_words; ++i) values[i] = words[i].load(std::memory_order_acquire);
  return std::bit_cast<FrameMeta>(values);
}

}  // namespace prong::frame::detail

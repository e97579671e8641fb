// One half of a CheckpointStore in shared memory. Layout and order: docs/formats/checkpoint_store.md.
#pragma once

#include "prong/base/bytes.hpp"

#include <array>
#include <atomic>
#include <cstdint>
#include <span>
#include <vector>

namespace prong::sync::detail {

using CheckpointWord = std::atomic<std::uint64_t>;

/// What stands before the bytes of a half. All words are 0 before the first save.
struct CheckpointHead {
  CheckpointWord begun{0};  ///< The number of the save that was begun here last.
  CheckpointWord done{0};   ///< The number of the save that was finished here last.
  CheckpointWord size{0};   ///< Units: bytes.
  CheckpointWord checksum{0};
  CheckpointWord taken{0};  ///< How often it was taken.
  std::array<CheckpointWord, 11> unused{};
};
static_assert(sizeof(CheckpointHead) == 128 && CheckpointWord::is_always_lock_free);

inline constexpr std::uint64_t max_checkpoint_number = (std::uint64_t{1} << 63) - 1;

/// What reading a half came to.
enum class CheckpointRead : std::uint8_t {
  nothing,  ///< Nothing was ever saved here, or a save was begun and not finished.
  whole,
  overtaken,    ///< A save began while it was read.
  overwritten,  ///< The words are none that a save has written.
};

/// One half: its head and room for bytes.
///
/// Thread safety: one writer; any number of readers meanwhile.
class CheckpointHalf {
 public:
  CheckpointHalf(CheckpointHead& head, std::span<CheckpointWord> words) noexcept : head_{&head}, words_{words} {}

  /// Requires: `bytes` fit, `number` is from 1 to max_checkpoint_number.
  void write(std::uint64_t number, Bytes bytes) noexcept;
  /// Returns the number of the last save that was finished here, or 0. It is what stands there, unchecked.
  [[nodiscard]] std::uint64_t number() const noexcept;
  /// Copies the half out and checks the copy.
  [[nodiscard]] CheckpointRead read(std::vector<std::byte>& bytes, std::uint64_t& number) const;
  /// Counts a take and returns how many there were.
  std::uint32_t count_take() noexcept;
  void clear() noexcept;

 private:
  CheckpointHead* head_;
  std::span<CheckpointWord> words_;
};

/// Returns a checksum that differs for sure if one word of 8 bytes, the size or the number differs, and else by
/// chance, 1 : 2^64.
[[nodiscard]] std::uint64_t checkpoint_checksum(std::uint64_t number, std::uint64_t size,
                                                std::span<const std::uint64_t> words) noexcept;

}  // namespace prong::sync::detail

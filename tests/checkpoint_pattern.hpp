// Checkpoints that tell whether they are whole.
#pragma once

#include "prong/base/bytes.hpp"

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <optional>
#include <vector>

namespace prong::tests {

/// Fills `bytes` with a pattern that only `number` has: size, words and all.
inline void fill_checkpoint(std::vector<std::byte>& bytes, std::uint64_t number, std::size_t capacity) {
  const std::size_t size = 8 + (number * 7919) % (capacity - 7);
  bytes.resize(size);
  for (std::size_t at = 0; at < size; at += 8) {
    const std::uint64_t word = number + at * 0x9e3779b97f4a7c15U * number;
    std::memcpy(bytes.data() + at, &word, std::min<std::size_t>(8, size - at));
  }
}

/// Returns the number of a checkpoint that is whole, or nothing.
inline std::optional<std::uint64_t> number_of_checkpoint(Bytes bytes, std::size_t capacity) {
  std::uint64_t number = 0;
  if (bytes.size() < 8) return std::nullopt;
  std::memcpy(&number, bytes.data(), 8);
  std::vector<std::byte> expected;
  fill_checkpoint(expected, number, capacity);
  if (!std::equal(bytes.begin(), bytes.end(), expected.begin(), expected.end())) return std::nullopt;
  return number;
}

}  // namespace prong::tests

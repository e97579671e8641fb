// Frames whose bytes tell which frame they are of, so that a torn one is noticed.
#pragma once

#include "prong/base/bytes.hpp"
#include "prong/frame/frame_meta.hpp"

#include <cstdint>
#include <cstring>

namespace prong::tests {

constexpr std::uint64_t pattern_word(std::uint64_t number, std::size_t position) noexcept {
  return (number * 0x9e3779b97f4a7c15U) ^ position;
}

/// Fills `bytes`, whole 64-bit words of it, with the pattern of frame `number`, and returns its metadata.
inline FrameMeta fill_pattern(MutableBytes bytes, std::uint64_t number) {
  const std::size_t words = bytes.size() / sizeof(std::uint64_t);
  for (std::size_t i = 0; i < words; ++i) {
    const std::uint64_t word = pattern_word(number, i);
    std::memcpy(bytes.data() + i * sizeof word, &word, sizeof word);
  }
  FrameMeta meta;
  meta.size = words * sizeof(std::uint64_t);
  meta.source_time = std::chrono::milliseconds{number};
  return meta;
}

/// Tells whether every word of `bytes` is of frame `number`.
inline bool has_pattern(Bytes bytes, std::uint64_t number) {
  for (std::size_t i = 0; i < bytes.size() / sizeof(std::uint64_t); ++i) {
    std::uint64_t word = 0;
    std::memcpy(&word, bytes.data() + i * sizeof word, sizeof word);
    if (word != pattern_word(number, i)) return false;
  }
  return true;
}

}  // namespace prong::tests

// What a hostile process can reach of an event: its word in shared memory, found by the name of the memfd.
#pragma once

#include "prong/sync/detail/event_cell.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <charconv>
#include <cstdint>
#include <fstream>
#include <span>
#include <string>

namespace prong::tests {

/// Returns the mappings of this process whose memfd is called `name`, as 32-bit words. There must be one.
inline std::span<std::atomic<std::uint32_t>> event_memory(const std::string& name) {
  std::span<std::atomic<std::uint32_t>> found;
  std::ifstream maps{"/proc/self/maps"};
  for (std::string line; std::getline(maps, line);) {
    if (line.find("/memfd:" + name + " ") == std::string::npos) continue;
    EXPECT_TRUE(found.empty()) << "two mappings of " << name;
    std::uintptr_t begin = 0;
    std::uintptr_t end = 0;
    const char* const last = line.data() + line.size();
    const auto dash = std::from_chars(line.data(), last, begin, 16);
    std::from_chars(dash.ptr + 1, last, end, 16);
    found = {reinterpret_cast<std::atomic<std::uint32_t>*>(begin), (end - begin) / sizeof(std::uint32_t)};
  }
  EXPECT_FALSE(found.empty()) << "no mapping of " << name;
  return found;
}

/// Returns the 32-bit words of the cell of event `slot`.
inline std::span<std::atomic<std::uint32_t>> cell_memory(std::span<std::atomic<std::uint32_t>> memory,
                                                         std::size_t slot) {
  constexpr std::size_t words = sync::detail::cell_size / sizeof(std::uint32_t);
  return memory.subspan(slot * words, words);
}

}  // namespace prong::tests

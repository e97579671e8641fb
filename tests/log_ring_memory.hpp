// A log ring as its backend has it, found by the name of its memfd.
#pragma once

#include "prong/log/detail/log_ring_layout.hpp"

#include <gtest/gtest.h>

#include <cstdio>
#include <fstream>
#include <string>

namespace prong::tests {

/// Returns the memory of the one LogRing of this process.
inline log::detail::LogRingMemory log_ring_memory() {
  log::detail::LogRingMemory memory;
  std::ifstream maps{"/proc/self/maps"};
  for (std::string line; std::getline(maps, line);) {
    if (line.find("/memfd:prong-log-ring ") == std::string::npos) continue;
    unsigned long begin = 0;
    unsigned long end = 0;
    unsigned long offset = 0;
    EXPECT_EQ(std::sscanf(line.c_str(), "%lx-%lx %*s %lx", &begin, &end, &offset), 3);
    if (offset == 0) {
      EXPECT_EQ(memory.control, nullptr) << "two log rings";
      memory.control = reinterpret_cast<log::detail::LogRingControl*>(begin);
    } else if (memory.records == nullptr) {
      memory.records = reinterpret_cast<std::byte*>(begin);
      memory.capacity = end - begin;
    }
  }
  EXPECT_TRUE(memory.control != nullptr && memory.records != nullptr) << "no log ring";
  return memory;
}

}  // namespace prong::tests

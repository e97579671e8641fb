// Counts what a piece of a test asks the heap for.
#pragma once

#include <cstddef>

namespace prong::test {

/// Adds up the sizes that this thread asks operator new for, while it lives. Frees are not taken off.
class AllocationCount {
 public:
  AllocationCount() noexcept;
  ~AllocationCount();
  AllocationCount(const AllocationCount&) = delete;
  AllocationCount& operator=(const AllocationCount&) = delete;

  /// Units: bytes.
  [[nodiscard]] std::size_t bytes() const noexcept;
  [[nodiscard]] std::size_t calls() const noexcept;
};

}  // namespace prong::test

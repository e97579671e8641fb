#include "allocation_count.hpp"

#include <cstdlib>
#include <new>

namespace {

thread_local bool counting = false;
thread_local std::size_t counted_bytes = 0;
thread_local std::size_t counted_calls = 0;

void* allocate(std::size_t size, std::size_t alignment) {
  if (counting) {
    counted_bytes += size;
    ++counted_calls;
  }
  void* const memory = alignment <= alignof(std::max_align_t)
                           ? std::malloc(size == 0 ? 1 : size)
                           : std::aligned_alloc(alignment, (size + alignment - 1) / alignment * alignment);
  if (memory == nullptr) throw std::bad_alloc{};
  return memory;
}

}  // namespace

// The replaceable functions of this program; the array and nothrow forms of the standard library call these.
void* operator new(std::size_t size) {
  return allocate(size, 1);
}
void* operator new(std::size_t size, std::align_val_t alignment) {
  return allocate(size, static_cast<std::size_t>(alignment));
}
void operator delete(void* memory) noexcept {
  std::free(memory);
}
void operator delete(void* memory, std::size_t) noexcept {
  std::free(memory);
}
void operator delete(void* memory, std::align_val_t) noexcept {
  std::free(memory);
}
void operator delete(void* memory, std::size_t, std::align_val_t) noexcept {
  std::free(memory);
}

namespace prong::test {

AllocationCount::AllocationCount() noexcept {
  counted_bytes = 0;
  counted_calls = 0;
  counting = true;
}

AllocationCount::~AllocationCount() {
  counting = false;
}

std::size_t AllocationCount::bytes() const noexcept {
  return counted_bytes;
}

std::size_t AllocationCount::calls() const noexcept {
  return counted_calls;
}

}  // namespace prong::test

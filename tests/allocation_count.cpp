#include "allocation_count.hpp"

#include <cstdlib>
#include <new>

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define PRONG_TEST_ADDRESS_SANITIZER
#endif
#elif defined(__SANITIZE_ADDRESS__)
#define PRONG_TEST_ADDRESS_SANITIZER
#endif

#ifdef PRONG_TEST_ADDRESS_SANITIZER
// Of <sanitizer/allocator_interface.h>, which Debian's GCC comes without.
extern "C" int __sanitizer_install_malloc_and_free_hooks(void (*on_malloc)(const volatile void*, std::size_t),
                                                         void (*on_free)(const volatile void*));
#endif

namespace {

thread_local bool counting = false;
thread_local std::size_t counted_bytes = 0;
thread_local std::size_t counted_calls = 0;

void count(std::size_t size) {
  if (!counting) return;
  counted_bytes += size;
  ++counted_calls;
}

}  // namespace

#ifdef PRONG_TEST_ADDRESS_SANITIZER

// The sanitizer's own operator new stays, for it checks what comes back; a hook sees each allocation.
[[maybe_unused]] static const int hooks = __sanitizer_install_malloc_and_free_hooks(
    [](const volatile void* /*memory*/, std::size_t size) { count(size); }, [](const volatile void* /*memory*/) {});

#else

// The replaceable functions of this program; the array and nothrow forms of the standard library call these.
void* operator new(std::size_t size) {
  count(size);
  void* const memory = std::malloc(size == 0 ? 1 : size);
  if (memory == nullptr) throw std::bad_alloc{};
  return memory;
}
void* operator new(std::size_t size, std::align_val_t alignment) {
  count(size);
  const auto unit = static_cast<std::size_t>(alignment);
  void* const memory = std::aligned_alloc(unit, (size + unit - 1) / unit * unit);
  if (memory == nullptr) throw std::bad_alloc{};
  return memory;
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

#endif

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

#include "guilty.hpp"

#include <dlfcn.h>
#include <pthread.h>
#include <sys/mman.h>
#include <unistd.h>

#include <atomic>
#include <csignal>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <stdexcept>
#include <thread>

// The sanitizers would end these functions before they do what they are guilty of. Nothing is inlined or ends in a
// jump: the function's own frame is what is looked for.
#define GUILTY __attribute__((noinline, no_sanitize("address", "undefined")))
#define STAY asm volatile("")
// What destroys a heap that the address sanitizer has taken the place of does nothing: there it is the sanitizer's
// find.
#define GUILTY_OF_THE_HEAP __attribute__((noinline))

namespace prong::tests {
namespace {

// Opaque to the compiler.
std::atomic<std::uintptr_t> anywhere{16};

}  // namespace

GUILTY void guilty_of_a_fault() {
  *reinterpret_cast<volatile int*>(anywhere.load()) = 1;
  STAY;
}

GUILTY static int recurse(int depth) {
  volatile char space[256];
  space[0] = static_cast<char>(depth);
  if (anywhere.load() == 0) return 0;  // never: the compiler knows endless recursions
  return recurse(depth + 1) + space[0];
}

GUILTY void guilty_of_endless_recursion() {
  recurse(0);
  STAY;
}

GUILTY void guilty_of_abort() {
  std::abort();
}

GUILTY void guilty_of_calling_null() {
  reinterpret_cast<void (*)()>(anywhere.load() - 16)();
  STAY;
}

GUILTY void guilty_of_jumping_anywhere() {
  reinterpret_cast<void (*)()>(anywhere.load() + 0x123450)();
  STAY;
}

GUILTY void guilty_of_dividing_by_zero() {
  volatile int number = 42;
  volatile int zero = 0;
  const int result = number / zero;
  number = result;
  STAY;
}

GUILTY void guilty_of_no_instruction() {
#if defined(__x86_64__)
  asm volatile("ud2");
#else
  asm volatile("udf #0");
#endif
  STAY;
}

GUILTY void guilty_of_a_bus_error() {
  const int file = ::memfd_create("empty", MFD_CLOEXEC);
  auto* const memory = static_cast<volatile char*>(::mmap(nullptr, 4096, PROT_READ, MAP_SHARED, file, 0));
  static_cast<void>(memory[0]);
  STAY;
}

GUILTY void guilty_of_raising(int number) {
  ::raise(number);
  STAY;
}

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wterminate"
GUILTY void guilty_of_throwing_where_none_may_leave() {
  []() noexcept { throw std::runtime_error{"the lens cap is on"}; }();
  STAY;
}

GUILTY void guilty_of_throwing_a_number() {
  []() noexcept { throw 42; }();
  STAY;
}
#pragma GCC diagnostic pop

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wuse-after-free"
GUILTY void guilty_of_freeing_twice() {
  void* volatile block = std::malloc(2000);
  std::free(block);
  std::free(block);
  STAY;
}
namespace {

// The heap is locked only where there are several threads.
void have_another_thread() {
  std::thread{[] {
    for (;;) ::pause();
  }}.detach();
}

}  // namespace

GUILTY_OF_THE_HEAP void guilty_of_overwriting_the_heap() {
  have_another_thread();
  // The size of the block becomes one that ends among its zeros: what stands there is no neighbour.
  auto* const block = static_cast<volatile std::size_t*>(std::calloc(1000, sizeof(std::size_t)));
  block[-1] = 0x811;
  std::free(const_cast<std::size_t*>(block));
  STAY;
}

GUILTY_OF_THE_HEAP void guilty_of_faulting_with_the_heap_locked() {
  have_another_thread();
  // A free chunk too large for the caches of threads, kept apart from the rest; the list that it is in leads nowhere.
  void* const block = std::malloc(3000);
  void* volatile fence = std::malloc(3000);
  auto* const links = static_cast<volatile std::uintptr_t*>(block);
  std::free(block);
  links[1] = 0x1230;
  static_cast<void>(fence);
  void* volatile next = std::malloc(100'000);
  static_cast<void>(next);
  STAY;
}

#pragma GCC diagnostic pop

GUILTY void guilty_of_a_destroyed_stack() {
  // Whoever this function would return to, it now would return to where nothing is.
#if defined(__x86_64__)
  auto** const frame = static_cast<void**>(__builtin_frame_address(0));
  frame[1] = reinterpret_cast<void*>(anywhere.load() + 0x7000000);
#endif
  std::abort();
}

GUILTY void guilty_of_unmapping_the_page() {
  std::ifstream maps{"/proc/self/maps"};
  for (std::string line; std::getline(maps, line);) {
    if (line.find("prong-crash-page") == line.npos) continue;
    char* end = nullptr;
    const std::uintptr_t first = std::strtoull(line.c_str(), &end, 16);
    const std::uintptr_t last = std::strtoull(end + 1, nullptr, 16);
    ::munmap(reinterpret_cast<void*>(first), last - first);
  }
  std::abort();
}

GUILTY void guilty_in_another_thread() {
  std::thread thread{[] {
    ::pthread_setname_np(::pthread_self(), "worker");
    guilty_of_a_fault();
  }};
  thread.join();
}

GUILTY void guilty_in_a_loaded_module() {
  void* const module = ::dlopen(CRASH_MODULE, RTLD_NOW | RTLD_LOCAL);
  if (module == nullptr) ::_exit(99);
  const auto function = reinterpret_cast<int (*)(int)>(::dlsym(module, "guilty_in_module"));
  if (function == nullptr) ::_exit(98);
  function(SIGSEGV);
  STAY;
}

GUILTY void guilty_of_loading_a_module_that_crashes() {
  if (::dlopen(CRASH_LOADING_MODULE, RTLD_NOW | RTLD_LOCAL) == nullptr) ::_exit(99);
  STAY;
}

GUILTY void hang_in_a_loop() {
  for (;;) STAY;
}

GUILTY void hang_in_a_read() {
  int ends[2];
  char byte = 0;
  if (::pipe(ends) != 0) ::_exit(99);
  while (::read(ends[0], &byte, 1) != 1) STAY;
}

GUILTY void hang_with_all_signals_blocked() {
  sigset_t all;
  ::sigfillset(&all);
  ::sigprocmask(SIG_SETMASK, &all, nullptr);
  hang_in_a_loop();
  STAY;
}

GUILTY void hang_stopped() {
  ::raise(SIGSTOP);
  hang_in_a_loop();
  STAY;
}

GUILTY void hang_in_three_threads() {
  std::atomic<int> started{0};
  const auto begin = [&](const char* name, void (*work)()) {
    std::thread{[&started, name, work] {
      ::pthread_setname_np(::pthread_self(), name);
      ++started;
      work();
    }}.detach();
  };
  begin("reader", &hang_in_a_read);
  begin("spinner", &hang_in_a_loop);
  while (started != 2) std::this_thread::yield();
  ::pthread_setname_np(::pthread_self(), "captain");
  for (;;) ::pause();
  STAY;
}

}  // namespace prong::tests

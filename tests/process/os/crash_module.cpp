// A module that only a backend loads.
#include <csignal>
#include <cstdlib>

// What the function does last is no call, so that it stays on the stack.
extern "C" __attribute__((visibility("default"), noinline)) int guilty_in_module(int number) {
  ::raise(number);
  return number + 1;
}

#ifdef CRASH_WHILE_LOADING
namespace {

int guilty_while_loading() {
  std::abort();
}

[[maybe_unused]] const int value = guilty_while_loading();

}  // namespace
#endif

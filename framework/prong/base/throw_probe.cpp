#include "prong/base/throw_probe.hpp"

#include <unwind.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <typeinfo>
#include <utility>
#include <vector>

namespace prong::detail {
namespace {

// The frames of this file, the personality function, _Unwind_RaiseException and __cxa_throw lie on top; what the
// program cut off at the other end does not matter, so much is kept.
constexpr std::size_t most_frames = most_throw_frames + 8;

struct Stack {
  std::array<std::uint64_t, most_frames> addresses;
  std::size_t size = 0;
};

_Unwind_Reason_Code add_frame(_Unwind_Context* context, void* stack_pointer) {
  auto& stack = *static_cast<Stack*>(stack_pointer);
  const std::uint64_t address = _Unwind_GetIP(context);
  if (address == 0 || stack.size == stack.addresses.size()) return _URC_END_OF_STACK;
  stack.addresses[stack.size++] = address;
  return _URC_NO_REASON;
}

// Allocates nothing: what is thrown may be that there is no memory.
thread_local Stack noted;

}  // namespace

class ThrowProbeType final : public std::type_info {
 public:
  ThrowProbeType() noexcept : type_info{"N5prong6detail10ThrowProbeE"} {}

  // Source: Itanium C++ ABI, Exception Handling; libstdc++, <typeinfo>.
  [[nodiscard]] bool __do_catch(const type_info* /*thrown*/, void** /*object*/, unsigned /*outer*/) const override {
    noted.size = 0;
    _Unwind_Backtrace(add_frame, &noted);
    return false;
  }
};

// The description of prong::detail::ThrowProbe, for which the compiler looks in the clauses that name it.
extern const ThrowProbeType throw_probe_type asm("_ZTIN5prong6detail10ThrowProbeE");
const ThrowProbeType throw_probe_type;

std::vector<std::uint64_t> take_throw_stack() {
  Stack here;
  _Unwind_Backtrace(add_frame, &here);
  std::size_t size = std::exchange(noted.size, 0);
  // What both stacks share at their outer end is the caller's caller and beyond.
  while (size > 0 && here.size > 0 && noted.addresses[size - 1] == here.addresses[here.size - 1]) --size, --here.size;
  // The innermost frames are the machinery's, up to __cxa_throw.
  constexpr std::size_t machinery = 5;
  const std::size_t first = std::min(size, machinery);
  const std::size_t last = std::min(size, first + most_throw_frames);
  return {noted.addresses.begin() + static_cast<std::ptrdiff_t>(first),
          noted.addresses.begin() + static_cast<std::ptrdiff_t>(last)};
}

}  // namespace prong::detail

// Where an exception was thrown, learnt while its stack still stands.
//
// An unwinder works in two passes: it first looks for a handler, then unwinds. While it looks, it asks the type of each
// catch clause whether it takes the exception. The type of ThrowProbe notes the stack and says no. Nothing is
// interposed, and exceptions that never come to such a clause cost nothing: docs/adr/0053-the-stack-of-a-throw.md.
#pragma once

#include <cstdint>
#include <vector>

namespace prong::detail {

/// Stands in a catch clause before others: `catch (const ThrowProbe&)`. Nothing of this type exists.
class ThrowProbe {
 public:
  ThrowProbe() = delete;
  virtual ~ThrowProbe();  // defined nowhere, so that the type's description can be Prong's own
};

/// The most addresses that are kept of one stack.
inline constexpr std::size_t most_throw_frames = 48;

/// Returns the return addresses from the throw expression outward to the caller of this function, innermost first, for
/// the exception that last came to a ThrowProbe in this thread; forgets them.
[[nodiscard]] std::vector<std::uint64_t> take_throw_stack();

}  // namespace prong::detail

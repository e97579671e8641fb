// What is known of a backend that crashed or hung: where its threads were, as people read it.
#pragma once

#include "prong/base/death_cause.hpp"

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace prong {

/// One step of a stack.
struct StackFrame {
  std::uint64_t address = 0;  ///< Where the thread was, or the address to which it would have returned.
  std::string function;       ///< Demangled; empty where nothing tells it.
  std::string module;         ///< The file that the code came from, or "[vdso]"; empty where it came from none.
  std::uint64_t offset = 0;   ///< The place in `module`, as addr2line and nm count.
  std::string file;           ///< The source file; empty without debug information.
  std::int32_t line = 0;
  bool inlined = false;  ///< The compiler put this function into the one of the next frame.
};

/// The stack of one thread, innermost frame first.
struct ThreadStack {
  std::int32_t id = 0;
  std::string name;
  std::vector<StackFrame> frames;
  std::size_t gap_position = 0;       ///< How many of `frames` come before those that were left out.
  std::uint64_t frames_left_out = 0;  ///< A deep recursion is known by its two ends.
  std::string remark;                 ///< Why the stack is missing or not whole; empty if it is.
};

/// What is known of the end of a backend. What the frontend knows by itself comes first; the rest is the backend's own
/// story.
struct CrashReport {
  std::string process;  ///< The process's name.
  std::int32_t pid = 0;
  std::int32_t exit_code = 0;
  std::int32_t signal = 0;  ///< The signal that ended it, or 0.
  DeathCause cause = DeathCause::signal;
  std::string explanation;          ///< What makes `cause` known, where that says more than exit code and signal.
  std::string command;              ///< The command that was running; empty if there was none.
  std::uint64_t request = 0;        ///< The number of its request, or 0 where nobody waited for a reply.
  std::int32_t signal_code = 0;     ///< si_code of sigaction(2).
  std::uint64_t fault_address = 0;  ///< si_addr of sigaction(2).
  std::int32_t sender_pid = 0;      ///< Who sent the signal, where it was sent.
  std::string exception_type;       ///< Of cause `exception`; empty if no exception was being handled.
  std::string exception_what;
  std::vector<ThreadStack> threads;  ///< The thread that crashed, or the main thread, first.
  std::string no_stack;              ///< Why `threads` is empty; empty if it is not.
};

/// Returns the report as a page that people read, of at most 256 KiB.
[[nodiscard]] std::string to_string(const CrashReport& report);

/// Tells whether the frame is neither of a system library nor of Prong, CAF, Boost or the standard library.
[[nodiscard]] bool is_own(const StackFrame& frame) noexcept;

/// Returns the frame where a reader begins to look: the innermost own one of the first thread, or its innermost one if
/// none is; null without a stack.
[[nodiscard]] const StackFrame* own_frame(const CrashReport& report) noexcept;

/// Returns "function at file:line (module+offset)", as far as it is known.
[[nodiscard]] std::string to_string(const StackFrame& frame);

/// What a report is made of when somebody asks for it: naming the frames takes longer than telling of a death.
///
/// Thread safety: any thread.
class CrashEvidence {
 public:
  virtual ~CrashEvidence() = default;
  /// Returns the report; the first call makes it. Blocks: while files are read, tens of milliseconds with large ones.
  [[nodiscard]] virtual const CrashReport& report() const = 0;
};

}  // namespace prong

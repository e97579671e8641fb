// A child process that is run instruction by instruction.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <functional>

namespace prong::tests {

/// Runs one child of this thread, instruction by instruction, from a place that the child names to wherever one likes.
///
/// Thread safety: in the thread that forked the child, which becomes its tracer (ptrace(2)). The child need not be
/// let go of: a SIGKILL ends it at the instruction where it stands.
class SingleStep {
 public:
  /// In the child: stops here until the tracer has it run on. Ends the child with exit code 99 if it may not be traced.
  static void wait_for_tracer();

  /// Takes a child that has called, or is about to call, wait_for_tracer(). Throws std::runtime_error if it ended
  /// instead.
  explicit SingleStep(pid_t child);

  /// Has the child run `count` instructions, or until `done`. Returns how many it ran. Requires: it waits in no system
  /// call meanwhile. Throws std::runtime_error if it ended or was sent a signal.
  std::uint64_t run(std::uint64_t count, const std::function<bool()>& done);

 private:
  pid_t child_;
};

}  // namespace prong::tests

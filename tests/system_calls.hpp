// A child process one of whose system calls fails.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <functional>
#include <string>

namespace prong::tests {

/// One system call, as it is about to begin.
struct SystemCall {
  long number = 0;
  std::uint64_t arguments[6] = {};
};

/// Returns "openat" for its number, or the number. Knows those that Prong uses.
std::string name_of(const SystemCall& call);

/// How a traced child ended, and what was done to it.
struct TracedRun {
  int exit_code = -1;
  int signal = 0;
  std::uint64_t calls = 0;  ///< How many of the calls were eligible, up to the one that failed.
  bool failed_one = false;
  SystemCall failed{};
};

/// Runs a child of this thread that calls SingleStep::wait_for_tracer() until it ends. Of its system calls behind that
/// which `error_for` gives an errno other than 0 for, the one with number `which`, from 0, fails with it, and is not
/// made. What the child forks is not traced. Thread safety: in the thread that forked the child.
TracedRun run_with_failing_call(pid_t child, std::uint64_t which,
                                const std::function<int(const SystemCall&)>& error_for);

}  // namespace prong::tests

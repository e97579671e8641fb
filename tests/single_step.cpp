#include "single_step.hpp"

#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <stdexcept>
#include <string>
#include <system_error>

namespace prong::tests {
namespace {

// Returns the signal that a traced child has stopped with.
int wait_stopped(pid_t child) {
  int status = 0;
  while (::waitpid(child, &status, __WALL) < 0)
    if (errno != EINTR) throw std::system_error{errno, std::generic_category(), "waitpid"};
  if (!WIFSTOPPED(status))
    throw std::runtime_error{"the child ended while it was traced: status " + std::to_string(status)};
  return WSTOPSIG(status);
}

}  // namespace

void SingleStep::wait_for_tracer() {
  if (::ptrace(PTRACE_TRACEME, 0, nullptr, nullptr) != 0) ::_exit(99);
  ::raise(SIGSTOP);
}

SingleStep::SingleStep(pid_t child) : child_{child} {
  while (wait_stopped(child_) != SIGSTOP) ::ptrace(PTRACE_CONT, child_, nullptr, nullptr);
}

std::uint64_t SingleStep::run(std::uint64_t count, const std::function<bool()>& done) {
  for (std::uint64_t ran = 0; ran < count; ++ran) {
    if (done()) return ran;
    if (::ptrace(PTRACE_SINGLESTEP, child_, nullptr, nullptr) != 0)
      throw std::system_error{errno, std::generic_category(), "ptrace"};
    if (const int signal = wait_stopped(child_); signal != SIGTRAP)
      throw std::runtime_error{"the child was sent signal " + std::to_string(signal)};
  }
  return count;
}

}  // namespace prong::tests

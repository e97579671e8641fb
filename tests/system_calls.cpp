#include "system_calls.hpp"

#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/user.h>
#include <sys/wait.h>

#include <cerrno>
#include <csignal>
#include <map>
#include <system_error>

namespace prong::tests {
namespace {

int wait_for(pid_t child) {
  int status = 0;
  while (::waitpid(child, &status, __WALL) < 0)
    if (errno != EINTR) throw std::system_error{errno, std::generic_category(), "waitpid"};
  return status;
}

user_regs_struct registers_of(pid_t child) {
  user_regs_struct registers{};
  if (::ptrace(PTRACE_GETREGS, child, nullptr, &registers) != 0)
    throw std::system_error{errno, std::generic_category(), "ptrace"};
  return registers;
}

SystemCall call_of(const user_regs_struct& registers) {
  return {.number = static_cast<long>(registers.orig_rax),
          .arguments = {registers.rdi, registers.rsi, registers.rdx, registers.r10, registers.r8, registers.r9}};
}

}  // namespace

std::string name_of(const SystemCall& call) {
  static const std::map<long, const char*> names{{SYS_clone, "clone"},
                                                 {SYS_clone3, "clone3"},
                                                 {SYS_fork, "fork"},
                                                 {SYS_close, "close"},
                                                 {SYS_close_range, "close_range"},
                                                 {SYS_dup, "dup"},
                                                 {SYS_dup3, "dup3"},
                                                 {SYS_epoll_create1, "epoll_create1"},
                                                 {SYS_epoll_ctl, "epoll_ctl"},
                                                 {SYS_epoll_pwait2, "epoll_pwait2"},
                                                 {SYS_epoll_wait, "epoll_wait"},
                                                 {SYS_epoll_pwait, "epoll_pwait"},
                                                 {SYS_eventfd2, "eventfd2"},
                                                 {SYS_fcntl, "fcntl"},
                                                 {SYS_ftruncate, "ftruncate"},
                                                 {SYS_futex, "futex"},
                                                 {SYS_kill, "kill"},
                                                 {SYS_memfd_create, "memfd_create"},
                                                 {SYS_mmap, "mmap"},
                                                 {SYS_openat, "openat"},
                                                 {SYS_pidfd_open, "pidfd_open"},
                                                 {SYS_pidfd_send_signal, "pidfd_send_signal"},
                                                 {SYS_poll, "poll"},
                                                 {SYS_ppoll, "ppoll"},
                                                 {SYS_prctl, "prctl"},
                                                 {SYS_read, "read"},
                                                 {SYS_recvmsg, "recvmsg"},
                                                 {SYS_rt_sigaction, "rt_sigaction"},
                                                 {SYS_rt_sigprocmask, "rt_sigprocmask"},
                                                 {SYS_sendmsg, "sendmsg"},
                                                 {SYS_socketpair, "socketpair"},
                                                 {SYS_waitid, "waitid"},
                                                 {SYS_write, "write"},
                                                 {SYS_getdents64, "getdents64"}};
  const auto found = names.find(call.number);
  return found == names.end() ? "system call " + std::to_string(call.number) : found->second;
}

TracedRun run_with_failing_call(pid_t child, std::uint64_t which,
                                const std::function<int(const SystemCall&)>& error_for) {
  int status = wait_for(child);
  while (WIFSTOPPED(status) && WSTOPSIG(status) != SIGSTOP) {
    ::ptrace(PTRACE_CONT, child, nullptr, nullptr);
    status = wait_for(child);
  }
  ::ptrace(PTRACE_SETOPTIONS, child, nullptr, PTRACE_O_TRACESYSGOOD | PTRACE_O_EXITKILL);
  TracedRun run;
  bool entering = true;
  int error = 0;  // of the call that is being made
  int signal = 0;
  for (;;) {
    if (::ptrace(PTRACE_SYSCALL, child, nullptr, static_cast<long>(signal)) != 0 && errno != ESRCH)
      throw std::system_error{errno, std::generic_category(), "ptrace"};
    status = wait_for(child);
    if (WIFEXITED(status) || WIFSIGNALED(status)) break;
    signal = 0;
    if (WSTOPSIG(status) != (SIGTRAP | 0x80)) {
      signal = WSTOPSIG(status);
      continue;
    }
    user_regs_struct registers = registers_of(child);
    if (entering && !run.failed_one) {
      error = error_for(call_of(registers));
      if (error != 0 && run.calls++ == which) {
        run.failed_one = true;
        run.failed = call_of(registers);
        registers.orig_rax = ~0ULL;  // a call that there is not
        ::ptrace(PTRACE_SETREGS, child, nullptr, &registers);
      } else {
        error = 0;
      }
    } else if (!entering && error != 0) {
      registers.rax = static_cast<unsigned long long>(-error);
      ::ptrace(PTRACE_SETREGS, child, nullptr, &registers);
      error = 0;
    }
    entering = !entering;
  }
  run.exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  run.signal = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
  return run;
}

}  // namespace prong::tests

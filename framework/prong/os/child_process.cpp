#include "prong/os/child_process.hpp"

#include "prong/os/poll.hpp"
#include "prong/os/threads.hpp"

#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstring>
#include <exception>

namespace prong::os {
namespace {

// waitid(2) on a pidfd; glibc's headers of Debian 12 know P_PIDFD as an idtype_t.
Result<ExitStatus> reap(int pidfd) {
  siginfo_t info{};
  while (::waitid(P_PIDFD, static_cast<id_t>(pidfd), &info, WEXITED) != 0)
    if (errno != EINTR) return Error::from_errno("waitid");
  if (info.si_code == CLD_EXITED) return ExitStatus{.code = info.si_status, .signal = 0};
  return ExitStatus{.code = 0, .signal = info.si_status};
}

}  // namespace

std::string to_string(ExitStatus status) {
  if (status.signal == 0) return "exit code " + std::to_string(status.code);
  std::string text = "signal " + std::to_string(status.signal);
  if (const char* name = ::sigabbrev_np(status.signal); name != nullptr) text += std::string{" (SIG"} + name + ")";
  return text;
}

ChildProcess::ChildProcess(pid_t pid, UniqueFd pidfd) noexcept
    : pid_{pid}, owner_{::getpid()}, pidfd_{std::move(pidfd)} {}

ChildProcess& ChildProcess::operator=(ChildProcess&& other) noexcept {
  if (this != &other) {
    kill_and_reap();
    pid_ = other.pid_;
    owner_ = other.owner_;
    pidfd_ = std::move(other.pidfd_);
    status_ = other.status_;
  }
  return *this;
}

ChildProcess::~ChildProcess() {
  kill_and_reap();
}

void ChildProcess::kill_and_reap() noexcept {
  if (!exists() || owner_ != ::getpid()) return;
  ::syscall(SYS_pidfd_send_signal, pidfd_.get(), SIGKILL, nullptr, 0);
  if (const auto status = reap(pidfd_.get())) status_ = *status;
}

Result<ChildProcess> ChildProcess::fork(const std::function<int()>& main) {
  PRONG_TRY(require_single_thread("fork"));
  const pid_t pid = ::fork();
  if (pid < 0) return Error::from_errno("fork");
  if (pid == 0) {
    int code = 1;
    try {
      code = main();
    } catch (...) {
      // Whoever wants the exception reported catches it inside `main`: only code 1 can leave from here.
      code = 1;
    }
    ::_exit(code);
  }
  auto pidfd = open_pidfd(pid);
  if (!pidfd) {
    // Without its descriptor the child could not be watched: undo the fork. The pid is ours until it is reaped.
    ::kill(pid, SIGKILL);
    while (::waitpid(pid, nullptr, 0) < 0 && errno == EINTR) {
    }
    return std::move(pidfd).error();
  }
  return ChildProcess{pid, std::move(*pidfd)};
}

Result<void> ChildProcess::signal(int number) const {
  if (!pidfd_) return fail(Errc::not_started, "no process to signal");
  if (status_) return {};
  if (::syscall(SYS_pidfd_send_signal, pidfd_.get(), number, nullptr, 0) != 0 && errno != ESRCH)
    return Error::from_errno("pidfd_send_signal");
  return {};
}

Result<ExitStatus> ChildProcess::wait(Deadline deadline) {
  if (status_) return *status_;
  if (!pidfd_) return fail(Errc::not_started, "no process to wait for");
  PRONG_TRY(wait_readable(pidfd_.get(), deadline));
  PRONG_TRY_ASSIGN(status_, reap(pidfd_.get()));
  return *status_;
}

Result<UniqueFd> open_pidfd(pid_t pid) {
  const long descriptor = ::syscall(SYS_pidfd_open, pid, 0);
  if (descriptor < 0) return Error::from_errno("pidfd_open");
  return UniqueFd{static_cast<int>(descriptor)};
}

}  // namespace prong::os

#include "prong/os/child_process.hpp"

#include "prong/os/poll.hpp"
#include "prong/os/threads.hpp"

#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <fstream>
#include <sstream>

namespace prong::os {
namespace {

std::chrono::nanoseconds duration(const timeval& time) {
  return std::chrono::seconds{time.tv_sec} + std::chrono::microseconds{time.tv_usec};
}

}  // namespace

// The system call itself: glibc's waitid() leaves its last argument out.
Result<EndedProcess> reap(int pidfd) {
  siginfo_t info{};
  rusage used{};
  while (::syscall(SYS_waitid, P_PIDFD, pidfd, &info, WEXITED, &used) != 0)
    if (errno != EINTR) return Error::from_errno("waitid");
  EndedProcess reaped;
  if (info.si_code == CLD_EXITED)
    reaped.status.code = info.si_status;
  else
    reaped.status.signal = info.si_status;
  reaped.usage.cpu_time = duration(used.ru_utime) + duration(used.ru_stime);
  reaped.usage.memory_peak_bytes = static_cast<std::uint64_t>(used.ru_maxrss) * 1024;
  return reaped;
}

ResourceUsage usage_of(pid_t pid) {
  ResourceUsage usage;
  const std::string directory = "/proc/" + std::to_string(pid);
  std::ifstream stat{directory + "/stat"};
  std::string line;
  std::getline(stat, line);
  // The name in parentheses may hold anything; the fields behind it are numbers. Source: proc(5).
  std::istringstream fields{line.substr(std::min(line.size(), line.rfind(')') + 1))};
  std::string skipped;
  for (int field = 3; field < 14; ++field) fields >> skipped;
  long user = 0;
  long kernel = 0;
  fields >> user >> kernel;
  usage.cpu_time = std::chrono::nanoseconds{(user + kernel) * (1'000'000'000 / ::sysconf(_SC_CLK_TCK))};
  std::ifstream status{directory + "/status"};
  while (std::getline(status, line))
    if (line.rfind("VmHWM:", 0) == 0) usage.memory_peak_bytes = std::strtoull(line.c_str() + 6, nullptr, 10) * 1024;
  return usage;
}

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
    usage_ = other.usage_;
  }
  return *this;
}

ChildProcess::~ChildProcess() {
  kill_and_reap();
}

void ChildProcess::kill_and_reap() noexcept {
  if (!exists() || owner_ != ::getpid()) return;
  ::syscall(SYS_pidfd_send_signal, pidfd_.get(), SIGKILL, nullptr, 0);
  if (const auto reaped = reap(pidfd_.get())) status_ = reaped->status;
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
  PRONG_TRY_ASSIGN(const EndedProcess reaped, reap(pidfd_.get()));
  status_ = reaped.status;
  usage_ = reaped.usage;
  return *status_;
}

ResourceUsage ChildProcess::usage() const {
  return exists() ? usage_of(pid_) : usage_;
}

Result<UniqueFd> open_pidfd(pid_t pid) {
  const long descriptor = ::syscall(SYS_pidfd_open, pid, 0);
  if (descriptor < 0) return Error::from_errno("pidfd_open");
  return UniqueFd{static_cast<int>(descriptor)};
}

}  // namespace prong::os

// Making a process, noticing its end and learning how it ended.
#pragma once

#include "prong/base/deadline.hpp"
#include "prong/os/unique_fd.hpp"

#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>

namespace prong::os {

/// How a process ended.
struct ExitStatus {
  int code = 0;    ///< The exit code; 0 when `signal` is not 0.
  int signal = 0;  ///< The signal that ended it, or 0.

  [[nodiscard]] bool success() const noexcept { return code == 0 && signal == 0; }
};

/// What a process used in its life, or so far.
struct ResourceUsage {
  std::chrono::nanoseconds cpu_time{0};  ///< User and system time.
  std::uint64_t memory_peak_bytes = 0;   ///< Resident memory at its largest.
};

/// How a process ended and what it used.
struct EndedProcess {
  ExitStatus status;
  ResourceUsage usage;
};

/// Returns "exit code 3" or "signal 9 (SIGKILL)".
[[nodiscard]] std::string to_string(ExitStatus status);

/// A child of this process and the one duty to reap it.
///
/// Its end is an event: the descriptor becomes readable and stays so. Uses the pidfd alone, so a recycled pid is
/// never signalled.
/// Thread safety: as an int, except that signal() may be called from any thread while the object lives.
/// After fork: the forked child's copy does nothing in its destructor.
class ChildProcess {
 public:
  ChildProcess() noexcept = default;
  ChildProcess(ChildProcess&&) noexcept = default;
  ChildProcess& operator=(ChildProcess&&) noexcept;
  /// Kills and reaps a child that is still there.
  ~ChildProcess();

  /// Forks a child that runs `main` and leaves by _exit with what it returns; an exception leaves with 1.
  ///
  /// Requires: this process has one thread. The child runs no destructor and no atexit handler of its parent.
  /// Fails with: threads_exist, naming the other threads; system.
  [[nodiscard]] static Result<ChildProcess> fork(const std::function<int()>& main);

  [[nodiscard]] pid_t pid() const noexcept { return pid_; }
  /// Returns the pidfd: readable from the moment the child has ended.
  [[nodiscard]] int descriptor() const noexcept { return pidfd_.get(); }
  /// Tells whether there is a child that has not been reaped.
  [[nodiscard]] bool exists() const noexcept { return static_cast<bool>(pidfd_) && !status_; }

  /// Sends `number`; a child that has ended is no error. Fails with: system.
  Result<void> signal(int number) const;
  /// Waits for the end and reaps; later calls return the same status.
  /// Fails with: deadline_exceeded, not_started, system.
  [[nodiscard]] Result<ExitStatus> wait(Deadline deadline);
  /// Returns what the child used: so far while it lives, in all once it was waited for.
  [[nodiscard]] ResourceUsage usage() const;

 private:
  ChildProcess(pid_t pid, UniqueFd pidfd) noexcept;
  void kill_and_reap() noexcept;

  pid_t pid_ = 0;
  pid_t owner_ = 0;
  UniqueFd pidfd_;
  std::optional<ExitStatus> status_;
  ResourceUsage usage_;
};

/// Returns a descriptor that is readable once process `pid` has ended. Fails with: system.
[[nodiscard]] Result<UniqueFd> open_pidfd(pid_t pid);

/// Waits for the end of a child and reaps it. Fails with: system. Source: waitid(2), P_PIDFD.
[[nodiscard]] Result<EndedProcess> reap(int pidfd);

/// Returns what a living process has used so far; nothing of one that is gone. Source: proc(5), stat and status.
[[nodiscard]] ResourceUsage usage_of(pid_t pid);

}  // namespace prong::os

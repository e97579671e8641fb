// A process that the fork server started for this program.
#pragma once

#include "prong/os/child_process.hpp"
#include "prong/transport/descriptor_socket.hpp"

namespace prong {

/// A child of the fork server: to this program as if it were a child of its own.
///
/// Its end is told on descriptor() after the fork server has reaped it and ended whatever it had started.
/// Thread safety: as an int, except that signal() may be called from any thread while the object lives.
/// If the fork server dies: the kernel kills its children; wait() returns SIGKILL.
/// After fork: the forked child's copy does nothing.
class ServedProcess {
 public:
  ServedProcess() noexcept = default;
  ServedProcess(ServedProcess&&) noexcept = default;
  ServedProcess& operator=(ServedProcess&&) noexcept = default;
  /// Has the process killed, with all that it started, if it still runs. Blocks: never.
  ~ServedProcess() = default;

  [[nodiscard]] pid_t pid() const noexcept { return pid_; }
  /// Returns the descriptor that is readable from the moment the process has ended and was reaped.
  [[nodiscard]] int descriptor() const noexcept { return lifeline_.descriptor(); }
  /// Sends `number`; a process that has ended is no error. Fails with: system.
  Result<void> signal(int number) const;
  /// Waits for the end; later calls return the same. Fails with: deadline_exceeded, not_started, system.
  [[nodiscard]] Result<os::ExitStatus> wait(Deadline deadline);
  /// Tells whether the process ended because the fork server died. Requires: wait() came before.
  [[nodiscard]] bool server_died() const noexcept { return server_died_; }
  /// Returns what the process used: so far while it lives, in all once it was waited for.
  [[nodiscard]] os::ResourceUsage usage() const;

 private:
  friend class ForkServer;
  ServedProcess(pid_t pid, os::UniqueFd pidfd, transport::DescriptorSocket lifeline) noexcept
      : pid_{pid}, pidfd_{std::move(pidfd)}, lifeline_{std::move(lifeline)} {}

  pid_t pid_ = 0;
  os::UniqueFd pidfd_;
  transport::DescriptorSocket lifeline_;  // the fork server kills the process when this end is closed
  std::optional<os::EndedProcess> ended_;
  bool server_died_ = false;
};

}  // namespace prong

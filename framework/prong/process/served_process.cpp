#include "prong/process/served_process.hpp"

#include "prong/os/poll.hpp"
#include "prong/process/detail/fork_protocol.hpp"

#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>

namespace prong {

Result<void> ServedProcess::signal(int number) const {
  if (!pidfd_) return fail(Errc::not_started, "no process to signal");
  if (::syscall(SYS_pidfd_send_signal, pidfd_.get(), number, nullptr, 0) != 0 && errno != ESRCH)
    return Error::from_errno("pidfd_send_signal");
  return {};
}

Result<os::ExitStatus> ServedProcess::wait(Deadline deadline) {
  if (ended_) return ended_->status;
  if (!pidfd_) return fail(Errc::not_started, "no process to wait for");
  auto packet = lifeline_.receive(deadline);
  if (packet) {
    PRONG_TRY_ASSIGN(const auto report, detail::message_in<detail::LifeReport>(packet->bytes));
    ended_ = os::EndedProcess{.status = {.code = report.exit_code, .signal = report.signal},
                              .usage = {.cpu_time = std::chrono::nanoseconds{report.cpu_nanoseconds},
                                        .memory_peak_bytes = report.memory_peak_bytes}};
    // The end was told by a packet that is taken now: the descriptor goes on telling it.
    lifeline_.end_receiving();
  } else if (packet.error().code() == Errc::closed) {
    // The fork server died, and the kernel kills its children for it. Nobody can be asked how exactly.
    PRONG_TRY(os::wait_readable(pidfd_.get(), deadline));
    ended_ = os::EndedProcess{.status = {.code = 0, .signal = SIGKILL}, .usage = {}};
    server_died_ = true;
  } else {
    return std::move(packet).error();
  }
  return ended_->status;
}

os::ResourceUsage ServedProcess::usage() const {
  if (ended_) return ended_->usage;
  return pidfd_ ? os::usage_of(pid_) : os::ResourceUsage{};
}

}  // namespace prong

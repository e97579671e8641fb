// A process as the child of a supervisor.
#pragma once

#include "prong/loop/event_loop.hpp"
#include "prong/process/message_process.hpp"
#include "prong/supervise/supervised_child.hpp"

#include <cstdint>

namespace prong {

/// Starts a MessageProcess, and restarts it when it has ended.
///
/// Ready is a backend whose pre_run() has returned, alive one whose command loop answers. A stop is the process's
/// request_stop(), SIGTERM shortly before the deadline, and SIGKILL at it.
/// Thread safety: the loop's thread.
class SupervisedProcess final : public SupervisedChild {
 public:
  /// Requires: both outlive it.
  SupervisedProcess(MessageProcess& process, loop::EventLoop& loop) noexcept : process_{process}, loop_{loop} {}
  /// Leaves the process as it is; the loop does not receive for it any more.
  ~SupervisedProcess() override;

  /// Blocks: until the process is forked, 5 s at most. Fails with: as MessageProcess::start() and restart().
  [[nodiscard]] Result<void> start(ChildReport report) override;
  void ask_ready() override;
  void ping(Time deadline) override;
  void request_stop(Time deadline) override;
  void kill() override;
  [[nodiscard]] ChildUsage usage() override;

 private:
  void observe();
  void forget_term() noexcept;

  MessageProcess& process_;
  loop::EventLoop& loop_;
  ChildReport report_;
  std::uint64_t sent_before_ = 0;
  loop::TimerId term_ = 0;
  bool attached_ = false;
};

}  // namespace prong

// A supervisor for programs that have no event loop.
#pragma once

#include "prong/loop/event_loop.hpp"
#include "prong/supervise/supervisor.hpp"

#include <functional>
#include <memory>
#include <thread>

namespace prong {

class ForkServer;

/// Runs a supervisor in a thread of its own, named "prong-supervise": the one thread that Prong starts for it.
///
/// Handlers of the supervisor, and continuations of calls to the processes that it looks after, run in that thread.
/// Thread safety: one thread, but run_there() from any.
class SupervisorThread {
 public:
  /// Throws Exception (system).
  explicit SupervisorThread(SupervisorSpec spec);
  /// Stops what still runs: asks, waits a second, then kills.
  ~SupervisorThread();
  SupervisorThread(const SupervisorThread&) = delete;
  SupervisorThread& operator=(const SupervisorThread&) = delete;

  /// Returns the supervisor, to add children and handlers. Requires: the thread does not run; then use run_there().
  [[nodiscard]] Supervisor& supervisor() noexcept { return supervisor_; }

  /// Starts the thread and the children, and waits until they are ready.
  ///
  /// Processes are forked by the fork server; if there is none, and the program has one thread, one is made here.
  /// Fails with: already_started, deadline_exceeded, invalid_argument, why the supervisor gave up. Then nothing runs.
  [[nodiscard]] Result<void> start(Deadline deadline);
  /// Runs `work` in the thread and waits until it has run. Requires: started.
  void run_there(const std::function<void(Supervisor&)>& work);
  /// Stops the children and the thread. Fails with: deadline_exceeded if some had to be killed.
  Result<void> stop(Deadline deadline);

 private:
  void make_fork_server();

  std::unique_ptr<loop::EventLoop> loop_;
  Supervisor supervisor_;
  std::unique_ptr<ForkServer> fork_server_;
  std::thread thread_;
  Deadline stop_until_ = Deadline::now();
  Result<void> stopped_;
};

}  // namespace prong

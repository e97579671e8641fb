// Keeps children running, as a policy says.
#pragma once

#include "prong/log/logger.hpp"
#include "prong/supervise/clock.hpp"
#include "prong/supervise/decision.hpp"
#include "prong/supervise/supervised_child.hpp"

#include <deque>
#include <functional>
#include <memory>
#include <string_view>
#include <vector>

namespace prong {

class MessageProcess;

namespace loop {
class EventLoop;
}

/// Starts children, notices when they end or hang, and restarts them until its policy says that this is enough.
///
/// What it decides is supervise::decide(), a pure function; this class carries it out. A supervisor is itself a child
/// that another one can look after: when it gives up, that is its death, with the cause. It has no thread: everything
/// happens in the thread that runs its loop. See docs/guides/supervision.md.
/// Thread safety: all members in the thread that runs the loop.
class Supervisor final : public SupervisedChild {
 public:
  /// Looks after nobody yet. Requires: `loop` outlives it.
  Supervisor(SupervisorSpec spec, loop::EventLoop& loop);
  /// As above with another clock, for tests without waiting. Requires: `clock` outlives it.
  Supervisor(SupervisorSpec spec, supervise::Clock& clock);
  /// Kills what still runs, without waiting for it. Requires: not called in its own handlers.
  ~Supervisor() override;
  Supervisor(const Supervisor&) = delete;
  Supervisor& operator=(const Supervisor&) = delete;

  /// Adds a child behind those there are. Requires: not running; `child` outlives this supervisor.
  void add(ChildSpec spec, SupervisedChild& child);
  /// Adds a process, under its own name if `spec` has none. The loop receives for it from its start on.
  ///
  /// A process that runs already is looked after as it is; one that was not started, or has ended, is started.
  /// Requires: as above, and a supervisor with a loop.
  void add(MessageProcess& process, ChildSpec spec = {});

  /// Calls `handler` for each event of its own children, after it was logged. The handler may stop the supervisor, not
  /// destroy it; what it throws is logged.
  void on_event(std::function<void(const SupervisionEvent&)> handler) { on_event_ = std::move(handler); }
  /// Calls `handler` each time the supervisor has ended: in order, or because it gave up. No child is there then.
  void on_end(std::function<void(const Result<void>&)> handler) { on_end_ = std::move(handler); }

  /// Starts the children; again, too, after it has ended. Fails with: invalid_argument if validate() refuses the
  /// policy, already_started while it runs.
  [[nodiscard]] Result<void> start();
  /// Asks all children to stop, in reverse order, and ends when they are gone. Blocks: never.
  void request_stop();
  /// Runs the loop until each child was ready once, or has finished. Fails with: deadline_exceeded, not_started, why it
  /// gave up. Requires: a loop, and not called in a handler of it.
  [[nodiscard]] Result<void> wait_ready(Deadline deadline);
  /// Stops in order and runs the loop until no child is there; kills all that still are at the deadline.
  ///
  /// Fails with: deadline_exceeded if some had to be killed. Success if it does not run. Requires: as wait_ready().
  Result<void> stop(Deadline deadline);

  // As a child of another supervisor, on the same loop.
  [[nodiscard]] Result<void> start(ChildReport report) override;
  void ask_ready() override;
  void ping(Time deadline) override;
  void request_stop(Time deadline) override;
  void kill() override;
  [[nodiscard]] ChildUsage usage() override;

  [[nodiscard]] const std::string& name() const noexcept { return policy_.supervisor.name; }
  /// Tells whether there is a process among its own children.
  [[nodiscard]] bool looks_after_processes() const noexcept { return looks_after_processes_; }
  /// Tells whether it has been started and has not ended.
  [[nodiscard]] bool running() const noexcept { return state_.mode != supervise::Mode::stopped; }
  /// Tells whether, since its start, each child was ready once or has finished.
  [[nodiscard]] bool ready() const noexcept { return state_.ready; }
  /// Returns where a child is in its life. Requires: there is one of this name.
  [[nodiscard]] supervise::ChildState state_of(std::string_view child) const;
  /// Returns how often a child was started. Requires: as above.
  [[nodiscard]] std::uint64_t incarnation_of(std::string_view child) const;
  /// Returns how it ended the last time: in order, or why it gave up.
  [[nodiscard]] const Result<void>& outcome() const noexcept { return outcome_; }

 private:
  friend class ChildReport;
  Supervisor(SupervisorSpec spec, loop::EventLoop* loop, std::unique_ptr<supervise::Clock> own_clock,
             supervise::Clock* clock);
  void told(std::size_t child, std::uint64_t incarnation, supervise::ChildEvent what, const Result<void>& how);
  void handle(supervise::Event event);
  void run(const supervise::Action& action);
  void start_child(const supervise::Action& action);
  void tell(const SupervisionEvent& event);
  void end(const std::optional<Error>& failure);
  void set_timer(supervise::Time when);
  template <class Work>
  void guard(const char* what, Work&& work) noexcept;
  Result<void> run_loop_until(const std::function<bool()>& done, Deadline deadline);
  [[nodiscard]] std::size_t index_of(std::string_view child) const;

  loop::EventLoop* const loop_;
  const std::unique_ptr<supervise::Clock> own_clock_;
  supervise::Clock& clock_;
  Logger logger_;
  supervise::Policy policy_;
  supervise::State state_;
  std::vector<SupervisedChild*> children_;
  std::vector<std::unique_ptr<SupervisedChild>> owned_;
  std::shared_ptr<ChildReport::Address> address_;
  ChildReport parent_;
  std::function<void(const SupervisionEvent&)> on_event_;
  std::function<void(const Result<void>&)> on_end_;
  Result<void> outcome_;
  bool was_ready_ = false;
  bool looks_after_processes_ = false;

  std::deque<supervise::Event> events_;
  bool handling_ = false;
  std::optional<std::size_t> starting_;  // the child whose start() runs now
  std::vector<supervise::Event> early_;  // what that has reported
  supervise::Time wake_at_ = supervise::never;
  supervise::Clock::TimerId timer_ = 0;
};

}  // namespace prong

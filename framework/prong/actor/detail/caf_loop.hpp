// CAF's scheduler on an event loop: one thread for all actors of a system, and none of CAF's own.
//
// The one file that knows how CAF 0.17 schedules; another version of CAF needs another one.
#pragma once

#include "prong/loop/event_loop.hpp"

#include <caf/actor_system.hpp>
#include <caf/actor_system_config.hpp>
#include <caf/detail/simple_actor_clock.hpp>
#include <caf/execution_unit.hpp>
#include <caf/resumable.hpp>
#include <caf/scheduler/abstract_coordinator.hpp>

#include <deque>
#include <mutex>
#include <thread>

namespace prong::actor::detail {

/// Resumes actors in the loop's thread, in the order in which they became ready.
class LoopUnit final : public caf::execution_unit, private loop::Source {
 public:
  LoopUnit(caf::actor_system& system, loop::EventLoop& loop);
  ~LoopUnit() override;

  /// Thread safety: any thread. Takes over the reference that the caller added.
  void exec_later(caf::resumable* actor) override;
  /// Resumes what is ready, up to a bound; tells whether there was anything.
  bool work() override;
  /// Releases what is ready without resuming it.
  void discard() noexcept;

  [[nodiscard]] loop::EventLoop& loop() noexcept { return loop_; }
  [[nodiscard]] bool in_loop() const noexcept { return std::this_thread::get_id() == thread_; }

 private:
  [[nodiscard]] bool prepare_sleep() override { return ready_.empty(); }
  void finish_sleep() override {}

  loop::EventLoop& loop_;
  std::thread::id thread_ = std::this_thread::get_id();
  std::deque<caf::resumable*> ready_;
};

/// CAF's clock on the loop's timers.
class LoopClock final : public caf::detail::simple_actor_clock {
 public:
  explicit LoopClock(LoopUnit& unit) noexcept : unit_{unit} {}
  ~LoopClock() override;

  void set_ordinary_timeout(time_point when, caf::abstract_actor* self, caf::atom_value type,
                            std::uint64_t id) override;
  void set_multi_timeout(time_point when, caf::abstract_actor* self, caf::atom_value type, std::uint64_t id) override;
  void set_request_timeout(time_point when, caf::abstract_actor* self, caf::message_id id) override;
  void cancel_ordinary_timeout(caf::abstract_actor* self, caf::atom_value type) override;
  void cancel_request_timeout(caf::abstract_actor* self, caf::message_id id) override;
  void cancel_timeouts(caf::abstract_actor* self) override;
  void schedule_message(time_point when, caf::strong_actor_ptr receiver, caf::mailbox_element_ptr content) override;
  void schedule_message(time_point when, caf::group target, caf::strong_actor_ptr sender,
                        caf::message content) override;
  void cancel_all() override;

 private:
  void arm();
  void trigger();

  LoopUnit& unit_;
  std::recursive_mutex mutex_;  // detached actors have threads of their own and use the clock from there
  loop::TimerId timer_ = 0;
};

/// The scheduler module of an actor system that lives on a loop.
class LoopCoordinator final : public caf::scheduler::abstract_coordinator {
 public:
  LoopCoordinator(caf::actor_system& system, loop::EventLoop& loop);
  ~LoopCoordinator() override;

  void enqueue(caf::resumable* what) override { unit_.exec_later(what); }
  caf::actor_clock& clock() noexcept override { return clock_; }
  bool detaches_utility_actors() const override { return false; }
  void start() override;
  void stop() override;

  [[nodiscard]] LoopUnit& unit() noexcept { return unit_; }

 private:
  LoopUnit unit_;
  LoopClock clock_;
};

/// Makes `config` build its system on `loop`. Requires: `loop` outlives the system.
void use_loop(caf::actor_system_config& config, loop::EventLoop& loop);

}  // namespace prong::actor::detail

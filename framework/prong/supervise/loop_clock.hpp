// The machine's monotonic clock, with the timers of an event loop.
#pragma once

#include "prong/loop/event_loop.hpp"
#include "prong/supervise/clock.hpp"

namespace prong::supervise {

/// Calls back in the thread that runs the loop.
class LoopClock final : public Clock {
 public:
  /// Requires: `loop` outlives the clock.
  explicit LoopClock(loop::EventLoop& loop) noexcept : loop_{loop} {}

  [[nodiscard]] Time now() const override { return Deadline::Clock::now(); }
  TimerId add_timer(Time when, std::function<void()> handler) override {
    return loop_.add_timer(Deadline::at(when), std::move(handler));
  }
  void cancel_timer(TimerId id) noexcept override { loop_.cancel_timer(id); }

 private:
  loop::EventLoop& loop_;
};

}  // namespace prong::supervise

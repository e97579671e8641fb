// A clock that a test moves by hand.
#pragma once

#include "prong/supervise/clock.hpp"

#include <map>
#include <utility>

namespace prong::testing {

/// Stands still until advance() moves it, and runs the timers that it passes, each at its own time.
///
/// Thread safety: one thread.
class ManualClock final : public supervise::Clock {
 public:
  [[nodiscard]] Time now() const override { return now_; }
  TimerId add_timer(Time when, std::function<void()> handler) override;
  void cancel_timer(TimerId id) noexcept override;

  /// Moves the time, and runs the timers due by then in their order; those that they set, too.
  void advance(std::chrono::nanoseconds duration);
  /// Moves the time to the next timer and runs it. Returns false if there is none.
  bool advance_to_next_timer();

 private:
  Time now_ = Time{} + std::chrono::hours{1};
  TimerId last_ = 0;
  std::map<std::pair<Time, TimerId>, std::function<void()>> timers_;
};

}  // namespace prong::testing

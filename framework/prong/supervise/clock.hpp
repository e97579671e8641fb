// Where a supervisor gets its time from.
#pragma once

#include "prong/base/deadline.hpp"

#include <cstdint>
#include <functional>

namespace prong::supervise {

/// A clock that also calls back. testing::ManualClock is one that a test moves by hand.
///
/// Thread safety: one thread.
class Clock {
 public:
  using Time = Deadline::Clock::time_point;
  using TimerId = std::uint64_t;

  virtual ~Clock() = default;
  [[nodiscard]] virtual Time now() const = 0;
  /// Calls `handler` once, at `when` or soon after. Returns an id that is not 0.
  virtual TimerId add_timer(Time when, std::function<void()> handler) = 0;
  /// Forgets a timer; one that has run or was cancelled is no error.
  virtual void cancel_timer(TimerId id) noexcept = 0;
};

}  // namespace prong::supervise

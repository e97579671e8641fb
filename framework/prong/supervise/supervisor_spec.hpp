// What a supervisor does about the ends of its children, as plain data.
#pragma once

#include "prong/base/result.hpp"
#include "prong/supervise/child_spec.hpp"

#include <span>

namespace prong {

/// Which children are restarted when one is. Source: OTP, supervisor(3), "Restart strategies".
enum class Strategy : std::uint8_t {
  one_for_one,   ///< That one.
  one_for_all,   ///< All.
  rest_for_one,  ///< That one and those after it.
};

/// How several children are started and stopped.
enum class Order : std::uint8_t {
  in_turn,   ///< Started in their order, each when the one before is ready; stopped in reverse, each when the one after
             ///< is gone.
  together,  ///< Started in their order without waiting; stopped in reverse without waiting.
};

/// Whether the supervisor ends, in order, when significant children have ended for good. Source: OTP, `auto_shutdown`.
enum class AutoShutdown : std::uint8_t { never, any_significant, all_significant };

/// How long a failed child waits before it is started again.
///
/// The nth failure in a row waits initial * factor^(n-1), but max at most. A child that was ready for a whole period
/// of the supervisor begins again with the first.
struct Backoff {
  std::chrono::nanoseconds initial = std::chrono::milliseconds{50};
  double factor = 2.0;
  std::chrono::nanoseconds max = std::chrono::seconds{5};
  /// What part of each wait is left to chance, 0 to 1, so that not all come back at the same moment. It only shortens.
  double jitter = 0.1;
};

/// A supervisor's policy. More than `intensity` restarts within `period`, and it gives up.
struct SupervisorSpec {
  std::string name = "supervisor";
  Strategy strategy = Strategy::one_for_one;
  /// Restarts after a failure; those of a whole group count as one, recycling does not count.
  unsigned intensity = 5;
  std::chrono::nanoseconds period = std::chrono::seconds{10};
  Backoff backoff = {};
  Order order = Order::in_turn;
  AutoShutdown auto_shutdown = AutoShutdown::never;
};

/// Checks a policy. Fails with: invalid_argument, naming the supervisor, the child and the field.
[[nodiscard]] Result<void> validate(const SupervisorSpec& supervisor, std::span<const ChildSpec> children);

}  // namespace prong

// When a wait ends.
#pragma once

#include <chrono>
#include <compare>
#include <cstdint>

namespace prong {

/// A point on the monotonic clock after which a wait ends.
///
/// "For ever" must be spelt: Deadline::never(). A Deadline that has passed means "do not wait", everywhere.
/// The clock is the same in every process of one machine, so a Deadline may travel.
/// Thread safety: a value.
class Deadline {
 public:
  using Clock = std::chrono::steady_clock;
  using Duration = std::chrono::nanoseconds;

  /// Ends the wait `duration` from now; zero or less does not wait.
  [[nodiscard]] static Deadline after(Duration duration) noexcept;
  [[nodiscard]] static constexpr Deadline at(Clock::time_point time) noexcept {
    return Deadline{time.time_since_epoch().count()};
  }
  /// Does not wait.
  [[nodiscard]] static constexpr Deadline now() noexcept { return Deadline{0}; }
  /// Waits as long as it takes.
  [[nodiscard]] static constexpr Deadline never() noexcept { return Deadline{forever}; }
  /// Rebuilds a Deadline from nanoseconds() of this or another process.
  [[nodiscard]] static constexpr Deadline from_nanoseconds(std::int64_t nanoseconds) noexcept {
    return Deadline{nanoseconds};
  }

  [[nodiscard]] constexpr bool is_never() const noexcept { return nanoseconds_ == forever; }
  [[nodiscard]] bool has_passed() const noexcept;
  /// Returns the time left, never less than zero; the largest Duration for never().
  [[nodiscard]] Duration remaining() const noexcept;
  /// Returns the time left in whole milliseconds, rounded up, as poll(2) takes it: -1 for never().
  [[nodiscard]] int poll_milliseconds() const noexcept;
  /// Units: nanoseconds on CLOCK_MONOTONIC.
  [[nodiscard]] constexpr std::int64_t nanoseconds() const noexcept { return nanoseconds_; }

  /// Returns the earlier of the two.
  [[nodiscard]] static constexpr Deadline earlier(Deadline a, Deadline b) noexcept {
    return a.nanoseconds_ < b.nanoseconds_ ? a : b;
  }

  friend constexpr auto operator<=>(Deadline, Deadline) = default;

 private:
  static constexpr std::int64_t forever = INT64_MAX;
  constexpr explicit Deadline(std::int64_t nanoseconds) noexcept : nanoseconds_{nanoseconds} {}

  std::int64_t nanoseconds_;
};

}  // namespace prong

#include "prong/base/deadline.hpp"

#include <climits>

namespace prong {
namespace {

std::int64_t clock_nanoseconds() noexcept {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(Deadline::Clock::now().time_since_epoch()).count();
}

}  // namespace

Deadline Deadline::after(Duration duration) noexcept {
  if (duration.count() <= 0) return now();
  std::int64_t sum = 0;
  if (__builtin_add_overflow(clock_nanoseconds(), static_cast<std::int64_t>(duration.count()), &sum)) return never();
  return Deadline{sum};
}

bool Deadline::has_passed() const noexcept {
  return !is_never() && clock_nanoseconds() >= nanoseconds_;
}

Deadline::Duration Deadline::remaining() const noexcept {
  if (is_never()) return Duration::max();
  const std::int64_t left = nanoseconds_ - clock_nanoseconds();
  return Duration{left > 0 ? left : 0};
}

int Deadline::poll_milliseconds() const noexcept {
  if (is_never()) return -1;
  const std::int64_t left = remaining().count();
  const std::int64_t milliseconds = left / 1'000'000 + (left % 1'000'000 != 0 ? 1 : 0);
  return milliseconds > INT_MAX ? INT_MAX : static_cast<int>(milliseconds);
}

}  // namespace prong

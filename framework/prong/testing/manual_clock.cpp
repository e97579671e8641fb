#include "prong/testing/manual_clock.hpp"

#include <algorithm>

namespace prong::testing {

ManualClock::TimerId ManualClock::add_timer(Time when, std::function<void()> handler) {
  timers_.emplace(std::pair{when, ++last_}, std::move(handler));
  return last_;
}

void ManualClock::cancel_timer(TimerId id) noexcept {
  const auto found =
      std::find_if(timers_.begin(), timers_.end(), [&](const auto& timer) { return timer.first.second == id; });
  if (found != timers_.end()) timers_.erase(found);
}

void ManualClock::advance(std::chrono::nanoseconds duration) {
  const Time end = now_ + duration;
  while (!timers_.empty() && timers_.begin()->first.first <= end) advance_to_next_timer();
  now_ = end;
}

bool ManualClock::advance_to_next_timer() {
  if (timers_.empty()) return false;
  const auto first = timers_.begin();
  now_ = std::max(now_, first->first.first);
  const auto handler = std::move(first->second);
  timers_.erase(first);
  handler();
  return true;
}

}  // namespace prong::testing

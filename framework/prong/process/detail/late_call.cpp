#include "prong/process/detail/late_call.hpp"

#include <csignal>

namespace prong::detail {

void LateCall::begin(RequestNumber call) {
  const std::lock_guard lock{mutex_};
  if (step_ != Step::none) return;
  step_ = Step::look;
  call_ = call;
  at_ = Deadline::after(grace_);
}

void LateCall::forget() {
  const std::lock_guard lock{mutex_};
  step_ = Step::none;
  at_ = Deadline::never();
}

int LateCall::take_step(const Backend& backend) {
  if (step_ == Step::kill) {
    step_ = Step::none;
    at_ = Deadline::never();
    return SIGKILL;
  }
  const auto running = backend.running();
  if (!running) {
    step_ = Step::none;
    at_ = Deadline::never();
    return 0;
  }
  at_ = Deadline::after(grace_);
  // Another one runs: the next, or one that the late handler runs while it waits. Then it is still to be looked at.
  if (*running != call_.value()) return 0;
  step_ = Step::kill;
  return SIGTERM;
}

Deadline LateCall::act(const Backend& backend) {
  int signal = 0;
  {
    const std::lock_guard lock{mutex_};
    if (step_ == Step::none || !at_.has_passed()) return at_;
    signal = take_step(backend);
  }
  // It may take its time: the stacks are copied first.
  if (signal != 0) backend.end(signal);
  const std::lock_guard lock{mutex_};
  return at_;
}

}  // namespace prong::detail

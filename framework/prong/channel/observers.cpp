#include "prong/channel/observers.hpp"

#include <utility>

namespace prong::channel {

void Observers::add(std::function<void()> callback) {
  const std::lock_guard lock{mutex_};
  callbacks_.push_back(std::move(callback));
}

void Observers::tell() noexcept {
  std::vector<std::function<void()>> callbacks;
  {
    const std::lock_guard lock{mutex_};
    callbacks.swap(callbacks_);
    if (event_ && !std::exchange(readable_, true)) event_->set();
  }
  for (const auto& callback : callbacks) callback();
}

Result<int> Observers::descriptor() {
  const std::lock_guard lock{mutex_};
  if (!event_) {
    PRONG_TRY_ASSIGN(event_, os::EventFd::create());
    has_descriptor_.store(true, std::memory_order_release);
  }
  return event_->descriptor();
}

bool Observers::silence_descriptor() noexcept {
  const std::lock_guard lock{mutex_};
  if (!readable_) return false;
  readable_ = false;
  event_->clear();
  return true;
}

}  // namespace prong::channel

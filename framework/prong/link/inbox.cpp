#include "prong/link/inbox.hpp"

#include <utility>

namespace prong::link {

Result<void> Inbox::push(std::vector<std::byte> payload) {
  const std::lock_guard lock{mutex_};
  if (used_ + cost(payload.size()) > window_) return fail(Errc::bad_message, "the backend sent more than its window");
  used_ += cost(payload.size());
  messages_.push_back(std::move(payload));
  if (event_ != nullptr && messages_.size() == 1) event_->set();
  return {};
}

std::optional<Inbox::Message> Inbox::pop() {
  const std::lock_guard lock{mutex_};
  if (messages_.empty()) return std::nullopt;
  return pop_locked();
}

Inbox::Message Inbox::pop_locked() {
  Message message{std::move(messages_.front()), 0};
  messages_.pop_front();
  if (former_ > 0) {
    --former_;
    former_used_ -= cost(message.payload.size());
  } else {
    message.cost = cost(message.payload.size());
    used_ -= message.cost;
  }
  if (event_ != nullptr && messages_.empty()) event_->clear();
  return message;
}

std::size_t Inbox::renew() {
  const std::lock_guard lock{mutex_};
  former_ = messages_.size();
  former_used_ += std::exchange(used_, 0);
  std::size_t dropped = 0;
  for (; former_used_ > window_; ++dropped) static_cast<void>(pop_locked());
  return dropped;
}

bool Inbox::empty() const {
  const std::lock_guard lock{mutex_};
  return messages_.empty();
}

void Inbox::signal(const os::EventFd& event) {
  const std::lock_guard lock{mutex_};
  event_ = &event;
  if (!messages_.empty()) event.set();
}

}  // namespace prong::link

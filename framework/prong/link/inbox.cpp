#include "prong/link/inbox.hpp"

namespace prong::link {

Result<void> Inbox::push(std::vector<std::byte> payload) {
  const std::lock_guard lock{mutex_};
  if (used_ + cost(payload.size()) > window_) return fail(Errc::bad_message, "the backend sent more than its window");
  used_ += cost(payload.size());
  messages_.push_back(std::move(payload));
  if (event_ != nullptr && messages_.size() == 1) event_->set();
  return {};
}

std::optional<std::vector<std::byte>> Inbox::pop() {
  const std::lock_guard lock{mutex_};
  if (messages_.empty()) return std::nullopt;
  std::vector<std::byte> payload = std::move(messages_.front());
  messages_.pop_front();
  used_ -= cost(payload.size());
  if (event_ != nullptr && messages_.empty()) event_->clear();
  return payload;
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

#include "prong/reply/pending_replies.hpp"

namespace prong {

bool PendingReplies::try_add(const ReplyReference& reply) {
  const std::lock_guard lock{mutex_};
  if (free_.empty()) {
    if (slots_.size() >= limit_) return false;
    free_.reserve(slots_.size() + 1);  // all of them fit, so that giving one back cannot fail
    slots_.emplace_back();
    free_.push_back(static_cast<std::uint32_t>(slots_.size() - 1));
  }
  const std::uint32_t index = free_.back();
  free_.pop_back();
  Slot& slot = slots_[index];
  reply->set_request(RequestNumber{index, ++slot.generation});
  slot.reply = reply;
  return true;
}

bool PendingReplies::has_room() const {
  const std::lock_guard lock{mutex_};
  return !free_.empty() || slots_.size() < limit_;
}

bool PendingReplies::holds_locked(RequestNumber request) const noexcept {
  return request.slot() < slots_.size() && slots_[request.slot()].generation == request.generation() &&
         slots_[request.slot()].reply;
}

bool PendingReplies::holds(RequestNumber request) const noexcept {
  const std::lock_guard lock{mutex_};
  return holds_locked(request);
}

ReplyReference PendingReplies::take_locked(RequestNumber request) noexcept {
  if (!holds_locked(request)) return {};
  free_.push_back(static_cast<std::uint32_t>(request.slot()));
  return std::exchange(slots_[request.slot()].reply, ReplyReference{});
}

ReplyReference PendingReplies::take(RequestNumber request) noexcept {
  const std::lock_guard lock{mutex_};
  return take_locked(request);
}

ReplyReference PendingReplies::abandon(RequestNumber request) noexcept {
  const std::lock_guard lock{mutex_};
  ReplyReference reply = take_locked(request);
  if (reply) ++abandoned_;
  return reply;
}

bool PendingReplies::take_late(RequestNumber request) noexcept {
  const std::lock_guard lock{mutex_};
  const bool was_used = request.slot() < slots_.size() && request.generation() >= 1 &&
                        request.generation() <= slots_[request.slot()].generation;
  if (!was_used || abandoned_ == 0) return false;
  --abandoned_;
  return true;
}

std::vector<ReplyReference> PendingReplies::take_all() {
  std::vector<ReplyReference> all;
  const std::lock_guard lock{mutex_};
  for (std::uint32_t index = 0; index < slots_.size(); ++index) {
    if (!slots_[index].reply) continue;
    all.push_back(std::exchange(slots_[index].reply, ReplyReference{}));
    free_.push_back(index);
  }
  abandoned_ = 0;
  return all;
}

std::size_t PendingReplies::size() const {
  const std::lock_guard lock{mutex_};
  return slots_.size() - free_.size();
}

Deadline PendingReplies::find_passed(std::vector<ReplyReference>& passed) const {
  Deadline earliest = Deadline::never();
  const std::lock_guard lock{mutex_};
  for (const Slot& slot : slots_) {
    if (!slot.reply) continue;
    if (slot.reply->deadline().has_passed())
      passed.push_back(slot.reply);
    else
      earliest = Deadline::earlier(earliest, slot.reply->deadline());
  }
  return earliest;
}

}  // namespace prong

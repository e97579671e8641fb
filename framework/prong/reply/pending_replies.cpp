#include "prong/reply/pending_replies.hpp"

namespace prong {

std::uint64_t PendingReplies::add(ReplyReference reply) {
  const std::lock_guard lock{mutex_};
  if (free_.empty()) {
    free_.push_back(static_cast<std::uint32_t>(slots_.size()));
    slots_.emplace_back();
  }
  const std::uint32_t index = free_.back();
  free_.pop_back();
  Slot& slot = slots_[index];
  slot.reply = std::move(reply);
  return (std::uint64_t{++slot.generation} << 32) | (index + 1U);
}

ReplyReference PendingReplies::take(std::uint64_t request) noexcept {
  const auto index = static_cast<std::uint32_t>(request) - 1U;
  const auto generation = static_cast<std::uint32_t>(request >> 32);
  const std::lock_guard lock{mutex_};
  if (index >= slots_.size() || slots_[index].generation != generation || !slots_[index].reply) return {};
  free_.push_back(index);
  return std::exchange(slots_[index].reply, ReplyReference{});
}

std::vector<ReplyReference> PendingReplies::take_all() {
  std::vector<ReplyReference> all;
  const std::lock_guard lock{mutex_};
  for (std::uint32_t index = 0; index < slots_.size(); ++index) {
    if (!slots_[index].reply) continue;
    all.push_back(std::exchange(slots_[index].reply, ReplyReference{}));
    free_.push_back(index);
  }
  return all;
}

std::size_t PendingReplies::size() const {
  const std::lock_guard lock{mutex_};
  return slots_.size() - free_.size();
}

Deadline PendingReplies::expire(const std::string& what) {
  std::vector<ReplyReference> late;
  Deadline earliest = Deadline::never();
  {
    const std::lock_guard lock{mutex_};
    for (const Slot& slot : slots_) {
      if (!slot.reply || slot.reply->ready()) continue;
      if (slot.reply->deadline().has_passed())
        late.push_back(slot.reply);
      else
        earliest = Deadline::earlier(earliest, slot.reply->deadline());
    }
  }
  for (const ReplyReference& reply : late)
    reply->fail(Error{Errc::deadline_exceeded, what + " did not answer in time"});
  return earliest;
}

}  // namespace prong

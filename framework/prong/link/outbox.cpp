#include "prong/link/outbox.hpp"

#include "prong/link/inbox.hpp"

#include <algorithm>

namespace prong::link {
namespace {

constexpr std::size_t most_spare_bytes = std::size_t{8} << 20;

}  // namespace

Result<void> OutWindow::check(std::size_t cost) const {
  if (cost <= bytes_) return {};
  return fail(Errc::too_large, "a message larger than the window of " + std::to_string(bytes_) +
                                   " bytes that the frontend keeps for unasked messages");
}

bool OutWindow::try_take(std::size_t box, std::size_t cost, std::uint64_t received) noexcept {
  const std::lock_guard lock{mutex_};
  if (used_[box] + cost - received > bytes_) return false;
  used_[box] += cost;
  return true;
}

void OutWindow::give_back(std::size_t box, std::size_t cost) noexcept {
  const std::lock_guard lock{mutex_};
  used_[box] -= cost;
}

Outbox::Outbox(Connection& connection, OutWindow& window, Dropped dropped)
    : connection_{connection}, window_{window}, dropped_{std::move(dropped)} {}

Outbox::~Outbox() {
  announce_locked(false);
}

Result<void> Outbox::send(const MessageHeader& header, std::vector<std::byte>&& payload, Deadline deadline) {
  const std::lock_guard lock{mutex_};
  std::size_t sent = 0;
  if (kept_.empty()) {
    PRONG_TRY_ASSIGN(const bool all, connection_.try_send(header, payload, sent));
    if (all) {
      recycle_locked(std::move(payload));
      return {};
    }
  }
  kept_bytes_.fetch_add(payload.size(), std::memory_order_relaxed);
  kept_.push_back({header, std::move(payload), sent, deadline});
  send_kept_locked();
  return {};
}

std::vector<std::byte> Outbox::take_buffer() {
  const std::lock_guard lock{mutex_};
  spare_.clear();
  return std::exchange(spare_, {});
}

void Outbox::recycle_locked(std::vector<std::byte>&& payload) noexcept {
  if (payload.capacity() > spare_.capacity() && payload.capacity() <= most_spare_bytes) spare_ = std::move(payload);
}

bool Outbox::empty() const {
  const std::lock_guard lock{mutex_};
  return kept_.empty();
}

Deadline Outbox::next_deadline() const {
  const std::lock_guard lock{mutex_};
  return kept_.empty() ? Deadline::never() : kept_.front().deadline;
}

Outbox::Ticket Outbox::send_in_window(std::size_t box, const MessageHeader& header, std::vector<std::byte> payload,
                                      std::function<void(Result<void>)> sent) {
  waiting_[box].push_back({++last_ticket_, header, std::move(payload), std::move(sent)});
  const Ticket ticket = last_ticket_;
  pump();
  return ticket;
}

bool Outbox::take_back(Ticket ticket) noexcept {
  return std::any_of(std::begin(waiting_), std::end(waiting_), [&](std::list<Waiting>& box) {
    return box.remove_if([&](const Waiting& one) { return one.ticket == ticket; }) > 0;
  });
}

bool Outbox::pump() {
  bool sent = false;
  {
    const std::lock_guard lock{mutex_};
    if (kept_.empty() && waiting_[0].empty() && waiting_[1].empty()) return false;
    announce_locked(false);
    sent = send_kept_locked();
  }
  sent = serve_waiting() || sent;
  {
    const std::lock_guard lock{mutex_};
    if (kept_.empty() && waiting_[0].empty() && waiting_[1].empty()) return sent;
    // Said first, then looked once more: the room that was made meanwhile rings no bell.
    announce_locked(true);
    sent = send_kept_locked() || sent;
  }
  return serve_waiting() || sent;
}

bool Outbox::send_kept_locked() {
  bool any = false;
  while (!kept_.empty()) {
    Kept& first = kept_.front();
    std::optional<Error> dropped;
    if (first.deadline.has_passed()) {
      if (first.sent > 0) {
        const auto withdrawn = connection_.try_withdraw();
        if (withdrawn && !*withdrawn) break;
      }
      dropped = Error{Errc::deadline_exceeded, "no room until the deadline"};
    } else {
      const auto all = connection_.try_send(first.header, first.payload, first.sent);
      if (all && !*all) break;
      if (!all) dropped = all.error();
    }
    if (dropped) dropped_(first.header, *dropped);
    kept_bytes_.fetch_sub(first.payload.size(), std::memory_order_relaxed);
    recycle_locked(std::move(first.payload));
    kept_.pop_front();
    any = true;
  }
  if (!kept_.empty() && !announced_) {
    announce_locked(true);
    return send_kept_locked() || any;
  }
  return any;
}

bool Outbox::serve_waiting() {
  bool any = false;
  for (std::size_t box = 0; box < 2; ++box) {
    while (!waiting_[box].empty()) {
      const std::size_t cost = Inbox::cost(waiting_[box].front().payload.size());
      if (!window_.try_take(box, cost, connection_.port().peer_progress(box))) break;
      Waiting first = std::move(waiting_[box].front());
      waiting_[box].pop_front();
      auto sent = send(first.header, std::move(first.payload), Deadline::never());
      if (!sent) window_.give_back(box, cost);
      first.sent(std::move(sent));
      any = true;
    }
  }
  return any;
}

// Each announcement is a new one, and the bell is rung once for it.
void Outbox::announce_locked(bool waits) {
  if (std::exchange(announced_, waits)) connection_.finish_space_wait();
  if (waits) connection_.prepare_space_wait();
}

}  // namespace prong::link

// The requests that are under way, by the number that travels with them.
#pragma once

#include "prong/base/request_number.hpp"
#include "prong/reply/reply_state.hpp"

#include <cstdint>
#include <mutex>
#include <vector>

namespace prong {

/// A bounded slab of requests that wait for their reply.
///
/// A request's number is a slot and that slot's generation, so a late, doubled or invented number finds nothing.
/// Thread safety: all members from any thread.
class PendingReplies {
 public:
  /// Requires: `slots` is at most RequestNumber::max_slots.
  explicit PendingReplies(std::size_t slots) noexcept : limit_{slots} {}

  /// Registers a request and gives it its number. Returns false if as many are under way as there are slots.
  [[nodiscard]] bool try_add(const ReplyReference& reply);
  [[nodiscard]] bool has_room() const;
  /// Tells whether the request is under way.
  [[nodiscard]] bool holds(RequestNumber request) const noexcept;
  /// Takes a request out; empty if no request under way has this number.
  [[nodiscard]] ReplyReference take(RequestNumber request) noexcept;
  /// As take(), for a request whose reply may still come. Its slot is free at once.
  [[nodiscard]] ReplyReference abandon(RequestNumber request) noexcept;
  /// Tells whether this is the reply to an abandoned request; there is one for each.
  [[nodiscard]] bool take_late(RequestNumber request) noexcept;
  /// Takes all requests out; nobody will answer them or the abandoned ones.
  [[nodiscard]] std::vector<ReplyReference> take_all();
  [[nodiscard]] std::size_t size() const;

  /// Appends the requests whose own deadline has passed to `passed`; returns the earliest that is still to come.
  Deadline find_passed(std::vector<ReplyReference>& passed) const;

 private:
  struct Slot {
    std::uint64_t generation = 0;
    ReplyReference reply;
  };
  ReplyReference take_locked(RequestNumber request) noexcept;
  [[nodiscard]] bool holds_locked(RequestNumber request) const noexcept;

  std::size_t limit_;
  mutable std::mutex mutex_;
  std::vector<Slot> slots_;
  std::vector<std::uint32_t> free_;
  std::uint64_t abandoned_ = 0;  // replies that may come though nobody waits for them
};

}  // namespace prong

// The requests that are under way, by the number that travels with them.
#pragma once

#include "prong/reply/reply_state.hpp"

#include <cstdint>
#include <mutex>
#include <vector>

namespace prong {

/// A slab of requests that wait for their reply.
///
/// A request's number is a slot and that slot's generation, so a late, doubled or invented number finds nothing.
/// Thread safety: all members from any thread.
class PendingReplies {
 public:
  /// Registers a request and returns its number, never 0.
  [[nodiscard]] std::uint64_t add(ReplyReference reply);
  /// Takes a request out; empty if no request under way has this number.
  [[nodiscard]] ReplyReference take(std::uint64_t request) noexcept;
  /// Takes all requests out, for instance because nobody will answer them.
  [[nodiscard]] std::vector<ReplyReference> take_all();
  [[nodiscard]] std::size_t size() const;

  /// Fails every request whose own deadline has passed with deadline_exceeded; it stays registered, so that its late
  /// reply is known for what it is. Returns the earliest deadline that is still to come.
  Deadline expire(const std::string& what);

 private:
  struct Slot {
    std::uint32_t generation = 0;
    ReplyReference reply;
  };

  mutable std::mutex mutex_;
  std::vector<Slot> slots_;
  std::vector<std::uint32_t> free_;
};

}  // namespace prong

// Messages that a backend sent by itself and nobody has received yet.
#pragma once

#include "prong/base/result.hpp"
#include "prong/os/event_fd.hpp"

#include <cstddef>
#include <deque>
#include <mutex>
#include <optional>
#include <vector>

namespace prong::link {

/// A queue of encoded messages, bounded by what the sender may have under way.
///
/// Thread safety: all members from any thread.
class Inbox {
 public:
  /// Units: `window` in bytes, counted as cost() counts.
  explicit Inbox(std::size_t window) noexcept : window_{window} {}

  /// Appends a message. Fails with: bad_message if the sender sent more than its window.
  [[nodiscard]] Result<void> push(std::vector<std::byte> payload);
  /// One message, and what it gives back of its sender's window: nothing if renew() came since.
  struct Message {
    std::vector<std::byte> payload;
    std::size_t cost = 0;
  };

  /// Takes the oldest message, or nothing.
  [[nodiscard]] std::optional<Message> pop();
  [[nodiscard]] bool empty() const;
  /// Starts the window anew for another sender. Messages of the one before stay, a window of them at most; the oldest
  /// are dropped. Returns how many were dropped.
  std::size_t renew();

  /// Makes `event` set exactly while there are messages, from now on. Requires: `event` outlives the inbox.
  void signal(const os::EventFd& event);

  /// Returns what a message of `size` bytes takes of the window. Units: bytes.
  [[nodiscard]] static constexpr std::size_t cost(std::size_t size) noexcept { return size + 64; }

 private:
  Message pop_locked();

  std::size_t window_;
  mutable std::mutex mutex_;
  std::deque<std::vector<std::byte>> messages_;
  std::size_t used_ = 0;    // of the window of the present sender
  std::size_t former_ = 0;  // how many of the oldest messages are of senders before
  std::size_t former_used_ = 0;
  const os::EventFd* event_ = nullptr;
};

}  // namespace prong::link

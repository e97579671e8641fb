// Messages of a sender that never waits: what finds no room is kept, and goes when there is some.
#pragma once

#include "prong/link/connection.hpp"

#include <deque>
#include <functional>
#include <list>
#include <mutex>
#include <vector>

namespace prong::link {

/// How much a backend may have sent by itself that nobody has received, counted on its side.
///
/// Thread safety: all members from any thread.
class OutWindow {
 public:
  /// Units: `bytes` as Inbox::cost() counts.
  explicit OutWindow(std::size_t bytes) noexcept : bytes_{bytes} {}

  /// Fails with: too_large if `cost` never fits.
  [[nodiscard]] Result<void> check(std::size_t cost) const;
  /// Takes room for a message if there is some; `received` is what the other side says that it has received.
  [[nodiscard]] bool try_take(std::size_t box, std::size_t cost, std::uint64_t received) noexcept;
  void give_back(std::size_t box, std::size_t cost) noexcept;
  [[nodiscard]] std::size_t bytes() const noexcept { return bytes_; }

 private:
  std::size_t bytes_;
  std::mutex mutex_;
  std::uint64_t used_[2] = {0, 0};
};

/// The data lane's sender in a process whose thread must not wait for the other side.
///
/// Messages go in the order in which they were given here. One whose deadline passes before all of it is sent is
/// dropped; what was sent of it is withdrawn.
/// Requires: while it exists, nobody else sends on the connection's data lane.
/// Thread safety: send() from any thread; the rest from the loop's thread.
class Outbox {
 public:
  /// Told what was dropped, and why. Called by any member; must not call any.
  using Dropped = std::function<void(const MessageHeader&, const Error&)>;

  /// Requires: both outlive it.
  Outbox(Connection& connection, OutWindow& window, Dropped dropped);
  ~Outbox();
  Outbox(const Outbox&) = delete;
  Outbox& operator=(const Outbox&) = delete;

  /// Sends a message, or keeps it until there is room. Blocks: never. Fails with: bad_message.
  [[nodiscard]] Result<void> send(const MessageHeader& header, std::vector<std::byte>&& payload, Deadline deadline);
  /// Returns an empty buffer for the next payload, with the memory of one that was sent: fresh memory costs more than
  /// what is written into it.
  [[nodiscard]] std::vector<std::byte> take_buffer();
  /// Returns how many bytes of payload are kept. Thread safety: any thread.
  [[nodiscard]] std::size_t kept_bytes() const noexcept { return kept_bytes_.load(std::memory_order_relaxed); }
  [[nodiscard]] bool empty() const;
  /// Returns when the first message that is kept gives up; never, if there is none that does.
  [[nodiscard]] Deadline next_deadline() const;

  /// Names a message that waits for its window. 0 names none.
  using Ticket = std::uint64_t;
  /// Sends a message of its own once the window has room for it, and then calls `sent`; those who wait for one box are
  /// served in order. Requires: the window's check() succeeded.
  Ticket send_in_window(std::size_t box, const MessageHeader& header, std::vector<std::byte> payload,
                        std::function<void(Result<void>)> sent);
  /// Takes back what send_in_window() has not sent yet; tells whether it was in time. `sent` is not called then.
  bool take_back(Ticket ticket) noexcept;
  /// Tells whether anybody waits for the window of a box.
  [[nodiscard]] bool has_waiting(std::size_t box) const noexcept { return !waiting_[box].empty(); }

  /// Sends what there is room for now; tells whether that was anything. The loop calls it on each wake-up.
  bool pump();

 private:
  struct Kept {
    MessageHeader header;
    std::vector<std::byte> payload;
    std::size_t sent = 0;
    Deadline deadline = Deadline::never();
  };
  struct Waiting {
    Ticket ticket = 0;
    MessageHeader header;
    std::vector<std::byte> payload;
    std::function<void(Result<void>)> sent;
  };

  bool send_kept_locked();
  void recycle_locked(std::vector<std::byte>&& payload) noexcept;
  bool serve_waiting();
  void announce_locked(bool waits);

  Connection& connection_;
  OutWindow& window_;
  Dropped dropped_;
  mutable std::mutex mutex_;
  std::deque<Kept> kept_;
  std::vector<std::byte> spare_;
  std::atomic<std::size_t> kept_bytes_{0};
  bool announced_ = false;
  std::list<Waiting> waiting_[2];  // of the loop's thread
  Ticket last_ticket_ = 0;
};

}  // namespace prong::link

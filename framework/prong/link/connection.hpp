// Messages over a port: headers and payloads cut into records and put together again.
//
// Both sides of a link stand on this class. It knows message headers and bytes, no commands and no processes.
#pragma once

#include "prong/base/deadline.hpp"
#include "prong/message/message_header.hpp"
#include "prong/transport/port.hpp"

#include <atomic>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace prong::link {

/// Whether the other side's memory is believed.
enum class Trust : std::uint8_t {
  trusted,    ///< A backend believes its frontend: payloads are read in place.
  untrusted,  ///< A frontend does not believe its backend: payloads are copied before they are looked at.
};

/// The frontend's progress word that is 1 once it has sent `stop`: a handler that receives nothing can look there.
inline constexpr std::size_t stop_word = 2;

/// What to do when a bounded queue is full.
enum class WhenFull : std::uint8_t {
  reject,  ///< Fail at once with `overloaded`.
  block,   ///< Wait for room until the deadline.
};

/// Which lanes are received from.
enum class Intake : std::uint8_t {
  all,
  control_only,  ///< What is on the data lane stays there.
};

/// Sends and receives whole messages of any size up to a limit.
///
/// Thread safety: send() from any thread; receive() from one thread at a time.
class Connection {
 public:
  /// Handles one message; returns whether the next may be handled now.
  using Handler = std::function<bool(const MessageHeader&, Bytes)>;
  /// Waits until `ready` holds, called on each wake-up by the bell. Fails with: deadline_exceeded, what ended the link.
  using SpaceWait = std::function<Result<void>(const std::function<bool()>& ready, Deadline)>;

  /// Units: `max_message` in bytes of payload.
  Connection(transport::Port port, Trust peer, std::size_t max_message) noexcept;

  /// Sends one message; its header's length and fragment flags are filled in here.
  ///
  /// A message larger than a record goes in fragments and may block for space in between even when `when_full` is
  /// reject, but never past the deadline; one that cannot be finished is withdrawn and never handled.
  /// `epoch` is epoch() as it was when the caller last saw the link open.
  /// Fails with: overloaded, deadline_exceeded, too_large, bad_message, closed if the port was replaced since, and what
  /// `wait` fails with.
  [[nodiscard]] Result<void> send(transport::Lane lane, MessageHeader header, Bytes payload, WhenFull when_full,
                                  Deadline deadline, const SpaceWait& wait, std::uint64_t epoch = 0);

  /// Sends as much of a message on the data lane as there is room for, behind the first `sent` bytes of its payload,
  /// which went before; returns whether all of it is sent now. Blocks: never, but for other threads that send.
  ///
  /// A message that was begun is continued, or taken back with try_withdraw(), before anything else is sent there.
  /// Fails with: bad_message.
  [[nodiscard]] Result<bool> try_send(MessageHeader header, Bytes payload, std::size_t& sent);
  /// Takes back a message that try_send() has begun; returns whether there was room to say so. Fails with: bad_message.
  [[nodiscard]] Result<bool> try_withdraw();

  /// Calls `handler` for the messages that have arrived, control lane first, at most `limit` of them and until it
  /// returns false, and returns how many there were. The payload is valid during the call.
  /// Fails with: bad_message; nothing may be received after that.
  [[nodiscard]] Result<std::size_t> receive(std::size_t limit, const Handler& handler, Intake intake = Intake::all);

  [[nodiscard]] transport::Port& port() noexcept { return port_; }
  [[nodiscard]] const transport::Port& port() const noexcept { return port_; }
  /// Returns how many bytes of the data lane were sent so far, as the peer counts received ones.
  /// Only whole messages count. Blocks: never.
  [[nodiscard]] std::uint64_t data_position() const noexcept { return data_position_.load(std::memory_order_acquire); }

  /// While it lives, nobody sends.
  struct SendersLock {
    std::unique_lock<std::timed_mutex> data;
    std::unique_lock<std::timed_mutex> control;
  };
  /// Waits until all senders have left. Fails with: deadline_exceeded.
  [[nodiscard]] Result<SendersLock> lock_senders(Deadline deadline);
  /// Goes on over another port, as if new: the peer at the other end of the present one is gone.
  /// Requires: `lock` is this connection's, and nothing receives meanwhile.
  void replace_port(const SendersLock& lock, transport::Port port) noexcept;
  /// Returns how often the port was replaced. Thread safety: any thread.
  [[nodiscard]] std::uint64_t epoch() const noexcept { return epoch_.load(std::memory_order_acquire); }

  /// Announces that the caller is about to wait for room of any kind; each call is a new announcement, and the bell is
  /// rung once for it. Thread safety: any thread.
  void prepare_space_wait();
  void finish_space_wait();

 private:
  Result<void> send_locked(transport::Lane lane, MessageHeader header, Bytes payload, WhenFull when_full,
                           Deadline deadline, const SpaceWait& wait);
  Result<void> push(transport::Lane lane, const MessageHeader& header, Bytes payload, WhenFull when_full,
                    Deadline deadline, const SpaceWait& wait);
  Result<void> withdraw_unfinished(WhenFull when_full, Deadline deadline, const SpaceWait& wait);
  enum class Step : std::uint8_t { nothing, received, received_last };
  Result<Step> receive_one(transport::Lane lane, const Handler& handler);
  Result<Step> assemble(const MessageHeader& header, Bytes payload, const Handler& handler);

  transport::Port port_;
  Trust peer_;
  std::size_t max_message_;
  struct SendLane {
    std::timed_mutex mutex;               // of this process alone: never shared with the peer
    std::atomic<std::thread::id> sender;  // who holds it
  };
  SendLane lanes_[2];  // control never waits behind data
  std::atomic<std::uint64_t> data_position_{0};
  std::atomic<std::uint64_t> epoch_{0};
  std::mutex space_mutex_;
  int space_waiters_ = 0;
  bool unfinished_ = false;         // fragments of a message were sent whose rest will never come
  std::vector<std::byte> scratch_;  // private copy of an untrusted record
  std::vector<std::byte> assembly_;
  bool assembling_ = false;
  std::uint64_t assembling_request_ = 0;
};

}  // namespace prong::link

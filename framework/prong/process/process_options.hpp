// What can be set about a process before it starts.
#pragma once

#include "prong/base/deadline.hpp"
#include "prong/os/resource_limits.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>

namespace prong {

/// What happens when the queue to the other side is full.
enum class QueuePolicy : std::uint8_t {
  reject,  ///< The send or call fails at once with `overloaded`.
  block,   ///< The sender waits for room until its deadline.
};

/// What happens to a backend whose handler still runs when the deadline of its call has passed.
enum class LatePolicy : std::uint8_t {
  report,  ///< The caller gets `deadline_exceeded`; the handler may ask cancelled(), and the backend goes on.
  /// The caller gets `deadline_exceeded`, and the handler has ProcessOptions::term_grace to obey cancelled(). Then the
  /// backend gets SIGTERM, and another term_grace later it is killed, with all that it has started. Calls that it had
  /// not begun fail with `not_delivered`; a supervisor starts it again.
  kill,
};

/// Sizes and policies of one process.
struct ProcessOptions {
  /// Units: bytes, per direction; a power of two. Larger messages pass in pieces.
  std::size_t queue_bytes = std::size_t{128} * 1024;
  /// Units: bytes. A larger message is refused where it is sent.
  std::size_t max_message_bytes = std::size_t{256} << 20;
  /// Units: bytes. How much the backend may have sent by itself that nobody has received yet.
  std::size_t out_queue_bytes = std::size_t{4} << 20;
  QueuePolicy when_full = QueuePolicy::reject;
  /// The deadline of a call or a send that is given none.
  std::chrono::nanoseconds default_deadline = std::chrono::seconds{5};
  /// Who sees to it: a thread that waits for the process, or the loop that it is attached to.
  LatePolicy when_late = LatePolicy::report;
  /// How long before the deadline of a stop a backend that has not stopped gets SIGTERM; at the deadline it is killed.
  std::chrono::nanoseconds term_grace = std::chrono::milliseconds{200};
  /// What the backend may use at most, from before pre_run() on: each that is started, restarted or spawned.
  os::ResourceLimits limits{};
};

/// Where a process is in its life.
enum class ProcessState : std::uint8_t {
  created,  ///< Constructed; messages are queued.
  running,  ///< Forked.
  ended,    ///< The backend is gone and has been reaped.
};

/// Figures about one process, as its frontend knows them.
struct ProcessStatistics {
  std::uint64_t messages_sent = 0;
  std::uint64_t messages_received = 0;
  std::uint64_t calls_pending = 0;
  std::chrono::nanoseconds cpu_time{0};  ///< User and system time of the backend so far, or in all.
  std::uint64_t memory_peak_bytes = 0;   ///< Resident memory at its largest.
};

}  // namespace prong

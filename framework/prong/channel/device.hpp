// What readers and writers work on: the middle of every kind of channel.
#pragma once

#include "prong/base/deadline.hpp"
#include "prong/base/error.hpp"
#include "prong/base/result.hpp"
#include "prong/channel/channel_options.hpp"

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <vector>

namespace prong {

/// Why a transfer of items stopped.
enum class TransferEnd : std::uint8_t {
  complete,  ///< All that was asked for.
  deadline,  ///< The deadline has passed.
  full,      ///< There was no room, and the policy is not to wait.
  over,      ///< It is closed: nothing more will come, or nothing more may be written.
};

/// How far a transfer of items came.
struct Transfer {
  std::size_t count = 0;
  TransferEnd end = TransferEnd::complete;
};

/// Counts the ends of a channel, so that the other side learns when there is none left.
///
/// Thread safety: all members from any thread.
class ChannelEnds {
 public:
  ChannelEnds() = default;
  ChannelEnds(const ChannelEnds&) = delete;
  ChannelEnds& operator=(const ChannelEnds&) = delete;
  virtual ~ChannelEnds() = default;

  void add_reader() noexcept { readers_.fetch_add(1, std::memory_order_relaxed); }
  void add_writer() noexcept { writers_.fetch_add(1, std::memory_order_relaxed); }
  /// A reader is gone. Without any, writes fail: nobody would read.
  void drop_reader() noexcept {
    if (readers_.fetch_sub(1, std::memory_order_acq_rel) == 1) abandon();
  }
  /// A writer is gone. Without any, the channel is closed; with `cancelled` if an exception has taken the writer away.
  void drop_writer() noexcept;

  /// Ends it for writers; readers get what was written before, then `error` if there is one. Only the first close
  /// counts.
  virtual void close(std::optional<Error> error) = 0;

 protected:
  virtual void abandon() noexcept = 0;

 private:
  std::atomic<std::uint32_t> readers_{0};
  std::atomic<std::uint32_t> writers_{0};
};

/// A bounded queue of items that can be closed.
///
/// Thread safety: says each kind. Callbacks run in the thread that makes their condition true, and must not throw.
template <class T>
class Device : public ChannelEnds, public std::enable_shared_from_this<Device<T>> {
 public:
  /// Moves `items` in, in order, as far as the policy and the deadline let it; the rest is untouched.
  [[nodiscard]] virtual Transfer write(std::span<T> items, Deadline deadline) = 0;
  /// Appends up to `count` items to `out`; waits for all of them.
  [[nodiscard]] virtual Transfer read(std::vector<T>& out, std::size_t count, Deadline deadline) = 0;
  /// Takes one item. Fails with: deadline_exceeded, closed, and what it was closed with.
  [[nodiscard]] virtual Result<T> take(Deadline deadline) = 0;
  /// Takes one item if there is one. Blocks: never.
  [[nodiscard]] virtual std::optional<T> try_take() = 0;

  /// Tells whether it was closed; there may still be items.
  [[nodiscard]] virtual bool closed() const noexcept = 0;
  /// Returns what it was closed with, once it was.
  [[nodiscard]] virtual std::optional<Error> error() const = 0;
  /// Returns how many items could be read.
  [[nodiscard]] virtual std::size_t size() const noexcept = 0;
  [[nodiscard]] virtual std::size_t capacity() const noexcept = 0;
  [[nodiscard]] virtual ChannelStatistics statistics() const noexcept = 0;

  /// Calls `callback` once when there is something to read or it is closed: at once, or in the thread that makes it so.
  virtual void on_readable(std::function<void()> callback) = 0;
  /// Calls `callback` once when there is room or it is over for writers: at once, or in the thread that makes it so.
  virtual void on_writable(std::function<void()> callback) = 0;
  /// Returns a descriptor that is readable while there may be something to read or the end to see.
  /// Fails with: not_supported, system.
  [[nodiscard]] virtual Result<int> descriptor() = 0;
};

/// Returns the Error of a read that ended without any item: closed or deadline_exceeded.
[[nodiscard]] Error read_error(TransferEnd end);
/// Returns the Error of a write that ended without any item: read_only, overloaded or deadline_exceeded.
[[nodiscard]] Error write_error(TransferEnd end);

}  // namespace prong

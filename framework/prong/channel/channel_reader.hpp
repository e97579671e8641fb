// The read end of a channel.
#pragma once

#include "prong/channel/device.hpp"
#include "prong/channel/reader.hpp"

#include <functional>
#include <memory>

namespace prong {

/// Reads from a channel.
///
/// A handle: copies read from the same channel, and each item goes to one of them. When the last of all is gone, writes
/// to the channel fail.
/// Thread safety: that of the channel, for one handle in several threads too.
/// Source: gitpython async, "ChannelReader".
template <class T>
class ChannelReader : public Reader<T> {
 public:
  ChannelReader() noexcept = default;
  explicit ChannelReader(const std::shared_ptr<Device<T>>& channel)
      : channel_{std::make_shared<End>(channel), channel.get()} {}

  [[nodiscard]] Result<std::size_t> read_into(std::vector<T>& out, std::size_t count, Deadline deadline) override {
    const bool all = count == Reader<T>::everything;
    const Transfer transfer = channel_->read(out, all ? std::numeric_limits<std::size_t>::max() : count, deadline);
    if (transfer.count == 0 && transfer.end == TransferEnd::over)
      if (auto error = channel_->error()) return std::move(*error);
    return transfer.count;
  }
  [[nodiscard]] Result<T> next(Deadline deadline) override { return channel_->take(deadline); }
  [[nodiscard]] std::optional<T> try_next() override { return channel_->try_take(); }
  [[nodiscard]] bool at_end() const override { return channel_->closed() && channel_->size() == 0; }

  /// Returns how many items could be read.
  [[nodiscard]] std::size_t size() const noexcept { return channel_->size(); }
  /// Tells whether it was closed; there may still be items.
  [[nodiscard]] bool closed() const noexcept { return channel_->closed(); }
  /// Calls `callback` once when there is something to read or the end to see: at once, or in the thread that makes it
  /// so. It must not throw.
  void on_readable(std::function<void()> callback) { channel_->on_readable(std::move(callback)); }
  /// Returns a descriptor for poll, epoll or select, readable while there may be something to read or the end to see.
  /// It may be readable once for nothing, so read with try_next() or try_read() behind it. Fails with: not_supported,
  /// system.
  [[nodiscard]] Result<int> descriptor() { return channel_->descriptor(); }

  /// Returns the channel, which does not count as a reader of it.
  [[nodiscard]] std::shared_ptr<Device<T>> channel() const { return channel_->shared_from_this(); }

 private:
  // What the copies of a handle share.
  struct End {
    explicit End(const std::shared_ptr<Device<T>>& of) : channel{of} { channel->add_reader(); }
    End(const End&) = delete;
    End& operator=(const End&) = delete;
    ~End() { channel->drop_reader(); }

    const std::shared_ptr<Device<T>> channel;
  };

  std::shared_ptr<Device<T>> channel_;  // owns an End
};

}  // namespace prong

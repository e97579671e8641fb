// The write end of a channel.
#pragma once

#include "prong/channel/device.hpp"
#include "prong/channel/writer.hpp"

#include <functional>
#include <memory>

namespace prong {

/// Writes to a channel.
///
/// A handle: copies write to the same channel. When the last of all is gone, the channel is closed; with `cancelled` if
/// it went because of an exception.
/// Thread safety: that of the channel, for one handle in several threads too.
/// Source: gitpython async, "ChannelWriter".
template <class T>
class ChannelWriter : public Writer<T> {
 public:
  ChannelWriter() noexcept = default;
  explicit ChannelWriter(const std::shared_ptr<Device<T>>& channel)
      : channel_{std::make_shared<End>(channel), channel.get()} {}

  void close() override { channel_->close(std::nullopt); }
  void close(Error error) override { channel_->close(std::move(error)); }
  [[nodiscard]] bool closed() const noexcept override { return channel_->closed(); }
  [[nodiscard]] std::size_t size() const noexcept override { return channel_->size(); }
  /// Calls `callback` once when there is room or a write would fail: at once, or in the thread that makes it so. It
  /// must not throw.
  void on_writable(std::function<void()> callback) { channel_->on_writable(std::move(callback)); }

  /// Returns the channel, which does not count as a writer of it.
  [[nodiscard]] std::shared_ptr<Device<T>> channel() const { return channel_->shared_from_this(); }

 protected:
  [[nodiscard]] Transfer transfer_in(std::span<T> items, Deadline deadline) override {
    return channel_->write(items, deadline);
  }

 private:
  // What the copies of a handle share.
  struct End {
    explicit End(const std::shared_ptr<Device<T>>& of) : channel{of} { channel->add_writer(); }
    End(const End&) = delete;
    End& operator=(const End&) = delete;
    ~End() { channel->drop_writer(); }

    const std::shared_ptr<Device<T>> channel;
  };

  std::shared_ptr<Device<T>> channel_;  // owns an End
};

}  // namespace prong

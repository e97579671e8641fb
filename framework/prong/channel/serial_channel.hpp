// A channel for one thread.
#pragma once

#include "prong/base/contract.hpp"
#include "prong/channel/device.hpp"
#include "prong/channel/observers.hpp"

#include <deque>
#include <iterator>
#include <utility>

namespace prong {

/// A bounded channel within one thread: the meaning of Channel without its locks.
///
/// While this thread waits nobody else can write or read, so a wait is over at once, as if its deadline had passed.
/// Thread safety: none; reader and writer are used by one thread.
/// Source: gitpython async, "SerialChannel".
template <class T>
class SerialChannel final : public Device<T> {
 public:
  /// Requires: a capacity of at least 1.
  explicit SerialChannel(ChannelOptions options) : options_{options} {
    PRONG_EXPECT(options.capacity > 0, "a channel holds at least one item");
  }

  [[nodiscard]] Transfer write(std::span<T> items, Deadline /*deadline*/) override {
    std::size_t done = 0;
    for (; done != items.size() && !over_for_writers(); ++done) {
      if (items_.size() == options_.capacity) {
        if (options_.when_full == ChannelPolicy::block) return {done, TransferEnd::deadline};
        if (options_.when_full == ChannelPolicy::reject) return {done, TransferEnd::full};
        items_.pop_front();
        ++taken_;
        ++dropped_;
      }
      items_.push_back(std::move(items[done]));
      ++written_;
      if (items_.size() == 1) tell(read_observers_, readable_is_awaited_);
    }
    return {done, done == items.size() ? TransferEnd::complete : TransferEnd::over};
  }

  [[nodiscard]] Transfer read(std::vector<T>& out, std::size_t count, Deadline /*deadline*/) override {
    const std::size_t some = std::min(count, items_.size());
    const auto end = items_.begin() + static_cast<std::ptrdiff_t>(some);
    out.insert(out.end(), std::make_move_iterator(items_.begin()), std::make_move_iterator(end));
    items_.erase(items_.begin(), end);
    taken(some);
    return {some, some == count ? TransferEnd::complete : end_of_read()};
  }

  [[nodiscard]] Result<T> take(Deadline /*deadline*/) override {
    if (auto item = try_take()) return std::move(*item);
    if (closed_ && error_) return *error_;
    return read_error(end_of_read());
  }

  [[nodiscard]] std::optional<T> try_take() override {
    std::optional<T> item;
    if (!items_.empty()) {
      item.emplace(std::move(items_.front()));
      items_.pop_front();
    }
    taken(item ? 1 : 0);
    return item;
  }

  void close(std::optional<Error> error) override {
    if (std::exchange(closed_, true)) return;
    error_ = std::move(error);
    tell(read_observers_, readable_is_awaited_);
    tell(write_observers_, room_is_awaited_);
  }
  [[nodiscard]] bool closed() const noexcept override { return closed_; }
  [[nodiscard]] std::optional<Error> error() const override { return error_; }
  [[nodiscard]] std::size_t size() const noexcept override { return items_.size(); }
  [[nodiscard]] std::size_t capacity() const noexcept override { return options_.capacity; }
  [[nodiscard]] ChannelStatistics statistics() const noexcept override {
    return {.written = written_, .read = taken_ - dropped_, .dropped = dropped_};
  }

  void on_readable(std::function<void()> callback) override {
    read_observers_.add(std::move(callback));
    readable_is_awaited_ = true;
    if (!items_.empty() || closed_) tell(read_observers_, readable_is_awaited_);
  }
  void on_writable(std::function<void()> callback) override {
    write_observers_.add(std::move(callback));
    room_is_awaited_ = true;
    if (items_.size() < options_.capacity || over_for_writers()) tell(write_observers_, room_is_awaited_);
  }
  [[nodiscard]] Result<int> descriptor() override {
    PRONG_TRY_ASSIGN(const int descriptor, read_observers_.descriptor());
    readable_is_awaited_ = true;
    if (!items_.empty() || closed_) tell(read_observers_, readable_is_awaited_);
    return descriptor;
  }

 protected:
  void abandon() noexcept override {
    abandoned_ = true;
    tell(write_observers_, room_is_awaited_);
  }

 private:
  [[nodiscard]] bool over_for_writers() const noexcept { return closed_ || abandoned_; }
  [[nodiscard]] TransferEnd end_of_read() const noexcept {
    return closed_ && items_.empty() ? TransferEnd::over : TransferEnd::deadline;
  }
  void taken(std::size_t count) noexcept {
    taken_ += count;
    if (items_.empty() && !closed_ && read_observers_.silence()) readable_is_awaited_ = true;
    if (count != 0) tell(write_observers_, room_is_awaited_);
  }
  // Nobody waits most of the time: then this is one look.
  static void tell(channel::Observers& observers, bool& awaited) noexcept {
    if (std::exchange(awaited, false)) observers.tell();
  }

  const ChannelOptions options_;
  std::deque<T> items_;
  bool closed_ = false;
  bool abandoned_ = false;
  std::optional<Error> error_;
  std::uint64_t written_ = 0;
  std::uint64_t taken_ = 0;  // read or dropped
  std::uint64_t dropped_ = 0;
  bool readable_is_awaited_ = false;
  bool room_is_awaited_ = false;
  channel::Observers read_observers_;
  channel::Observers write_observers_;
};

}  // namespace prong

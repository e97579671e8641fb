// A queue between threads, like a file: it has a write end and a read end, blocks, and can be closed.
#pragma once

#include "prong/channel/device.hpp"
#include "prong/channel/ring_core.hpp"

#include <bit>
#include <limits>
#include <memory>
#include <type_traits>
#include <utility>

namespace prong {

/// A bounded channel between threads of one process.
///
/// Items come out in the order in which they went in. Closing wakes everybody who waits, once; what was written before
/// is delivered, and a write after it fails. Not used by itself but through a ChannelReader and a ChannelWriter, which
/// make_channel() returns.
/// Thread safety: all members from any thread. One thread that writes and one that reads do not contend for a lock.
/// After fork: of no use in the child.
/// Source: gitpython async, "Channel".
template <class T>
class Channel final : public Device<T> {
  static_assert(std::is_nothrow_move_constructible_v<T> && std::is_nothrow_destructible_v<T>,
                "Items are moved while a side of the channel is locked: their move constructor must be noexcept.");

 public:
  /// Requires: a capacity of at least 1.
  explicit Channel(ChannelOptions options)
      : core_{options.capacity},
        when_full_{options.when_full},
        mask_{std::bit_ceil(options.capacity) - 1},
        slots_{std::make_unique_for_overwrite<Slot[]>(mask_ + 1)} {}
  ~Channel() override {
    for (std::uint64_t position = core_.taken(); position != core_.written(); ++position)
      std::destroy_at(slot(position));
  }

  [[nodiscard]] Transfer write(std::span<T> items, Deadline deadline) override {
    std::size_t done = 0;
    while (done != items.size()) {
      if (const auto claim = core_.claim_room(items.size() - done); claim.count != 0) [[likely]] {
        fill(claim, items.data() + done);
        done += claim.count;
      } else if (core_.over_for_writers()) {
        return {done, TransferEnd::over};
      } else if (when_full_ == ChannelPolicy::drop_oldest) {
        if (replace_oldest(items[done])) ++done;
      } else if (when_full_ == ChannelPolicy::reject) {
        return {done, TransferEnd::full};
      } else if (!core_.wait_for_room(deadline)) {
        return {done, TransferEnd::deadline};
      }
    }
    return {done, TransferEnd::complete};
  }

  [[nodiscard]] Transfer read(std::vector<T>& out, std::size_t count, Deadline deadline) override {
    std::size_t done = 0;
    while (done != count) {
      const std::size_t taken = take_some(out, count - done);
      done += taken;
      if (taken == 0) {
        if (const TransferEnd end = wait_for_items(deadline); end != TransferEnd::complete) return {done, end};
      } else if (done != count && deadline.has_passed()) {
        if (core_.size() == 0) core_.found_empty();
        return {done, TransferEnd::deadline};  // however fast somebody writes
      }
    }
    return {done, TransferEnd::complete};
  }

  [[nodiscard]] Result<T> take(Deadline deadline) override {
    for (;;) {
      if (const auto claim = core_.claim_items(1); claim.count != 0) [[likely]] {
        T* const from = slot(claim.first);
        Result<T> item{boost::system::in_place_value, std::move(*from)};
        std::destroy_at(from);
        core_.release(claim);
        return item;
      }
      const TransferEnd end = wait_for_items(deadline);
      if (end == TransferEnd::over && core_.error()) return *core_.error();
      if (end != TransferEnd::complete) return read_error(end);
    }
  }

  [[nodiscard]] std::optional<T> try_take() override {
    std::optional<T> item;
    if (const auto claim = core_.claim_items(1); claim.count != 0) {
      T* const from = slot(claim.first);
      item.emplace(std::move(*from));
      std::destroy_at(from);
      core_.release(claim);
    } else {
      core_.found_empty();
    }
    return item;
  }

  void close(std::optional<Error> error) override { core_.close(std::move(error)); }
  [[nodiscard]] bool closed() const noexcept override { return core_.closed(); }
  [[nodiscard]] std::optional<Error> error() const override { return core_.closed() ? core_.error() : std::nullopt; }
  [[nodiscard]] std::size_t size() const noexcept override { return core_.size(); }
  [[nodiscard]] std::size_t capacity() const noexcept override { return core_.capacity(); }
  [[nodiscard]] ChannelStatistics statistics() const noexcept override {
    const std::uint64_t dropped = core_.dropped();  // first, so that no difference is negative
    return {.written = core_.written(), .read = core_.taken() - dropped, .dropped = dropped};
  }
  void on_readable(std::function<void()> callback) override { core_.on_readable(std::move(callback)); }
  void on_writable(std::function<void()> callback) override { core_.on_writable(std::move(callback)); }
  [[nodiscard]] Result<int> descriptor() override { return core_.descriptor(); }

 protected:
  void abandon() noexcept override { core_.abandon(); }

 private:
  struct Slot {
    alignas(T) std::byte bytes[sizeof(T)];
  };

  [[nodiscard]] T* slot(std::uint64_t position) noexcept {
    return reinterpret_cast<T*>(slots_[static_cast<std::size_t>(position) & mask_].bytes);
  }

  void fill(const channel::RingCore::Claim& claim, T* items) noexcept {
    for (std::size_t i = 0; i < claim.count; ++i) std::construct_at(slot(claim.first + i), std::move(items[i]));
    core_.publish(claim);
  }

  bool replace_oldest(T& item) noexcept {
    const auto [room, oldest] = core_.claim_exchange();
    if (room.count == 0) return false;
    std::optional<T> dropped;  // destroyed when nothing is locked any more
    if (oldest.count != 0) {
      dropped.emplace(std::move(*slot(oldest.first)));
      std::destroy_at(slot(oldest.first));
      core_.drop(oldest);
    }
    fill(room, &item);
    return true;
  }

  std::size_t take_some(std::vector<T>& out, std::size_t wanted) {
    // Room is made before anything is claimed: it may throw.
    const std::size_t some = std::min(wanted, std::max<std::size_t>(core_.size(), 1));
    if (out.capacity() - out.size() < some) out.reserve(std::max(out.size() + some, out.capacity() * 2));
    const auto claim = core_.claim_items(some);
    if (claim.count == 0) return 0;
    for (std::size_t i = 0; i < claim.count; ++i) {
      T* const from = slot(claim.first + i);
      out.push_back(std::move(*from));
      std::destroy_at(from);
    }
    core_.release(claim);
    return claim.count;
  }

  // Returns `complete` when it is worth to look again.
  TransferEnd wait_for_items(Deadline deadline) noexcept {
    core_.found_empty();
    if (core_.closed()) return core_.size() != 0 ? TransferEnd::complete : TransferEnd::over;
    return core_.wait_for_items(deadline) ? TransferEnd::complete : TransferEnd::deadline;
  }

  channel::RingCore core_;
  const ChannelPolicy when_full_;
  const std::size_t mask_;
  const std::unique_ptr<Slot[]> slots_;
};

}  // namespace prong

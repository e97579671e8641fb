// Which command may begin now, and which waits for others to end.
#pragma once

#include "prong/base/contract.hpp"

#include <cstddef>
#include <deque>
#include <optional>
#include <utility>
#include <vector>

namespace prong::detail {

/// Lanes of commands. Of each lane so many run at a time as its bound says, and they begin in their order; lanes do not
/// wait for each other.
///
/// Thread safety: one thread.
template <class Item>
class CommandLanes {
 public:
  /// Adds a lane of which `bound` commands run at a time, and returns its number; the first is 0.
  std::size_t add(std::size_t bound) {
    lanes_.push_back({bound, 0, {}});
    return lanes_.size() - 1;
  }

  /// Counts a command in and returns true, if it may begin now: a place is free, and nobody waits for it.
  [[nodiscard]] bool try_enter(std::size_t lane) noexcept {
    Lane& entered = lanes_[lane];
    if (entered.running >= entered.bound || !entered.waiting.empty()) return false;
    ++entered.running;
    ++running_;
    return true;
  }
  /// Has a command wait for its turn. Units: `bytes` of memory that it holds.
  void wait(std::size_t lane, Item item, std::size_t bytes) {
    lanes_[lane].waiting.push_back({std::move(item), bytes});
    ++waiting_;
    waiting_bytes_ += bytes;
  }
  /// Counts a command out that was in.
  void leave(std::size_t lane) noexcept {
    PRONG_EXPECT(lanes_[lane].running > 0, "a command leaves its lane once");
    --lanes_[lane].running;
    --running_;
  }
  /// Takes a waiting command of `lane` out and counts it in, if its turn has come.
  [[nodiscard]] std::optional<Item> next(std::size_t lane) {
    Lane& from = lanes_[lane];
    if (from.waiting.empty() || from.running >= from.bound) return std::nullopt;
    Waiting first = std::move(from.waiting.front());
    from.waiting.pop_front();
    --waiting_;
    waiting_bytes_ -= first.bytes;
    ++from.running;
    ++running_;
    return std::move(first.item);
  }

  [[nodiscard]] std::size_t running() const noexcept { return running_; }
  [[nodiscard]] std::size_t waiting() const noexcept { return waiting_; }
  [[nodiscard]] std::size_t waiting_bytes() const noexcept { return waiting_bytes_; }

 private:
  struct Waiting {
    Item item;
    std::size_t bytes;
  };
  struct Lane {
    std::size_t bound;
    std::size_t running;
    std::deque<Waiting> waiting;
  };

  std::vector<Lane> lanes_;
  std::size_t running_ = 0;
  std::size_t waiting_ = 0;
  std::size_t waiting_bytes_ = 0;
};

}  // namespace prong::detail

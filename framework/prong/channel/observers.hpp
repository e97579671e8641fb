// Those who want to be told that a channel is ready without a thread that sleeps for it.
#pragma once

#include "prong/base/result.hpp"
#include "prong/os/event_fd.hpp"

#include <atomic>
#include <functional>
#include <mutex>
#include <optional>
#include <vector>

namespace prong::channel {

/// Callbacks that are each called once, and a descriptor that is made readable.
///
/// Thread safety: all members from any thread. Callbacks run in the thread that calls tell().
class Observers {
 public:
  /// Remembers `callback` for the next tell(). It must not throw.
  void add(std::function<void()> callback);
  /// Calls the callbacks and makes the descriptor readable.
  void tell() noexcept;

  /// Returns the descriptor; it is made at the first call, silent. Fails with: system.
  [[nodiscard]] Result<int> descriptor();
  /// Makes the descriptor silent until the next tell(); tells whether it was readable.
  bool silence() noexcept { return has_descriptor_.load(std::memory_order_acquire) && silence_descriptor(); }

 private:
  bool silence_descriptor() noexcept;

  std::mutex mutex_;
  std::vector<std::function<void()>> callbacks_;
  std::optional<os::EventFd> event_;
  bool readable_ = false;
  std::atomic<bool> has_descriptor_{false};
};

}  // namespace prong::channel

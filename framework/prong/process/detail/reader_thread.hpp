// The one thread that receives for processes whose answers nobody else waits for.
#pragma once

#include "prong/loop/event_loop.hpp"

#include <functional>
#include <memory>
#include <thread>

namespace prong::detail {

/// A loop on a thread named "prong-reader". It exists from the first request for a caf::actor until the last process
/// that asked is gone: whoever holds the pointer owns a share of it.
class ReaderThread {
 public:
  /// Returns the thread of this program, started if there is none. Throws Exception (system).
  [[nodiscard]] static std::shared_ptr<ReaderThread> shared();
  ~ReaderThread();
  ReaderThread(const ReaderThread&) = delete;
  ReaderThread& operator=(const ReaderThread&) = delete;

  /// Runs `work` in the thread and waits until it has run. Called in the thread itself, runs it at once.
  void run(const std::function<void()>& work);
  [[nodiscard]] loop::EventLoop& loop() noexcept { return *loop_; }

 private:
  explicit ReaderThread(std::unique_ptr<loop::EventLoop> loop);

  std::unique_ptr<loop::EventLoop> loop_;
  std::thread thread_;
};

}  // namespace prong::detail

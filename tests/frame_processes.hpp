// What tests of frames between processes have in common.
#pragma once

#include "prong/os/child_process.hpp"
#include "prong/os/event_fd.hpp"
#include "prong/os/signals.hpp"

#include <unistd.h>

#include <chrono>
#include <functional>

namespace prong::tests {

/// Forks a child that dies with this process.
inline os::ChildProcess fork_child(const std::function<int()>& main) {
  return os::ChildProcess::fork([&main, parent = ::getpid()] {
           os::die_with_parent(parent);
           return main();
         })
      .value();
}

/// Tells another process that something has happened.
class Signal {
 public:
  void set() const noexcept { event_.set(); }
  /// Returns false if it was not set in time.
  [[nodiscard]] bool wait() const {
    return event_.wait(Deadline::after(std::chrono::seconds{20})).has_value() && event_.clear();
  }
  [[nodiscard]] int descriptor() const noexcept { return event_.descriptor(); }

 private:
  os::EventFd event_ = os::EventFd::create().value();
};

}  // namespace prong::tests

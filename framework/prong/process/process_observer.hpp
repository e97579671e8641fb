// Being told of a backend's life.
#pragma once

#include "prong/base/error.hpp"

#include <functional>

namespace prong {

/// What MessageProcess::observe() calls, in the thread that receives for the process. Each may be empty.
///
/// They are called while that thread reads: they must not throw, wait for the process or restart it. To do so, post to
/// a loop.
struct ProcessObserver {
  /// The backend has run pre_run().
  std::function<void()> ready;
  /// The backend's loop has answered MessageProcess::ask_alive().
  std::function<void()> alive;
  /// The backend is gone and reaped; calls are about to fail with this error. `stopped` after an orderly end.
  std::function<void(const Error&)> ended;
};

}  // namespace prong

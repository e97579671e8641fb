// An EventLoop that lives inside a Boost.Asio io_context, the other way round than AsioGuest.
//
// Includes no Asio header.
#pragma once

#include "prong/loop/event_loop.hpp"

namespace boost::asio {
class io_context;
}

namespace prong::loop {

/// Runs an event loop in the thread that runs an io_context.
///
/// For programs whose main loop is `io_context::run()`. The loop takes turns as one handler among others; while it has
/// nothing to do, it sleeps as a descriptor that the io_context watches. Being watched is no work: run() returns when
/// the user's own work is done, and a later run() goes on.
/// Thread safety: one thread runs the io_context at a time. Made and destroyed in that thread, or while nobody runs it;
/// the loop's own members as EventLoop says.
class AsioHost {
 public:
  /// Requires: both outlive the host, and nobody else runs `loop`. Throws what Asio throws when descriptors run out.
  AsioHost(EventLoop& loop, boost::asio::io_context& context);
  ~AsioHost();
  AsioHost(const AsioHost&) = delete;
  AsioHost& operator=(const AsioHost&) = delete;

 private:
  class Implementation;

  std::shared_ptr<Implementation> implementation_;  // shared with handlers that come after the host's end
};

}  // namespace prong::loop

// A Boost.Asio io_context that lives inside an EventLoop.
//
// Includes no Asio header: users who want the io_context include <boost/asio/io_context.hpp>.
#pragma once

#include "prong/loop/event_loop.hpp"

namespace boost::asio {
class io_context;
}

namespace prong::loop {

/// Runs an io_context's handlers in an event loop's thread.
///
/// Timers, sockets and coroutines of the io_context run beside whatever else the loop does, in the same thread, and a
/// handler posted from another thread wakes it. While a guest lives, Asio does the sleeping for both, which costs the
/// loop two more system calls per wake; a loop without a guest pays nothing.
/// Thread safety: made, used and destroyed in the loop's thread; the io_context is as thread-safe as Asio says.
class AsioGuest {
 public:
  /// Makes an io_context. Requires: `loop` outlives the guest and has no other blocker. Throws what Asio throws when
  /// descriptors run out.
  explicit AsioGuest(EventLoop& loop);
  /// The same for the user's own io_context. Requires: it outlives the guest, and nothing else runs it meanwhile.
  AsioGuest(EventLoop& loop, boost::asio::io_context& context);
  ~AsioGuest();
  AsioGuest(const AsioGuest&) = delete;
  AsioGuest& operator=(const AsioGuest&) = delete;

  [[nodiscard]] boost::asio::io_context& context() noexcept;

 private:
  class Implementation;

  std::unique_ptr<Implementation> implementation_;
};

}  // namespace prong::loop

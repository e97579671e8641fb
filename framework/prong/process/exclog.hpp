// Exceptions of coroutines for which nobody waits.
//
// Comes with prong/asio.hpp.
#pragma once

#include "prong/log/logger.hpp"

#include <boost/asio/awaitable.hpp>

#include <exception>
#include <string>

namespace prong {

/// Awaits `coroutine`; what it throws is logged as an error with `name`, its type and what it says, and goes no
/// further. That it was cancelled is no error. For coroutines that are spawned detached: `co_spawn(executor,
/// exclog(logger, "watch", watch()), detached)`
///
/// Requires: `logger` outlives it.
/// Source: valkka.multiprocess, exclog.
[[nodiscard]] boost::asio::awaitable<void> exclog(Logger& logger, std::string name,
                                                  boost::asio::awaitable<void> coroutine);

namespace detail {

/// Tells whether an exception says that what was awaited was cancelled, in Asio's words or in Prong's.
[[nodiscard]] bool is_cancellation(const std::exception_ptr& thrown) noexcept;

}  // namespace detail
}  // namespace prong

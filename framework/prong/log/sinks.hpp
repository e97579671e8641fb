// Where the frontend's log goes.
//
// Not included by prong/prong.hpp: for users who bring spdlog sinks of their own.
#pragma once

#include <memory>

namespace spdlog::sinks {
class sink;
}

namespace prong {

/// Adds a sink, which gets the records of this process and of its backends.
///
/// Their time, logger name and level are the original ones. The thread id (%t) is the pid of the process that logged,
/// where spdlog's own %P is always the frontend's. A sink keeps its own pattern and level; records reach it one at a
/// time or from several threads at once, so it must be one of spdlog's thread-safe kind (_mt).
/// Thread safety: these functions may be called from any thread.
void add_sink(std::shared_ptr<spdlog::sinks::sink> sink);
/// Takes a sink out. One that is not in is no error.
void remove_sink(const std::shared_ptr<spdlog::sinks::sink>& sink);
/// Returns the sink that writes to standard error; it is in from the beginning.
[[nodiscard]] std::shared_ptr<spdlog::sinks::sink> standard_error_sink();

}  // namespace prong

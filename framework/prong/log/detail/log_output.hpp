// The way of a record out of this process.
#pragma once

#include "prong/log/log_record.hpp"

namespace prong::log::detail {

class LogRingWriter;

/// Sends a record where this process's records go: a backend's into its ring, others to the sinks.
///
/// A process that was forked from either, and has no ring of its own, writes to standard error, without a lock.
/// Thread safety: any thread.
void output(const LogRecord& record);

/// Makes `writer` the way out of this process. It is never destroyed: threads may log until the end.
void output_to_ring(LogRingWriter& writer) noexcept;
/// Tells whether this process, not the one it was forked from, has a ring.
[[nodiscard]] bool output_is_ring() noexcept;

/// Hands a record to every sink of this process. A sink that throws loses it.
void output_to_sinks(const LogRecord& record);

/// Gives every sink the line format.
void reset_line_formats();

/// Tells whether the sinks are those of the process that this one was forked from.
[[nodiscard]] bool sinks_are_inherited() noexcept;

}  // namespace prong::log::detail

// Sending a backend's log to its frontend.
#pragma once

namespace prong {

class LogRing;

/// From now on the records of every Logger of this process go into `ring`, also of those made before the fork.
///
/// The frontend's sinks and locks are not touched. A process that is forked from this one writes to standard error.
/// Requires: called in the backend, after the fork and before other threads, once; `ring` was made before the fork, and
/// its memory stays mapped.
void log_to(LogRing& ring);

}  // namespace prong

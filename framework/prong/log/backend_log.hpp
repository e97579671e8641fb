// Sending a backend's log to its frontend.
#pragma once

#include "prong/os/shared_memory.hpp"

namespace prong {

/// From now on the records of every Logger of this process go into the ring in `memory`, also of those made before the
/// fork.
///
/// The frontend's sinks and locks are not touched. A process that is forked from this one writes to standard error.
/// Requires: called in the backend, after the fork and before other threads, once; `memory` is LogRing::shared_memory()
/// of the frontend, whose descriptor may be closed afterwards. Fails with: system.
Result<void> log_to(const os::SharedMemory& memory);

}  // namespace prong

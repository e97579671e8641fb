// A backend without a fork, for tests that want to step through it or run under tools that dislike processes.
#pragma once

#include "prong/process/message_process.hpp"

namespace prong::testing {

/// Starts backends as threads of this process.
class InProcess {
 public:
  /// Runs the backend of `process` in a thread, over the same rings and the same loop as in a forked one.
  ///
  /// What a fork would separate is shared here: members of the object are seen by both sides, a crash is a crash of the
  /// test, and stop() cannot kill.
  /// Requires: stopped before the object is destroyed. Throws Exception: already_started, system.
  static void start(MessageProcess& process) { process.start_in_thread(); }
};

}  // namespace prong::testing

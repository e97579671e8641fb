// An end for a test that hangs.
#pragma once

#include <chrono>

namespace prong::testing {

/// Ends the process with a message when it is not destroyed in time.
///
/// Uses alarm(2) and SIGALRM, so that it costs no thread: a test with a watchdog may still fork.
/// One at a time per process. After fork: the child has no watchdog, but dies with its parent.
class Watchdog {
 public:
  /// Requires: `what` outlives the watchdog. Units: whole seconds.
  explicit Watchdog(const char* what, std::chrono::seconds limit = std::chrono::seconds{30});
  ~Watchdog();
  Watchdog(const Watchdog&) = delete;
  Watchdog& operator=(const Watchdog&) = delete;
};

}  // namespace prong::testing

// The other side, as seen by somebody who waits for it.
#pragma once

#include "prong/base/deadline.hpp"
#include "prong/base/result.hpp"

namespace prong {

/// Whom a wait depends on: when the peer is gone, the wait is over.
///
/// MessageProcess implements it.
/// Thread safety: wait_readable may be called by several threads at once.
class Peer {
 public:
  virtual ~Peer() = default;

  /// Waits until `descriptor` is readable, keeping the peer's messages flowing meanwhile.
  ///
  /// When the descriptor is readable and the peer is gone, either may be told: callers look again.
  /// Blocks: until the deadline.
  /// Fails with: deadline_exceeded, process_expired, stopped, system.
  virtual Result<void> wait_readable(int descriptor, Deadline deadline) = 0;
};

}  // namespace prong

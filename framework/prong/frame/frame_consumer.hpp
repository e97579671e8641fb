// The end of a frame ring that takes frames out.
#pragma once

#include "prong/base/deadline.hpp"
#include "prong/base/result.hpp"
#include "prong/frame/frame_lease.hpp"
#include "prong/sync/peer.hpp"

#include <memory>

namespace prong::frame::detail {
class ReaderEnd;
}

namespace prong {

/// Reads one reader's frames, in the order of their sequences. From FrameRing::consumer(), in the process that reads.
///
/// It may be taken before the producer, long after it, and again: a consumer goes on where the last one of the same
/// reader was. Frames that one held when it died are delivered first, again (FrameLease::delivery); under latest_only
/// they are given back instead. Destroying it does not make the reader leave: its frames are kept for the next one.
/// Thread safety: one thread at a time.
/// If the peer dies: every published frame can still be read.
/// After fork: fails with wrong_process; the child's copy gives nothing back.
/// Requires: not used when moved-from.
class FrameConsumer {
 public:
  FrameConsumer(FrameConsumer&&) noexcept = default;
  FrameConsumer& operator=(FrameConsumer&&) noexcept = default;

  /// Returns the next frame, or waits for one. Several may be held at once.
  ///
  /// Blocks: until the deadline.
  /// Fails with: queue_empty if there is none and the deadline had passed before, deadline_exceeded, closed once the
  /// producer has finished and all frames were read, bad_message for a frame that the producer described wrongly (the
  /// next call goes on behind it), wrong_process, system.
  [[nodiscard]] Result<FrameLease> next(Deadline deadline);
  /// As above, while `peer` is there: for a consumer whose producer runs in the backend `peer`.
  /// Fails with: also as Peer::wait_readable, after the last frame that the peer has published.
  [[nodiscard]] Result<FrameLease> next(Peer& peer, Deadline deadline);

  /// Returns a descriptor for poll, epoll and select that stays readable while next() has a frame or the end to tell.
  ///
  /// Once next() has taken the last frame it is silent. It may be readable for nothing, as when a frame was dropped
  /// meanwhile: call next(Deadline::now()) behind it, which then fails with queue_empty. Asking for it costs two system
  /// calls for each frame that arrives while there is none.
  [[nodiscard]] int descriptor() noexcept;

  /// Ends this reader's part: the producer waits for it no longer, and what it has not read counts as dropped. Leases
  /// that are still held stay readable. A consumer taken later makes it a reader again. Blocks: never.
  void leave() noexcept;

 private:
  friend class FrameRing;
  explicit FrameConsumer(std::shared_ptr<frame::detail::ReaderEnd> end) noexcept : end_{std::move(end)} {}

  std::shared_ptr<frame::detail::ReaderEnd> end_;
};

}  // namespace prong

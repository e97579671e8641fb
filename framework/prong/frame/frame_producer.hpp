// The end of a frame ring or pool that puts frames in.
#pragma once

#include "prong/base/deadline.hpp"
#include "prong/base/result.hpp"
#include "prong/frame/frame_writer.hpp"
#include "prong/sync/peer.hpp"

#include <cstdint>
#include <memory>
#include <optional>

namespace prong {

/// Fills slots and publishes them. From FrameRing::producer() or FramePool::producer(), in the process that shall fill.
///
/// Destroying it gives the end back without finishing the stream: another can be taken and goes on with the next
/// sequence. Writers and leases that are still alive keep the end.
/// Thread safety: one thread at a time.
/// If the peer dies: what a dead reader has not read or not given back stays where it is, until its successor has taken
/// its end; policy `block` then waits for it.
/// After fork: fails with wrong_process; the child's copy gives nothing back.
/// Requires: not used when moved-from.
class FrameProducer {
 public:
  FrameProducer(FrameProducer&&) noexcept = default;
  FrameProducer& operator=(FrameProducer&&) noexcept = default;

  /// Returns a slot to fill. Waits for one while readers hold all, or, under FramePolicy::block, have not read them.
  ///
  /// Blocks: until the deadline; counted in the statistics.
  /// Fails with: no_free_slot if there is none and the deadline had passed before, deadline_exceeded, wrong_process,
  /// system.
  [[nodiscard]] Result<FrameWriter> acquire(Deadline deadline);
  /// As above, while `peer` is there: for a producer whose readers run in the backend `peer`.
  /// Fails with: also as Peer::wait_readable.
  [[nodiscard]] Result<FrameWriter> acquire(Peer& peer, Deadline deadline);

  /// Tells readers that no frame follows; they are given the rest first, then `closed`. Publishing opens it again.
  /// Blocks: never. Fails with: wrong_process.
  Result<void> finish();

  /// Returns how many frames were published, by this and by earlier producers: the sequence of the last.
  [[nodiscard]] std::uint64_t published() const noexcept;
  /// Returns what was said about the last frame published, or nothing if there is none. It survives any death of a
  /// producer: a restarted one finds out here how far its predecessor came. It is not checked again.
  [[nodiscard]] std::optional<FrameMeta> last_published() const noexcept;

 private:
  friend class FramePool;
  explicit FrameProducer(std::shared_ptr<frame::detail::ProducerEnd> end) noexcept : end_{std::move(end)} {}

  std::shared_ptr<frame::detail::ProducerEnd> end_;
};

}  // namespace prong

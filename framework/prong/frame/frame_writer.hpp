// A slot that is being filled.
#pragma once

#include "prong/base/bytes.hpp"
#include "prong/base/result.hpp"
#include "prong/frame/frame_lease.hpp"
#include "prong/frame/frame_meta.hpp"

#include <cstdint>
#include <memory>

namespace prong::frame::detail {
class ProducerEnd;
}

namespace prong {

/// The right to fill one slot. Publishing it ends it; destroying it gives the slot back unpublished.
///
/// Several may exist at once; their frames are numbered in the order of publishing. It keeps the end that made it
/// alive. An empty one, default-constructed, moved-from or published, has no bytes.
/// Thread safety: publishing and destroying as the FrameProducer's members; filling the bytes in any thread.
/// After fork: the child's copy gives nothing back and must not be written to.
class FrameWriter {
 public:
  FrameWriter() noexcept = default;
  FrameWriter(FrameWriter&& other) noexcept;
  FrameWriter& operator=(FrameWriter&& other) noexcept;
  ~FrameWriter() { abandon(); }

  [[nodiscard]] explicit operator bool() const noexcept { return end_ != nullptr; }
  /// Returns the whole slot, in shared memory. What an earlier frame left in it is still there.
  [[nodiscard]] MutableBytes bytes() const noexcept { return bytes_; }

  /// Publishes the first `meta.size` bytes and returns the frame's sequence. Blocks: never.
  ///
  /// Sequence, slot and time of publishing are set by the ring. After a failure the slot is still here.
  /// Fails with: oversize, invalid_argument if planes do not lie within the frame, invalid_state if empty,
  /// wrong_process, overflow after 2^48 - 1 frames.
  [[nodiscard]] Result<std::uint64_t> publish(const FrameMeta& meta);
  /// As publish(), and keeps the frame for this process too: for a handle that travels in a message.
  [[nodiscard]] Result<FrameLease> publish_and_keep(const FrameMeta& meta);

  /// Gives the slot back unpublished. Blocks: never.
  void abandon() noexcept;

 private:
  friend class FrameProducer;
  FrameWriter(std::shared_ptr<frame::detail::ProducerEnd> end, std::uint32_t slot) noexcept;
  [[nodiscard]] Result<void> check_not_empty() const;
  void clear() noexcept;

  std::shared_ptr<frame::detail::ProducerEnd> end_;
  MutableBytes bytes_;
  std::uint32_t slot_ = 0;
};

}  // namespace prong

// A frame that somebody reads.
#pragma once

#include "prong/base/bytes.hpp"
#include "prong/frame/frame_meta.hpp"
#include "prong/message/frame_handle.hpp"

#include <cstdint>
#include <memory>

namespace prong::frame::detail {
class LeaseKeeper;
struct LeaseAccess;
}  // namespace prong::frame::detail

namespace prong {

/// The right to read one frame, in place. While it lives, the frame's slot is not filled again.
///
/// Destroying it gives the slot back; for a reader this is what says that it is done with the frame. It keeps the end
/// that made it alive. An empty one, default-constructed or moved-from, has no bytes.
/// Thread safety: as an int; leases of one end may be used and given back by different threads.
/// If the peer dies: the frame stays readable.
/// After fork: the child's copy gives nothing back and must not be read.
class FrameLease {
 public:
  FrameLease() noexcept = default;
  FrameLease(FrameLease&& other) noexcept;
  FrameLease& operator=(FrameLease&& other) noexcept;
  ~FrameLease() { release(); }

  [[nodiscard]] explicit operator bool() const noexcept { return keeper_ != nullptr; }
  /// Returns the frame's bytes, `meta().size` of them, in shared memory. Writing to them ends a consumer with SIGSEGV.
  [[nodiscard]] Bytes bytes() const noexcept { return bytes_; }
  /// Returns what the producer said about the frame, checked against its slot.
  [[nodiscard]] const FrameMeta& meta() const noexcept { return meta_; }
  /// Returns the bytes of one plane. Requires: `number` is less than plane_count(meta().format).
  [[nodiscard]] Bytes plane(std::size_t number) const noexcept { return plane_of(bytes_, meta_, number); }
  [[nodiscard]] std::uint64_t sequence() const noexcept { return meta_.sequence; }

  /// Returns how often this reader was given this frame, this time included: more than 1 if one died holding it.
  [[nodiscard]] std::uint32_t delivery() const noexcept { return delivery_; }
  /// Returns the frame's name for messages. It stays good while this lease is kept.
  [[nodiscard]] FrameHandle handle() const noexcept { return handle_; }

  /// Gives the slot back before the end of the lease's life. Blocks: never.
  void release() noexcept;

 private:
  friend struct frame::detail::LeaseAccess;

  std::shared_ptr<frame::detail::LeaseKeeper> keeper_;
  Bytes bytes_;
  FrameMeta meta_;
  FrameHandle handle_;
  std::uint32_t delivery_ = 1;
};

}  // namespace prong

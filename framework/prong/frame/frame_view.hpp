// A frame that somebody else keeps.
#pragma once

#include "prong/base/bytes.hpp"
#include "prong/frame/frame_meta.hpp"
#include "prong/message/frame_handle.hpp"

#include <cstdint>
#include <memory>

namespace prong::frame::detail {
class RoleMapping;
}

namespace prong {

/// The frame behind a handle, in place and read-only.
///
/// It keeps the memory mapped, not the frame in its slot: that does the lease of whoever sent the handle, who must keep
/// it until it has the answer. Whoever may have outlived that asks is_current() after reading.
/// Thread safety: a value; all members may be called from any thread.
/// After fork: the child's copy must not be read.
class FrameView {
 public:
  /// Returns the frame's bytes, `meta().size` of them. Writing to them ends the process with SIGSEGV, unless it is the
  /// producer's.
  [[nodiscard]] Bytes bytes() const noexcept { return bytes_; }
  /// Returns what the producer said about the frame, checked against its slot.
  [[nodiscard]] const FrameMeta& meta() const noexcept { return meta_; }
  /// Returns the bytes of one plane. Requires: `number` is less than plane_count(meta().format).
  [[nodiscard]] Bytes plane(std::size_t number) const noexcept { return plane_of(bytes_, meta_, number); }
  /// Tells whether the slot still holds this frame: what was read before was not overwritten then.
  [[nodiscard]] bool is_current() const noexcept;

 private:
  friend class FramePool;
  FrameView(std::shared_ptr<const frame::detail::RoleMapping> mapping, Bytes bytes, const FrameMeta& meta) noexcept
      : mapping_{std::move(mapping)}, bytes_{bytes}, meta_{meta} {}

  std::shared_ptr<const frame::detail::RoleMapping> mapping_;
  Bytes bytes_;
  FrameMeta meta_;
};

}  // namespace prong

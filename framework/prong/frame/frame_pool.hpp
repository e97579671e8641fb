// Memory for frames that one process fills and others read by handle.
#pragma once

#include "prong/base/result.hpp"
#include "prong/frame/frame_producer.hpp"
#include "prong/frame/frame_view.hpp"
#include "prong/message/frame_handle.hpp"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

namespace prong::frame::detail {
class FrameMemory;
class FrameTravel;
}  // namespace prong::frame::detail

namespace prong {

/// How large a pool is.
struct FramePoolOptions {
  std::string name = "pool";   ///< Names its memory in /proc; 1 to 200 bytes.
  std::size_t slots = 8;       ///< 1 to 65,535.
  std::size_t slot_bytes = 0;  ///< Units: bytes. Any size but 0.
};

/// A number of slots for frames in shared memory, made before the fork, or given to a process by spawn().
///
/// All of it is faulted in when it is made, sealed against resizing, and gone with its last process. The object holds
/// descriptors; a process maps it when it takes an end or resolves a handle, and a fork hands no mapping on. For frames
/// that flow from one process to others, make a FrameRing, which has a pool of its own.
/// A copy is another handle to the same pool. Layout in memory: docs/formats/frame_ring.md.
/// Thread safety: all members may be called from any thread.
/// After fork: the child shares the memory.
class FramePool {
 public:
  /// Makes a pool. Throws Exception: size_invalid, invalid_argument for the name, system.
  explicit FramePool(const FramePoolOptions& options);

  /// Takes the end that fills slots, for this process. Each frame is published with FrameWriter::publish_and_keep().
  ///
  /// In a backend, this process gives up the right to map for writing what the end does not write.
  /// Fails with: invalid_state if a process has it, or if this one took another end; bad_message if an earlier
  /// producer left words that contradict each other; system.
  [[nodiscard]] Result<FrameProducer> producer() const;
  /// Finds the frame that `handle` names. Copies nothing of it. Blocks: never.
  /// Fails with: stale_frame if its slot was given up meanwhile, invalid_argument for a handle of another pool or no
  /// frame, bad_message if the producer described it wrongly, system.
  [[nodiscard]] Result<FrameView> resolve(const FrameHandle& handle) const;

  /// Returns the number that this pool has in handles.
  [[nodiscard]] std::uint64_t id() const noexcept;
  [[nodiscard]] std::size_t slots() const noexcept;
  /// Units: bytes.
  [[nodiscard]] std::size_t slot_bytes() const noexcept;

 private:
  friend class FrameRing;
  friend class frame::detail::FrameTravel;
  explicit FramePool(std::shared_ptr<frame::detail::FrameMemory> memory) noexcept : memory_{std::move(memory)} {}

  std::shared_ptr<frame::detail::FrameMemory> memory_;
};

}  // namespace prong

// Frames from one process to others, without copying.
#pragma once

#include "prong/base/result.hpp"
#include "prong/frame/frame_consumer.hpp"
#include "prong/frame/frame_policy.hpp"
#include "prong/frame/frame_pool.hpp"
#include "prong/frame/frame_producer.hpp"
#include "prong/frame/frame_statistics.hpp"

#include <cstddef>
#include <string>
#include <utility>

namespace prong {

/// How large a ring is, and what it does when it is full.
struct FrameRingOptions {
  std::string name = "ring";  ///< Names its memory in /proc; 1 to 200 bytes.
  std::size_t slots = 8;      ///< 1 to 65,535. One is being filled and each reader may hold some: at least readers + 2.
  std::size_t slot_bytes = 0;  ///< Units: bytes. Any size but 0: the largest frame.
  std::size_t readers = 1;     ///< 1 to 64. Each is given every frame.
  FramePolicy policy = FramePolicy::block;
};

/// Connects one producer with one or several readers, made before the fork, or given to a process by spawn().
///
/// Each end is taken in the process that shall use it, in any order and again after a death; a frame is handed over by
/// a few words whatever its size, and by no system call while the other side is awake. A slot is filled again only when
/// nobody reads it: no frame is ever torn.
/// A copy is another handle to the same ring. Layout, protocol and what each death leaves: docs/formats/frame_ring.md.
/// Thread safety: all members may be called from any thread.
/// After fork: the child shares the ring.
/// Source: libValkka, SharedMemRingBuffer.
class FrameRing {
 public:
  /// Makes a ring. Throws Exception: size_invalid, invalid_argument for the name, system.
  explicit FrameRing(const FrameRingOptions& options);

  /// Takes the producer's end, for this process. Fails with: as FramePool::producer().
  [[nodiscard]] Result<FrameProducer> producer() const { return pool_.producer(); }
  /// Takes the end of one reader, for this process.
  ///
  /// In a backend, this process gives up the right to map for writing what the end does not write.
  /// Fails with: invalid_argument if there is no such reader, invalid_state if a process has this end, or if this one
  /// took another; bad_message if an earlier reader or the producer left words that contradict each other; system.
  [[nodiscard]] Result<FrameConsumer> consumer(std::size_t reader = 0) const;

  /// Returns what has passed so far. Each number is exact; all agree when nobody publishes or reads meanwhile.
  /// Fails with: system.
  [[nodiscard]] Result<FrameRingStatistics> statistics() const;

  /// Returns the pool that the frames lie in, to resolve handles of them.
  [[nodiscard]] const FramePool& pool() const noexcept { return pool_; }
  [[nodiscard]] std::size_t readers() const noexcept;
  [[nodiscard]] FramePolicy policy() const noexcept;

 private:
  friend class frame::detail::FrameTravel;
  explicit FrameRing(FramePool pool) noexcept : pool_{std::move(pool)} {}

  FramePool pool_;
};

}  // namespace prong

// What of a frame ring or pool travels to a process that was not forked with it: numbers, beside the descriptors.
#pragma once

#include "prong/base/result.hpp"
#include "prong/frame/frame_policy.hpp"

#include <cstdint>
#include <vector>

namespace prong {
class FramePool;
class FrameRing;
}  // namespace prong

namespace prong::frame::detail {

/// Everything by which a process takes part in a ring, given that it has the descriptors under these numbers.
struct FrameTicket {
  std::uint64_t slots = 0;
  std::uint64_t slot_bytes = 0;
  std::uint64_t readers = 0;
  FramePolicy policy = FramePolicy::block;
  std::uint64_t pool = 0;
  std::vector<std::int32_t> memories;  ///< Pixels, stream, readers.
  std::vector<std::int32_t> bells;     ///< The producer's, readers'.

  template <class Archive>
  void serialize(Archive& archive) {
    archive(slots, slot_bytes, readers, policy, pool, memories, bells);
  }
};

/// Takes rings apart and puts them together.
class FrameTravel {
 public:
  /// Returns a ticket. It is good as long as the ring, or a copy of it, lives in this process.
  /// Fails with: invalid_state in a backend that has taken an end.
  [[nodiscard]] static Result<FrameTicket> ticket_of(const FramePool& pool);
  [[nodiscard]] static Result<FrameTicket> ticket_of(const FrameRing& ring);

  /// Takes over the descriptors. Requires: called once with each, in a process that was given them.
  /// Fails with: bad_message if they are not those of such a ring.
  [[nodiscard]] static Result<FramePool> open_pool(const FrameTicket& ticket);
  [[nodiscard]] static Result<FrameRing> open_ring(const FrameTicket& ticket);
};

}  // namespace prong::frame::detail

// Exact counts of a frame ring.
#pragma once

#include <chrono>
#include <cstdint>
#include <vector>

namespace prong {

/// What became of the frames, for one reader.
///
/// While nobody publishes or reads, `published == delivered + dropped + queued`.
struct FrameReaderStatistics {
  std::uint64_t delivered = 0;    ///< Frames that this reader was given, each counted once.
  std::uint64_t redelivered = 0;  ///< How often it was given a frame again that it held when it died.
  std::uint64_t dropped = 0;      ///< Frames that it will never be given.
  std::uint64_t queued = 0;       ///< Frames that are ready for it.
  std::uint64_t leased = 0;       ///< Frames that it has and has not given back.
  bool has_left = false;          ///< Whether nobody waits for it any more.
};

/// What has passed through a frame ring since it was made, whoever held its ends.
struct FrameRingStatistics {
  std::uint64_t published = 0;
  bool finished = false;
  std::uint64_t blocked = 0;                 ///< How often the producer has waited for a slot.
  std::chrono::nanoseconds blocked_time{0};  ///< How long in all, waits that have ended.
  std::vector<FrameReaderStatistics> readers;
};

}  // namespace prong

// What can be set about a channel when it is made.
#pragma once

#include <cstddef>
#include <cstdint>

namespace prong {

/// What a write does when the channel is full.
enum class ChannelPolicy : std::uint8_t {
  block,        ///< It waits for room, until its deadline: nothing is lost.
  reject,       ///< It fails at once with `overloaded`, whatever its deadline.
  drop_oldest,  ///< It takes the place of the oldest item that nobody has read; the loss is counted.
};

/// Sizes and policies of one channel. For "only the latest": a capacity of 1 and drop_oldest.
struct ChannelOptions {
  /// How many items may be written and not yet read; at least 1.
  std::size_t capacity = 1024;
  ChannelPolicy when_full = ChannelPolicy::block;
};

/// Figures about one channel, each exact, read one after the other.
struct ChannelStatistics {
  std::uint64_t written = 0;  ///< Items that were ever written.
  std::uint64_t read = 0;     ///< Items that were read.
  std::uint64_t dropped = 0;  ///< Items that nobody has read and nobody will.
};

}  // namespace prong

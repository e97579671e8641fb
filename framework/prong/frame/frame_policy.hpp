// What happens to a frame for which there is no slot.
#pragma once

#include <cstdint>

namespace prong {

/// What a producer does when every slot holds a frame that a reader has not read. A frame being read is never touched.
enum class FramePolicy : std::uint8_t {
  block,        ///< It waits for the readers, until its deadline: nothing is lost.
  drop_oldest,  ///< It takes the oldest unread frame; readers who have not read it lose it, and it is counted.
  latest_only,  ///< As drop_oldest, and a reader is always given the newest; those passed over are counted as dropped.
};

}  // namespace prong

// The name of a frame: what travels instead of its pixels.
#pragma once

#include <cstdint>

namespace prong {

/// Names one frame in one pool. The frame layer makes it and finds the frame; everybody else passes it on.
///
/// Thread safety: a value. After fork: the name stays good, whoever resolves it checks it.
struct FrameHandle {
  std::uint64_t pool = 0;        ///< The pool, unique among the processes of one program.
  std::uint32_t slot = 0;        ///< Where in the pool the frame lies.
  std::uint32_t generation = 0;  ///< How often the slot was filled; an old handle is noticed by it.
  std::uint64_t sequence = 0;    ///< The number of the frame in its stream.

  template <class Archive>
  void serialize(Archive& archive) {
    archive(pool, slot, generation, sequence);
  }

  friend bool operator==(const FrameHandle&, const FrameHandle&) = default;
};

}  // namespace prong

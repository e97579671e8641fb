// What a backend is given to begin with, whoever forked it.
#pragma once

#include "prong/os/shared_memory.hpp"
#include "prong/transport/segment.hpp"

#include <cstdint>
#include <span>
#include <vector>

namespace prong::detail {

/// The shared memory of a backend and its frontend.
struct BackendSeat {
  const transport::Segment& segment;
  const os::SharedMemory& log;
  const os::SharedMemory& crash;

  /// Returns the descriptors to keep, in the order in which OwnedSeat::open takes them.
  [[nodiscard]] std::vector<int> descriptors() const {
    return {segment.memory().descriptor(), segment.bell(transport::Side::frontend),
            segment.bell(transport::Side::backend), log.descriptor(), crash.descriptor()};
  }
};

/// A seat whose descriptors came through a socket.
class OwnedSeat {
 public:
  static constexpr std::size_t descriptor_count = 5;

  /// Takes over descriptors. Fails with: bad_message if they are not those of a seat, system.
  [[nodiscard]] static Result<OwnedSeat> open(std::span<const int> descriptors, std::size_t data_bytes);
  [[nodiscard]] BackendSeat seat() const noexcept { return {segment_, log_, crash_}; }

 private:
  OwnedSeat(transport::Segment segment, os::SharedMemory log, os::SharedMemory crash) noexcept
      : segment_{std::move(segment)}, log_{std::move(log)}, crash_{std::move(crash)} {}

  transport::Segment segment_;
  os::SharedMemory log_;
  os::SharedMemory crash_;
};

}  // namespace prong::detail

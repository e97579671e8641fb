// How a process that the fork server has forked becomes the backend of a certain MessageProcess.
#pragma once

#include "prong/process/detail/backend_seat.hpp"

#include <cstdint>
#include <span>
#include <vector>

namespace prong::detail {

/// What stands at the start of the payload of such a process; the numbers of the inherited descriptors follow, then the
/// arguments of its factory.
struct SeatMessage {
  std::uint64_t serial = 0;  ///< Of the object in the snapshot; 0 if there is none.
  std::uint64_t ring_bytes = 0;
  std::uint64_t inherited_count = 0;
};

/// A seat that was taken.
struct TakenSeat {
  std::uint64_t serial = 0;
  OwnedSeat seat;
  Bytes arguments;
};

/// Writes the payload for take_seat().
[[nodiscard]] std::vector<std::byte> seat_payload(std::uint64_t serial, const BackendSeat& seat,
                                                  std::span<const int> inherited, Bytes arguments);

/// Gives each inherited descriptor the number that it has in the frontend, and closes what does not belong here.
/// Requires: called once, in the process that got `payload` and `descriptors`. Fails with: malformed, bad_message,
/// system.
[[nodiscard]] Result<TakenSeat> take_seat(Bytes payload, std::span<const int> descriptors);

/// Tells whether this process constructs a MessageProcess to be its backend: there is no frontend here then.
[[nodiscard]] bool is_spawned_backend() noexcept;

}  // namespace prong::detail

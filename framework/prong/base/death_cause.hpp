// What ended a backend.
#pragma once

#include <cstdint>
#include <string_view>

namespace prong {

/// What ended a backend. The numbers cross processes and never change: docs/formats/error_codes.md lists them.
enum class DeathCause : std::uint8_t {
  signal = 1,          ///< A signal other than SIGKILL: a fault of its own, or one that somebody sent.
  exception = 2,       ///< std::terminate: an exception that nobody caught, or one where none may leave.
  exit = 3,            ///< It left by exit or _exit before it was asked to stop; with code 0, too.
  deadline = 4,        ///< This program ended it, because a deadline had passed.
  out_of_memory = 5,   ///< Memory ran out: a std::bad_alloc that nobody caught, or the kernel killed it for that.
  foreign_kill = 6,    ///< A SIGKILL that this program did not send, and that nothing explains.
  ended = 7,           ///< This program ended it, by terminate(), kill() or an actor's exit message.
  bad_message = 8,     ///< It broke the protocol, and this program killed it for that.
  processor_time = 9,  ///< It had used the processor time that its limits allow.
};

/// Returns the cause's name as it is spelt above, or "unknown" for a number of a newer peer.
[[nodiscard]] std::string_view name_of(DeathCause cause) noexcept;

}  // namespace prong

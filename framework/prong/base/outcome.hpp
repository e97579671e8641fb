// How calls end.
#pragma once

#include <cstdint>
#include <string_view>

namespace prong {

/// How a call ended. Each call ends in exactly one of these ways.
enum class Outcome : std::uint8_t {
  value,              ///< The handler returned.
  failed,             ///< The backend answered with an error: what the handler threw, or what was wrong with the call.
  not_delivered,      ///< The call provably never began to run.
  outcome_unknown,    ///< There is no answer, and the call may have run, wholly or in part.
  deadline_exceeded,  ///< There was no answer by the deadline.
  cancelled,          ///< The caller gave it up.
  overloaded,         ///< A bounded queue was full; nothing was sent.
};

/// Returns the outcome's name as it is spelt above.
[[nodiscard]] std::string_view name_of(Outcome outcome) noexcept;

}  // namespace prong

// Prong's errors as CAF's: the category is "prong", the code is Errc's number, the text is the message.
#pragma once

#include "prong/base/error.hpp"

#include <caf/atom.hpp>
#include <caf/error.hpp>
#include <caf/make_message.hpp>

namespace prong::actor {

inline constexpr auto error_category = caf::atom("prong");

[[nodiscard]] inline caf::error to_caf(const Error& error) {
  static_assert(static_cast<unsigned>(Errc::stale_frame) <= 255, "a code of CAF 0.17 is one byte");
  return caf::error{static_cast<std::uint8_t>(error.code()), error_category, caf::make_message(error.message())};
}

}  // namespace prong::actor

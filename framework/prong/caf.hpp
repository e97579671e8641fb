// For users who speak to processes from actors of the C++ Actor Framework.
#pragma once

#include "prong/actor/caf_messages.hpp"
#include "prong/process/message_process.hpp"

#include <caf/actor.hpp>
#include <caf/error.hpp>

namespace prong {

/// Returns the Error that travelled inside a CAF error or exit reason. One that did not come from a process becomes an
/// invalid_state with CAF's own text.
[[nodiscard]] Error error_of(const caf::error& error);

}  // namespace prong

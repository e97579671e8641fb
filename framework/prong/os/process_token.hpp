// Telling one process from the one it was forked from, without a system call.
#pragma once

#include <cstdint>

namespace prong::os {

/// A number that differs between a process and every process it was forked from or has forked.
///
/// A handle remembers the token of the process that made it and compares: that is how use in the wrong process is
/// noticed. Costs one load. Source: pthread_atfork(3), so forks that Prong did not make count too.
[[nodiscard]] std::uint64_t process_token() noexcept;

}  // namespace prong::os

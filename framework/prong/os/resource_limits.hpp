// What a process may use at most.
#pragma once

#include "prong/base/result.hpp"

#include <chrono>
#include <cstdint>
#include <optional>

namespace prong::os {

/// Limits that the kernel keeps for a process and for each that it starts. What is not given stays as it is.
///
/// Source: setrlimit(2).
struct ResourceLimits {
  /// RLIMIT_AS. Units: bytes of all that is mapped, what a fork has inherited included. Beyond it `new` throws
  /// std::bad_alloc.
  std::optional<std::uint64_t> address_space_bytes{};
  /// RLIMIT_CORE. Units: bytes of a core dump; 0 for none.
  std::optional<std::uint64_t> core_bytes{};
  /// RLIMIT_NOFILE: one more than the highest number of a descriptor.
  std::optional<std::uint64_t> open_files{};
  /// RLIMIT_CPU, of all threads. When it is used up, the process gets SIGXCPU, and a second later SIGKILL.
  std::optional<std::chrono::seconds> processor_time{};
};

/// Sets the limits of this process, for good: as soft and as hard limits.
/// Fails with: system, for one above the hard limit that is inherited, unless this process may raise it.
Result<void> limit_this_process(const ResourceLimits& limits);

}  // namespace prong::os

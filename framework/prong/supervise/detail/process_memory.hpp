// What memory a process has of its own.
#pragma once

#include <sys/types.h>

#include <cstdint>

namespace prong::supervise::detail {

/// Returns the resident memory of process `pid` that is backed by neither files nor shared memory, in bytes; 0 if there
/// is no such process or it cannot be known. Frames that are mapped and code do not count; pages that a fork has in
/// common with its parent do.
/// Source: proc(5), /proc/[pid]/statm, resident less shared.
[[nodiscard]] std::uint64_t own_memory_of(pid_t pid) noexcept;

}  // namespace prong::supervise::detail

// The threads of this process, as the kernel sees them.
#pragma once

#include "prong/base/result.hpp"

#include <sys/types.h>

#include <string>
#include <string_view>
#include <vector>

namespace prong::os {

/// One thread of this process.
struct ThreadInfo {
  pid_t id = 0;
  std::string name;
};

/// Lists the threads of this process other than the caller. Source: /proc/self/task.
[[nodiscard]] Result<std::vector<ThreadInfo>> other_threads();

/// Succeeds if this process has one thread; `action` names what was wanted.
/// Fails with: threads_exist, naming each other thread.
[[nodiscard]] Result<void> require_single_thread(std::string_view action);

}  // namespace prong::os

// The threads of another process, and what keeps one of them from answering.
#pragma once

#include "prong/os/threads.hpp"

namespace prong::os::detail {

/// Lists the threads of process `pid`, the main one first, most_captured_threads of them at most.
/// Fails with: system. Source: /proc/PID/task.
[[nodiscard]] Result<std::vector<ThreadInfo>> list_threads(pid_t pid);

/// Returns the letter of the state that a thread of process `pid` is in, 'Z' if it has ended. Source: proc(5), status.
[[nodiscard]] char thread_state(pid_t pid, pid_t thread);

/// Returns in words why a thread of process `pid` handles no signals now, as the kernel's files tell it.
[[nodiscard]] std::string why_no_answer(pid_t pid, pid_t thread);

}  // namespace prong::os::detail

// Processes with all that they have started: finding and ending them.
#pragma once

#include "prong/base/deadline.hpp"
#include "prong/base/result.hpp"
#include "prong/os/unique_fd.hpp"

#include <sys/types.h>

#include <functional>
#include <span>
#include <vector>

namespace prong::os {

/// Makes this process the parent of every descendant whose own parent has ended, instead of init.
/// Source: prctl(2), PR_SET_CHILD_SUBREAPER. It is not inherited over a fork.
void become_subreaper() noexcept;

/// Makes this process the leader of a process group of its own, so that all it starts can be signalled at once.
/// A terminal's Ctrl-C then does not reach it. Source: setpgid(2).
void lead_process_group() noexcept;

/// Kills every process in the group that `leader` leads. Requires: `leader` is a child of this process that has not
/// been reaped, so that its number means nobody else.
void kill_group(pid_t leader) noexcept;

/// Returns the children of this process, those that have ended and are not reaped included.
/// Requires: this process has one thread. Fails with: system. Source: proc(5), /proc/pid/task/tid/children.
[[nodiscard]] Result<std::vector<pid_t>> own_children();

/// Returns a pidfd for each process that descends from `pid` now, as far as its parents live.
///
/// With those of a subreaper, daemons that it has let go of are among them. What they start while this looks may be
/// missing. Requires: `pid` is a child of this process, or of its fork server, that has not been reaped.
[[nodiscard]] std::vector<UniqueFd> open_descendants(pid_t pid);

/// Kills the processes that these pidfds mean. Those that have ended are no error.
void kill_all(std::span<const UniqueFd> pidfds) noexcept;

/// Kills and reaps the children of this process for which `keep` does not hold, those who become children of this
/// process because of it, and so on, until there are none.
///
/// Requires: this process has become_subreaper() and one thread.
/// Only children that this process has not reaped are signalled, so nobody else's number is.
/// Fails with: deadline_exceeded, system.
Result<void> end_children(const std::function<bool(pid_t)>& keep, Deadline deadline);

}  // namespace prong::os

// Signals as a forked process finds and leaves them.
#pragma once

#include <span>

namespace prong::os {

/// Gives every signal its default disposition, but for those `ignored`, and then empties the mask: as a freshly
/// executed program has them. No signal can slip in between.
void reset_signals(std::span<const int> ignored = {}) noexcept;

/// Has the kernel kill this process with SIGKILL when the thread that forked it is gone, however it went.
///
/// Requires: called in the child, soon after the fork; `parent` is the pid of the process that forked it.
/// A parent that is gone already ends this process at once. Source: prctl(2), PR_SET_PDEATHSIG.
void die_with_parent(int parent) noexcept;

/// Names this process as ps and top show it: up to 15 bytes, more are cut.
void set_process_name(const char* name) noexcept;

}  // namespace prong::os

// Names for the addresses of a capture, found in the files that the code came from.
#pragma once

#include "prong/base/crash_report.hpp"
#include "prong/os/stack_capture.hpp"

#include <vector>

namespace prong::os::detail {

/// Unwinds and names the stacks of `capture`, whatever is in it. Blocks: while files are read.
///
/// Thread safety: any thread; one works at a time, because libdw wants it so.
[[nodiscard]] std::vector<ThreadStack> name_stacks(const StackCapture& capture);

/// Returns the innermost own frame of the first thread, or its innermost one, with what the symbol table of its file
/// says and no more: the work of microseconds where the file is in memory. Returns no address if there is no frame.
[[nodiscard]] StackFrame find_own_frame(const StackCapture& capture);

}  // namespace prong::os::detail

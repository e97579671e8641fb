// A crash report that is made when somebody asks for it.
#pragma once

#include "prong/base/crash_report.hpp"
#include "prong/os/stack_capture.hpp"

#include <memory>
#include <string>

namespace prong::os {

/// Returns evidence whose report is `known` and, from the first call of report() on, the named stacks of `capture`.
///
/// The process may be gone by then; the files that its code came from are looked at, if they are still the same.
[[nodiscard]] std::shared_ptr<const CrashEvidence> make_evidence(CrashReport known, StackCapture capture);

/// Returns where a reader of `capture` begins to look, as far as that is known at once: "function (module+offset)", the
/// innermost own frame of the first thread. Returns nothing without a stack. For a line in a log; takes microseconds.
[[nodiscard]] std::string own_place(const StackCapture& capture) noexcept;

}  // namespace prong::os

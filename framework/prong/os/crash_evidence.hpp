// A crash report that is made when somebody asks for it.
#pragma once

#include "prong/base/crash_report.hpp"
#include "prong/os/stack_capture.hpp"

#include <memory>

namespace prong::os {

/// Returns evidence whose report is `known` and, from the first call of report() on, the named stacks of `capture`.
///
/// The process may be gone by then; the files that its code came from are looked at, if they are still the same.
[[nodiscard]] std::shared_ptr<const CrashEvidence> make_evidence(CrashReport known, StackCapture capture);

}  // namespace prong::os

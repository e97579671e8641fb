// A process that reports its crashes, without the rest of a backend.
#pragma once

#include "prong/os/child_process.hpp"
#include "prong/os/crash_evidence.hpp"
#include "prong/os/crash_handler.hpp"
#include "prong/os/crash_page.hpp"
#include "prong/os/event_fd.hpp"
#include "prong/os/signals.hpp"

#include <algorithm>
#include <functional>
#include <string>

namespace prong::tests {

/// A child that runs `work` as a backend would, and exits with 0 behind it.
struct CrashChild {
  explicit CrashChild(const std::function<void()>& work) {
    process = os::ChildProcess::fork([&] {
                os::reset_signals();
                os::set_process_name("crasher");
                if (!os::report_crashes_to(page.shared_memory())) return 97;
                begun.set();
                work();
                return 0;
              }).value();
  }

  /// Waits until its handlers are there.
  void wait_begun() { static_cast<void>(begun.wait(Deadline::after(std::chrono::seconds{20}))); }
  os::ExitStatus wait() { return process.wait(Deadline::after(std::chrono::seconds{20})).value(); }

  os::CrashPage page{os::CrashPage::create().value()};
  os::EventFd begun{os::EventFd::create().value()};
  os::ChildProcess process;
};

/// How a child ended and what it left.
struct Crash {
  os::ExitStatus status;
  os::CrashNote note;
  CrashReport report;  ///< Only its stacks and `no_stack`.
};

inline CrashReport name_stacks(os::StackCapture capture) {
  return os::make_evidence(CrashReport{}, std::move(capture))->report();
}

inline Crash crash(const std::function<void()>& work) {
  CrashChild child{work};
  Crash result{.status = child.wait(), .note = child.page.read().value(), .report = {}};
  result.report = name_stacks(result.note.capture);
  return result;
}

/// Returns the frame of `function` on the stack of any thread whose name begins with `thread`, or null.
inline const StackFrame* find_frame(const CrashReport& report, const std::string& function,
                                    const std::string& thread = {}) {
  for (const ThreadStack& stack : report.threads) {
    if (stack.name.rfind(thread, 0) != 0) continue;
    const auto found = std::find_if(stack.frames.begin(), stack.frames.end(), [&](const StackFrame& frame) {
      return frame.function.find(function) != std::string::npos;
    });
    if (found != stack.frames.end()) return &*found;
  }
  return nullptr;
}

}  // namespace prong::tests

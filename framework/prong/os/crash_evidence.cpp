#include "prong/os/crash_evidence.hpp"

#include "prong/os/detail/stack_symbols.hpp"

#include <exception>
#include <mutex>

namespace prong::os {
namespace {

class LazyEvidence final : public CrashEvidence {
 public:
  LazyEvidence(CrashReport known, StackCapture capture) : report_{std::move(known)}, capture_{std::move(capture)} {}

  const CrashReport& report() const override {
    const std::lock_guard lock{mutex_};
    if (capture_.threads.empty()) return report_;
    try {
      report_.threads = detail::name_stacks(capture_);
    } catch (const std::exception& error) {
      report_.no_stack = std::string{"it could not be made readable: "} + error.what();
    }
    capture_ = {};
    return report_;
  }

 private:
  mutable std::mutex mutex_;
  mutable CrashReport report_;  // whole once `capture_` is empty
  mutable StackCapture capture_;
};

}  // namespace

std::shared_ptr<const CrashEvidence> make_evidence(CrashReport known, StackCapture capture) {
  if (capture.threads.empty() && known.no_stack.empty()) known.no_stack = "none was captured";
  return std::make_shared<const LazyEvidence>(std::move(known), std::move(capture));
}

std::string own_place(const StackCapture& capture) noexcept {
  try {
    const StackFrame frame = detail::find_own_frame(capture);
    return frame.address == 0 && frame.module.empty() ? std::string{} : to_string(frame);
  } catch (const std::exception&) {
    return {};
  }
}

}  // namespace prong::os

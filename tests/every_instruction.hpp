// The fixture of tests that kill a process after any instruction of some piece of work.
#pragma once

#include "process_test.hpp"
#include "prong/os/child_process.hpp"
#include "prong/os/signals.hpp"
#include "single_step.hpp"

#include <sys/mman.h>
#include <unistd.h>

#include <atomic>
#include <csignal>
#include <cstdlib>
#include <iostream>
#include <limits>

namespace prong::tests {

/// What the killed process has done, seen by all.
struct StepLedger {
  std::atomic<int> reached{0};  ///< Which of its stations it has passed.
  std::atomic<std::uint64_t> seen{0};
};

/// Kills a process after n instructions, for each n that is a multiple of a stride. The stride is PRONG_STEP_STRIDE, or
/// what suits the ordinary run of all tests.
class EveryInstruction : public ProcessTest {
 protected:
  ~EveryInstruction() override { ::munmap(memory_, sizeof(StepLedger)); }

  /// Calls `kill_after(count)` for each count of instructions from `first` on, by `every` strides, until it says that
  /// its work takes no more. It returns how many instructions it ran, and is first called with no end.
  template <class KillAfter>
  void kill_everywhere(std::uint64_t usual_stride, std::uint64_t first, std::uint64_t every, KillAfter&& kill_after) {
    const std::uint64_t stride = stride_or(usual_stride);
    const std::uint64_t instructions = kill_after(std::numeric_limits<std::uint64_t>::max());
    std::uint64_t kills = 0;
    for (std::uint64_t at = first * stride; at < instructions && !HasFailure(); at += every * stride, ++kills) {
      SCOPED_TRACE("killed after " + std::to_string(at) + " instructions");
      restart_watchdog();
      ledger.reached = 0;
      ledger.seen = 0;
      kill_after(at);
    }
    std::cout << kills << " kills among " << instructions << " instructions\n";
    EXPECT_GT(instructions, 100U) << "this is less than it takes";
  }

  /// Forks a child that runs `prepare`, and `count` instructions of `work`, and is killed there. Returns how many
  /// instructions it ran: fewer if `work` was over.
  std::uint64_t kill_child_in(const std::function<std::function<void()>()>& prepare, std::uint64_t count) {
    os::ChildProcess child = os::ChildProcess::fork([&, parent = ::getpid()] {
                               os::die_with_parent(parent);
                               const std::function<void()> work = prepare();
                               SingleStep::wait_for_tracer();
                               work();
                               ledger.reached = over;
                               for (;;) ::pause();
                               return 0;
                             }).value();
    const std::uint64_t ran = SingleStep{child.pid()}.run(count, [this] { return ledger.reached == over; });
    EXPECT_TRUE(child.signal(SIGKILL));
    EXPECT_EQ(child.wait(Deadline::after(std::chrono::seconds{20})).value().signal, SIGKILL);
    return ran;
  }

  static constexpr int over = 1'000;

 private:
  static std::uint64_t stride_or(std::uint64_t usual) {
    const char* const given = std::getenv("PRONG_STEP_STRIDE");
    if (given != nullptr) return std::strtoull(given, nullptr, 10);
#if defined(__SANITIZE_ADDRESS__)
    return 20 * usual;  // as many more instructions there are
#else
    return usual;
#endif
  }

  void* const memory_ = ::mmap(nullptr, sizeof(StepLedger), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

 protected:
  StepLedger& ledger = *::new (memory_) StepLedger{};
};

}  // namespace prong::tests

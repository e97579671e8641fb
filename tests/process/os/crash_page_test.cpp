#include "prong/os/crash_page.hpp"

#include "crash_child.hpp"
#include "guilty.hpp"
#include "process_test.hpp"

#include <dlfcn.h>
#include <sys/wait.h>
#include <unistd.h>
#include <unwind.h>

#include <atomic>
#include <csignal>
#include <ostream>
#include <thread>

namespace {

std::atomic<bool> walks_hang{false};

}  // namespace

// Stands before the one of libgcc in this program, so that a test can have a walk that does not come back.
extern "C" _Unwind_Reason_Code _Unwind_Backtrace(_Unwind_Trace_Fn note, void* argument) {
  using Walk = _Unwind_Reason_Code (*)(_Unwind_Trace_Fn, void*);
  static const auto real = reinterpret_cast<Walk>(::dlsym(RTLD_NEXT, "_Unwind_Backtrace"));
  while (walks_hang) {
  }
  return real(note, argument);
}

namespace prong::os {
namespace {

using CrashPage_ = tests::ProcessTest;
using tests::Crash;
using tests::crash;
using tests::CrashChild;
using tests::find_frame;

TEST_F(CrashPage_, fault_tells_signal_address_thread_and_the_guilty_function) {
  const Crash crashed = crash(tests::guilty_of_a_fault);

  EXPECT_EQ(crashed.status.signal, SIGSEGV);
  EXPECT_TRUE(crashed.note.written);
  EXPECT_EQ(crashed.note.signal, SIGSEGV);
  EXPECT_EQ(crashed.note.signal_code, SEGV_MAPERR);
  EXPECT_EQ(crashed.note.fault_address, 16U);
  EXPECT_FALSE(crashed.note.terminated);
  ASSERT_EQ(crashed.report.threads.size(), 1U);
  const ThreadStack& thread = crashed.report.threads.front();
  EXPECT_EQ(thread.name, "crasher");
  EXPECT_TRUE(thread.remark.empty()) << thread.remark;
  const StackFrame& frame = thread.frames.front();
  EXPECT_EQ(frame.function, "prong::tests::guilty_of_a_fault()");
  EXPECT_NE(frame.file.find("guilty.cpp"), std::string::npos);
  EXPECT_GT(frame.line, 0);
  EXPECT_NE(find_frame(crashed.report, "main"), nullptr);
}

struct Ending {
  const char* name;
  void (*work)();
  int signal;

  friend void PrintTo(const Ending& ending, std::ostream* out) { *out << ending.name; }
};

class CrashPageEndings : public tests::ProcessTest, public ::testing::WithParamInterface<Ending> {};

TEST_P(CrashPageEndings, keeps_the_exit_status_and_names_the_guilty_function) {
  const Ending& ending = GetParam();

  const Crash crashed = crash(ending.work);

  EXPECT_EQ(crashed.status.signal, ending.signal);
  EXPECT_EQ(crashed.note.signal, ending.signal);
  EXPECT_NE(find_frame(crashed.report, ending.name), nullptr) << to_string(crashed.report);
}

INSTANTIATE_TEST_SUITE_P(
    All, CrashPageEndings,
    ::testing::Values(Ending{"guilty_of_a_fault", tests::guilty_of_a_fault, SIGSEGV},
                      Ending{"guilty_of_calling_null", tests::guilty_of_calling_null, SIGSEGV},
                      Ending{"guilty_of_jumping_anywhere", tests::guilty_of_jumping_anywhere, SIGSEGV},
                      Ending{"guilty_of_abort", tests::guilty_of_abort, SIGABRT},
                      Ending{"guilty_of_dividing_by_zero", tests::guilty_of_dividing_by_zero, SIGFPE},
                      Ending{"guilty_of_no_instruction", tests::guilty_of_no_instruction, SIGILL},
                      Ending{"guilty_of_a_bus_error", tests::guilty_of_a_bus_error, SIGBUS},
                      Ending{"guilty_of_raising", [] { tests::guilty_of_raising(SIGTRAP); }, SIGTRAP},
                      Ending{"guilty_of_raising", [] { tests::guilty_of_raising(SIGSYS); }, SIGSYS},
                      Ending{"guilty_in_module", tests::guilty_in_a_loaded_module, SIGSEGV},
                      Ending{"guilty_while_loading", tests::guilty_of_loading_a_module_that_crashes, SIGABRT}),
    [](const auto& test) { return std::string{test.param.name} + "_" + std::to_string(test.param.signal); });

TEST_F(CrashPage_, overflow_of_the_stack_is_walked_to_its_other_end) {
  const Crash crashed = crash(tests::guilty_of_endless_recursion);

  EXPECT_EQ(crashed.status.signal, SIGSEGV);
  ASSERT_EQ(crashed.report.threads.size(), 1U);
  EXPECT_GT(crashed.report.threads.front().frames_left_out, 1000U);
  EXPECT_NE(find_frame(crashed.report, "recurse"), nullptr);
  EXPECT_NE(find_frame(crashed.report, "guilty_of_endless_recursion"), nullptr) << to_string(crashed.report);
}

TEST_F(CrashPage_, exception_that_may_not_leave_is_told_with_its_text) {
  const Crash crashed = crash(tests::guilty_of_throwing_where_none_may_leave);

  EXPECT_EQ(crashed.status.signal, SIGABRT);
  EXPECT_TRUE(crashed.note.terminated);
  EXPECT_EQ(crashed.note.exception_type, "std::runtime_error");
  EXPECT_EQ(crashed.note.exception_what, "the lens cap is on");
  EXPECT_NE(find_frame(crashed.report, "guilty_of_throwing"), nullptr) << to_string(crashed.report);
}

TEST_F(CrashPage_, exception_of_any_type_is_told) {
  const Crash crashed = crash(tests::guilty_of_throwing_a_number);

  EXPECT_EQ(crashed.status.signal, SIGABRT);
  EXPECT_TRUE(crashed.note.terminated);
  EXPECT_EQ(crashed.note.exception_type, "int");
  EXPECT_EQ(crashed.note.exception_what, "");
}

TEST_F(CrashPage_, terminate_handler_that_was_there_before_is_called) {
  CrashPage page = CrashPage::create().value();
  auto child = ChildProcess::fork([&] {
                 reset_signals();
                 std::set_terminate([] { ::_exit(42); });
                 if (!report_crashes_to(page.shared_memory())) return 97;
                 std::terminate();
               }).value();

  EXPECT_EQ(child.wait(Deadline::never()).value().code, 42);
  const CrashNote note = page.read().value();
  EXPECT_TRUE(note.terminated);
  EXPECT_TRUE(note.exception_type.empty());
  EXPECT_FALSE(note.written);
}

class CrashPageHeap : public tests::ProcessTest, public ::testing::WithParamInterface<Ending> {};

TEST_P(CrashPageHeap, corruption_is_reported) {
  const Crash crashed = crash(GetParam().work);

  if (tests::address_sanitizer) {
    EXPECT_EQ(crashed.status.code, 1);
    EXPECT_FALSE(crashed.note.written);
    return;
  }
  EXPECT_EQ(crashed.status.signal, GetParam().signal);
  ASSERT_EQ(crashed.report.threads.size(), 1U);
  EXPECT_NE(crashed.report.threads.front().frames.front().module.find("libc.so"), std::string::npos);
  EXPECT_NE(find_frame(crashed.report, GetParam().name), nullptr) << to_string(crashed.report);
}

INSTANTIATE_TEST_SUITE_P(All, CrashPageHeap,
                         ::testing::Values(Ending{"guilty_of_freeing_twice", tests::guilty_of_freeing_twice, SIGABRT},
                                           Ending{"guilty_of_overwriting_the_heap",
                                                  tests::guilty_of_overwriting_the_heap, SIGABRT},
                                           Ending{"guilty_of_faulting_with_the_heap_locked",
                                                  tests::guilty_of_faulting_with_the_heap_locked, SIGSEGV}),
                         [](const auto& test) { return std::string{test.param.name}; });

TEST_F(CrashPage_, other_thread_is_the_one_that_is_told) {
  const Crash crashed = crash(tests::guilty_in_another_thread);

  EXPECT_EQ(crashed.status.signal, SIGSEGV);
  ASSERT_EQ(crashed.report.threads.size(), 1U);
  EXPECT_EQ(crashed.report.threads.front().name, "worker");
  EXPECT_NE(find_frame(crashed.report, "guilty_of_a_fault"), nullptr);
}

TEST_F(CrashPage_, thread_with_a_signal_stack_may_overflow_its_own) {
  const Crash crashed = crash([] {
    std::thread{[] {
      const auto stack = SignalStack::create();
      if (stack) tests::guilty_of_endless_recursion();
    }}.join();
  });

  EXPECT_EQ(crashed.status.signal, SIGSEGV);
  EXPECT_NE(find_frame(crashed.report, "guilty_of_endless_recursion"), nullptr) << to_string(crashed.report);
}

TEST_F(CrashPage_, signal_stack_is_given_back) {
  {
    const auto stack = SignalStack::create();
    ASSERT_TRUE(stack);
    stack_t present{};
    ASSERT_EQ(::sigaltstack(nullptr, &present), 0);
    EXPECT_EQ(present.ss_flags & SS_DISABLE, 0);
  }
  stack_t present{};
  ASSERT_EQ(::sigaltstack(nullptr, &present), 0);
  EXPECT_NE(present.ss_flags & SS_DISABLE, 0);
}

TEST_F(CrashPage_, fault_while_the_stack_is_walked_keeps_what_was_found_and_the_first_signal) {
  const Crash crashed = crash([] { tests::guilty_of_a_destroyed_stack(); });

  EXPECT_EQ(crashed.status.signal, SIGABRT);
  EXPECT_EQ(crashed.note.signal, SIGABRT);
  EXPECT_NE(find_frame(crashed.report, "guilty_of_a_destroyed_stack"), nullptr) << to_string(crashed.report);
}

TEST_F(CrashPage_, fault_while_the_page_is_written_ends_by_the_first_signal) {
  const Crash crashed = crash(tests::guilty_of_unmapping_the_page);

  EXPECT_EQ(crashed.status.signal, SIGABRT);
  EXPECT_FALSE(crashed.note.written);
  EXPECT_TRUE(crashed.report.threads.empty());
  EXPECT_FALSE(crashed.report.no_stack.empty());
}

TEST_F(CrashPage_, walk_that_does_not_end_is_given_up) {
  const Crash crashed = crash([] {
    walks_hang = true;
    tests::guilty_of_a_fault();
  });

  EXPECT_EQ(crashed.status.signal, SIGSEGV);
  EXPECT_NE(find_frame(crashed.report, "guilty_of_a_fault"), nullptr) << to_string(crashed.report);
}

TEST_F(CrashPage_, handler_that_is_installed_later_stays) {
  const Crash crashed = crash([] {
    struct sigaction mine {};
    mine.sa_handler = [](int) { ::_exit(43); };
    ::sigaction(SIGSEGV, &mine, nullptr);
    tests::guilty_of_a_fault();
  });

  EXPECT_EQ(crashed.status.code, 43);
  EXPECT_FALSE(crashed.note.written);
}

TEST_F(CrashPage_, child_of_the_process_that_crashes_leaves_nothing) {
  const Crash crashed = crash([] {
    const pid_t child = ::fork();
    if (child == 0) tests::guilty_of_a_fault();
    int status = 0;
    ::waitpid(child, &status, 0);
    ::_exit(WTERMSIG(status));
  });

  EXPECT_EQ(crashed.status.code, SIGSEGV);
  EXPECT_FALSE(crashed.note.written);
}

TEST_F(CrashPage_, kill_from_outside_leaves_the_running_command) {
  EventFd noted = EventFd::create().value();
  CrashChild child{[&] {
    const CommandNote outer{7, 1234};
    { const CommandNote inner{8, 99}; }
    noted.set();
    for (;;) ::pause();
  }};
  ASSERT_TRUE(noted.wait(Deadline::after(std::chrono::seconds{20})));
  const auto running = child.page.running();
  ASSERT_TRUE(child.process.signal(SIGKILL));

  EXPECT_EQ(child.wait().signal, SIGKILL);
  ASSERT_TRUE(running);
  for (const auto& command : {running, child.page.running()}) {
    ASSERT_TRUE(command);
    EXPECT_EQ(command->command, 7);
    EXPECT_EQ(command->request, 1234U);
  }
  EXPECT_FALSE(child.page.read().value().written);
}

TEST_F(CrashPage_, nothing_runs_before_and_after_a_command) {
  CrashChild child{[] { const CommandNote note{7, 1234}; }};

  EXPECT_TRUE(child.wait().success());
  EXPECT_FALSE(child.page.running());
}

TEST_F(CrashPage_, signal_of_somebody_else_names_the_sender) {
  CrashChild child{[] {
    for (;;) ::pause();
  }};
  child.wait_begun();
  ASSERT_TRUE(child.process.signal(SIGABRT));
  EXPECT_EQ(child.wait().signal, SIGABRT);

  const CrashNote note = child.page.read().value();
  EXPECT_EQ(note.sender_pid, ::getpid());
  EXPECT_EQ(note.signal_code, SI_USER);
}

}  // namespace
}  // namespace prong::os

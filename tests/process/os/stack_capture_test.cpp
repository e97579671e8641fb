#include "prong/os/stack_capture.hpp"

#include "crash_child.hpp"
#include "guilty.hpp"
#include "process_test.hpp"
#include "prong/os/threads.hpp"

#include <linux/capability.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <csignal>
#include <fstream>
#include <ostream>
#include <thread>

namespace prong::os {
namespace {

using namespace std::chrono_literals;
using StackCapture_ = tests::ProcessTest;
using tests::CrashChild;
using tests::find_frame;
using tests::name_stacks;

Deadline soon() {
  return Deadline::after(20s);
}

Result<StackCapture> trace(const CrashChild& child) {
  return capture_by_trace(child.process.pid(), child.process.descriptor(), soon());
}

// Captures until `function` is on the stack of a thread whose name begins with `thread`: the child is on its way there.
template <class Capture>
CrashReport capture_until(Capture capture, const std::string& function, const std::string& thread = {}) {
  CrashReport report;
  const Deadline patience = soon();
  do {
    auto captured = capture();
    if (!captured) {
      report.no_stack = to_string(captured.error());
      break;
    }
    report = name_stacks(std::move(*captured));
  } while (find_frame(report, function, thread) == nullptr && !patience.has_passed());
  return report;
}

void kill_and_wait(CrashChild& child) {
  ASSERT_TRUE(child.process.signal(SIGKILL));
  EXPECT_EQ(child.wait().signal, SIGKILL);
}

struct Hang {
  const char* name;
  void (*work)();

  friend void PrintTo(const Hang& hang, std::ostream* out) { *out << hang.name; }
};

class StackCaptureHangs : public tests::ProcessTest, public ::testing::WithParamInterface<Hang> {};

TEST_P(StackCaptureHangs, names_the_guilty_function_and_leaves_the_exit_status) {
  CrashChild child{GetParam().work};
  child.wait_begun();

  const CrashReport report = capture_until([&] { return trace(child); }, GetParam().name);

  EXPECT_NE(find_frame(report, GetParam().name), nullptr) << to_string(report);
  EXPECT_NE(find_frame(report, "main"), nullptr) << to_string(report);
  EXPECT_TRUE(other_threads().value().empty());
  kill_and_wait(child);
}

INSTANTIATE_TEST_SUITE_P(All, StackCaptureHangs,
                         ::testing::Values(Hang{"hang_in_a_loop", tests::hang_in_a_loop},
                                           Hang{"hang_in_a_read", tests::hang_in_a_read},
                                           Hang{"hang_with_all_signals_blocked", tests::hang_with_all_signals_blocked},
                                           Hang{"hang_stopped", tests::hang_stopped}),
                         [](const auto& test) { return std::string{test.param.name}; });

TEST_F(StackCapture_, every_thread_is_told_by_its_name_the_main_one_first) {
  CrashChild child{tests::hang_in_three_threads};
  child.wait_begun();

  const CrashReport report = capture_until([&] { return trace(child); }, "hang_in_three_threads", "captain");

  ASSERT_EQ(report.threads.size(), 3U);
  EXPECT_EQ(report.threads.front().id, child.process.pid());
  EXPECT_EQ(report.threads.front().name, "captain");
  EXPECT_NE(find_frame(report, "hang_in_a_read", "reader"), nullptr) << to_string(report);
  EXPECT_NE(find_frame(report, "hang_in_a_loop", "spinner"), nullptr) << to_string(report);
  kill_and_wait(child);
}

TEST_F(StackCapture_, process_goes_on_afterwards) {
  EventFd go = EventFd::create().value();
  CrashChild child{[&] { static_cast<void>(go.wait(soon())); }};
  child.wait_begun();

  ASSERT_TRUE(trace(child));
  go.set();

  EXPECT_TRUE(child.wait().success());
}

TEST_F(StackCapture_, stopped_process_stays_stopped) {
  CrashChild child{tests::hang_stopped};
  child.wait_begun();
  const CrashReport report = capture_until([&] { return trace(child); }, "hang_stopped");
  ASSERT_NE(find_frame(report, "hang_stopped"), nullptr);

  const auto state = [&] {
    std::ifstream status{"/proc/" + std::to_string(child.process.pid()) + "/status"};
    std::string line;
    while (std::getline(status, line) && line.rfind("State:", 0) != 0) {
    }
    return line;
  };

  while (state().find("T (stopped)") == std::string::npos) std::this_thread::yield();
  kill_and_wait(child);
}

TEST_F(StackCapture_, stack_can_be_named_after_the_process_is_gone) {
  CrashChild child{tests::hang_in_a_read};
  child.wait_begun();
  auto capture = trace(child);
  ASSERT_TRUE(capture);
  kill_and_wait(child);

  const CrashReport report = name_stacks(std::move(*capture));

  EXPECT_NE(find_frame(report, "main"), nullptr) << to_string(report);
}

TEST_F(StackCapture_, process_that_has_ended_is_an_error) {
  CrashChild child{[] {}};
  const int pid = child.process.pid();
  EXPECT_TRUE(child.wait().success());

  EXPECT_FALSE(capture_by_trace(pid, child.process.descriptor(), soon()));
}

TEST_F(StackCapture_, number_that_now_names_another_process_is_refused) {
  CrashChild gone{[] {}};
  EXPECT_TRUE(gone.wait().success());
  CrashChild other{tests::hang_in_a_loop};

  const auto capture = capture_by_trace(other.process.pid(), gone.process.descriptor(), soon());

  ASSERT_FALSE(capture);
  EXPECT_EQ(capture.error().code(), Errc::process_expired);
  kill_and_wait(other);
}

TEST_F(StackCapture_, processes_are_captured_from_several_threads_at_once) {
  CrashChild first{tests::hang_in_a_loop};
  CrashChild second{tests::hang_in_a_read};
  first.wait_begun();
  second.wait_begun();
  CrashReport reports[2];

  {
    std::thread one{[&] { reports[0] = capture_until([&] { return trace(first); }, "hang_in_a_loop"); }};
    std::thread two{[&] { reports[1] = capture_until([&] { return trace(second); }, "hang_in_a_read"); }};
    one.join();
    two.join();
  }

  EXPECT_NE(find_frame(reports[0], "hang_in_a_loop"), nullptr) << to_string(reports[0]);
  EXPECT_NE(find_frame(reports[1], "hang_in_a_read"), nullptr) << to_string(reports[1]);
  kill_and_wait(first);
  kill_and_wait(second);
}

TEST_F(StackCapture_, process_that_is_killed_meanwhile_is_told_as_ended) {
  for (int i = 0; i < 20; ++i) {
    CrashChild child{tests::hang_in_three_threads};
    child.wait_begun();
    std::thread killer{[&] { ASSERT_TRUE(child.process.signal(SIGKILL)); }};

    static_cast<void>(trace(child));

    killer.join();
    EXPECT_EQ(child.wait().signal, SIGKILL);
  }
}

// Lets this thread trace nothing that does not want it, whoever runs the test.
class WithoutTracing {
 public:
  WithoutTracing() {
    ::syscall(SYS_capget, &header_, before_);
    __user_cap_data_struct less[2] = {before_[0], before_[1]};
    less[0].effective &= ~(1U << CAP_SYS_PTRACE);
    ::syscall(SYS_capset, &header_, less);
  }
  ~WithoutTracing() { ::syscall(SYS_capset, &header_, before_); }

 private:
  __user_cap_header_struct header_{.version = _LINUX_CAPABILITY_VERSION_3, .pid = 0};
  __user_cap_data_struct before_[2] = {};
};

// What a process does that may not be traced.
template <class Work>
auto untraceable(Work work) {
  return [work] {
    ::prctl(PR_SET_DUMPABLE, 0);
    work();
  };
}

class StackCaptureQuestions : public tests::ProcessTest, public ::testing::WithParamInterface<Hang> {};

TEST_P(StackCaptureQuestions, are_answered_where_tracing_is_forbidden) {
  const WithoutTracing forbidden;
  CrashChild child{untraceable(GetParam().work)};
  child.wait_begun();
  Result<StackCapture> traced = trace(child);
  for (const Deadline patience = soon(); traced && !patience.has_passed();) traced = trace(child);

  const CrashReport report =
      capture_until([&] { return child.page.capture_by_signal(child.process.pid(), soon()); }, GetParam().name);

  ASSERT_FALSE(traced);
  EXPECT_EQ(traced.error().system_error(), EPERM);
  EXPECT_NE(find_frame(report, GetParam().name), nullptr) << to_string(report);
  EXPECT_NE(find_frame(report, "main"), nullptr) << to_string(report);
  kill_and_wait(child);
}

INSTANTIATE_TEST_SUITE_P(All, StackCaptureQuestions,
                         ::testing::Values(Hang{"hang_in_a_loop", tests::hang_in_a_loop},
                                           Hang{"hang_in_a_read", tests::hang_in_a_read}),
                         [](const auto& test) { return std::string{test.param.name}; });

TEST_F(StackCapture_, questions_are_answered_by_every_thread) {
  CrashChild child{tests::hang_in_three_threads};
  child.wait_begun();

  const CrashReport report = capture_until([&] { return child.page.capture_by_signal(child.process.pid(), soon()); },
                                           "hang_in_three_threads", "captain");

  ASSERT_EQ(report.threads.size(), 3U);
  EXPECT_NE(find_frame(report, "hang_in_a_read", "reader"), nullptr) << to_string(report);
  EXPECT_NE(find_frame(report, "hang_in_a_loop", "spinner"), nullptr) << to_string(report);
  kill_and_wait(child);
}

struct Silence {
  const char* name;
  void (*work)();
  const char* why;

  friend void PrintTo(const Silence& silence, std::ostream* out) { *out << silence.name; }
};

class StackCaptureSilence : public tests::ProcessTest, public ::testing::WithParamInterface<Silence> {};

TEST_P(StackCaptureSilence, says_why_there_is_no_answer) {
  CrashChild child{GetParam().work};
  child.wait_begun();

  std::string why;
  const Deadline patience = soon();
  do {
    const auto capture = child.page.capture_by_signal(child.process.pid(), Deadline::after(20ms));
    why = capture ? "" : capture.error().message();
  } while (why.find(GetParam().why) == why.npos && !patience.has_passed());

  EXPECT_NE(why.find(GetParam().why), why.npos) << why;
  kill_and_wait(child);
}

INSTANTIATE_TEST_SUITE_P(All, StackCaptureSilence,
                         ::testing::Values(Silence{"stopped", tests::hang_stopped, "is stopped (SIGSTOP)"},
                                           Silence{"signals_blocked", tests::hang_with_all_signals_blocked,
                                                   "blocks the signal"},
                                           Silence{"handler_replaced",
                                                   [] {
                                                     ::signal(SIGURG, SIG_DFL);
                                                     tests::hang_in_a_loop();
                                                   },
                                                   "has no handler any more"}),
                         [](const auto& test) { return std::string{test.param.name}; });

TEST_F(StackCapture_, crash_behind_a_question_is_reported_as_a_crash) {
  EventFd go = EventFd::create().value();
  CrashChild child{[&] {
    while (!go.wait(soon())) {
    }
    tests::guilty_of_a_fault();
  }};
  child.wait_begun();
  ASSERT_TRUE(child.page.capture_by_signal(child.process.pid(), soon()));
  EXPECT_FALSE(child.page.read().value().written);

  go.set();

  EXPECT_EQ(child.wait().signal, SIGSEGV);
  const CrashNote note = child.page.read().value();
  EXPECT_TRUE(note.written);
  EXPECT_NE(find_frame(name_stacks(note.capture), "guilty_of_a_fault"), nullptr);
}

}  // namespace
}  // namespace prong::os

#include "prong/base/crash_report.hpp"

#include <gtest/gtest.h>

#include <csignal>

namespace prong {
namespace {

StackFrame frame(std::string function, std::string module, std::string file = {}, std::int32_t line = 0) {
  StackFrame made;
  made.address = 0x401000;
  made.function = std::move(function);
  made.module = std::move(module);
  made.offset = 0x1f3;
  made.file = std::move(file);
  made.line = line;
  return made;
}

CrashReport fault() {
  CrashReport report;
  report.process = "detector";
  report.pid = 42;
  report.command = "detect";
  report.request = 17;
  report.signal = SIGSEGV;
  report.signal_code = SEGV_MAPERR;
  report.fault_address = 0x10;
  ThreadStack thread;
  thread.id = 42;
  thread.name = "detector";
  thread.frames = {frame("memcpy", "/usr/lib/libc.so.6"), frame("prong::actor::call()", "/opt/app"),
                   frame("Detector::parse()", "/opt/app", "src/detector.cpp", 12), frame("main", "/opt/app")};
  report.threads = {thread};
  return report;
}

TEST(CrashReport, page_tells_cause_command_and_stack) {
  EXPECT_EQ(to_string(fault()),
            "backend 'detector' (pid 42) ended by SIGSEGV at address 0x10: nothing is mapped there\n"
            "while it ran the command 'detect', request 17\n"
            "\n"
            "thread 42 'detector':\n"
            "  #0   memcpy (libc.so.6+0x1f3)\n"
            "  #1   prong::actor::call() (app+0x1f3)\n"
            "  #2   Detector::parse() at src/detector.cpp:12 (app+0x1f3)\n"
            "  #3   main (app+0x1f3)\n");
}

TEST(CrashReport, own_frame_is_neither_of_a_library_nor_of_the_framework) {
  const CrashReport report = fault();
  CrashReport foreign = report;
  foreign.threads.front().frames.resize(2);
  CrashReport without_stack = report;
  without_stack.threads.clear();

  EXPECT_EQ(own_frame(report), &report.threads.front().frames[2]);
  EXPECT_EQ(own_frame(foreign), &foreign.threads.front().frames[0]);
  EXPECT_EQ(own_frame(without_stack), nullptr);
}

TEST(CrashReport, frame_of_a_library_that_was_compiled_into_the_program_is_not_its_own) {
  for (const char* const function :
       {"std::thread::run()", "void std::__invoke_impl<void, int>(std::__invoke_other)", "prong::MessageProcess::run()",
        "prong::Result<int> prong::actor::guarded<int>(int)", "caf::actor_system::run()"})
    EXPECT_FALSE(is_own(frame(function, "/opt/app"))) << function;
  for (const char* const function :
       {"main", "", "Detector::parse(std::string)", "int parse<std::string>(std::string)",
        "(anonymous namespace)::parse(int)", "std::string (anonymous namespace)::name<int>()",
        "prong::video::Sink::write()",
        "prong::actor::detail::Calls<prong::MessageProcess, &Detector::c__detect>::typed(void*)"})
    EXPECT_TRUE(is_own(frame(function, "/opt/app"))) << function;
  EXPECT_FALSE(is_own(frame("operator()", "/opt/app", "/usr/include/c++/12/bits/invoke.h", 61)));
  EXPECT_FALSE(is_own(frame("parse", "/usr/lib/libparse.so")));
  EXPECT_FALSE(is_own(frame("", "[vdso]")));
}

TEST(CrashReport, exception_deadline_and_exit_are_told_apart) {
  CrashReport report = fault();
  report.threads.clear();
  report.command.clear();
  report.no_stack = "nobody looked";
  report.cause = DeathCause::exception;
  report.exception_type = "std::logic_error";
  report.exception_what = "no lens";
  EXPECT_EQ(to_string(report),
            "backend 'detector' (pid 42) ended by an exception of type std::logic_error: no lens\n"
            "no stack: nobody looked\n");
  report.cause = DeathCause::deadline;
  report.explanation = "it did not stop in time";
  report.signal = SIGTERM;
  EXPECT_EQ(to_string(report),
            "backend 'detector' (pid 42) ended by SIGTERM\n"
            "deadline: it did not stop in time\n"
            "no stack: nobody looked\n");
  report.cause = DeathCause::exit;
  report.explanation.clear();
  report.signal = 0;
  report.exit_code = 3;
  EXPECT_EQ(to_string(report), "backend 'detector' (pid 42) left with exit code 3\nno stack: nobody looked\n");
}

TEST(CrashReport, signal_that_was_sent_names_the_sender) {
  CrashReport report = fault();
  report.signal = SIGABRT;
  report.signal_code = SI_USER;
  report.fault_address = 0;
  report.sender_pid = 7;

  EXPECT_NE(to_string(report).find("ended by SIGABRT, sent by process 7"), std::string::npos);
}

TEST(CrashReport, recursion_is_one_line_and_its_length_is_told) {
  CrashReport report = fault();
  ThreadStack& thread = report.threads.front();
  thread.frames.assign(64, frame("recurse", "/opt/app"));
  thread.frames.resize(128, frame("recurse", "/opt/app"));
  thread.frames.push_back(frame("main", "/opt/app"));
  thread.gap_position = 64;
  thread.frames_left_out = 1000;

  const std::string page = to_string(report);

  EXPECT_NE(page.find("  #0   recurse (app+0x1f3)\n"
                      "       ... 63 more like that ...\n"
                      "       ... 1000 frames that are left out ...\n"
                      "  #1064 recurse (app+0x1f3)\n"
                      "       ... 63 more like that ...\n"
                      "  #1128 main (app+0x1f3)\n"),
            std::string::npos)
      << page;
}

TEST(CrashReport, page_is_bounded_whatever_is_in_the_report) {
  CrashReport report = fault();
  ThreadStack& thread = report.threads.front();
  for (int i = 0; i < 5000; ++i)
    thread.frames.push_back(frame(std::to_string(i) + std::string(5000, 'x'), "/opt/app", std::string(300, 'y'), i));
  report.threads.resize(64, thread);

  const std::string page = to_string(report);

  EXPECT_LE(page.size(), std::size_t{256} * 1024);
  EXPECT_NE(page.find("the rest was left out"), std::string::npos);
}

}  // namespace
}  // namespace prong

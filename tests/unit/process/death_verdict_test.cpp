#include "prong/process/detail/death_verdict.hpp"

#include <gtest/gtest.h>

#include <csignal>

namespace prong::detail {
namespace {

using namespace std::chrono_literals;

constexpr os::ExitStatus killed{.code = 0, .signal = SIGKILL};
constexpr os::ExitStatus terminated{.code = 0, .signal = SIGTERM};
constexpr os::ExitStatus aborted{.code = 0, .signal = SIGABRT};

OrderedEnd order(DeathCause cause, bool kill_sent) {
  return {.cause = cause, .why = "as ordered", .kill_sent = kill_sent};
}

TEST(DeathVerdict, exit_and_signal_explain_themselves) {
  for (const int code : {0, 3}) {
    const DeathVerdict left = judge({.status = {.code = code, .signal = 0}});
    EXPECT_EQ(left.cause, DeathCause::exit);
    EXPECT_EQ(left.explanation, "");
  }
  for (const int number : {SIGSEGV, SIGABRT, SIGTERM, SIGXCPU})
    EXPECT_EQ(judge({.status = {.code = 0, .signal = number}}).cause, DeathCause::signal) << number;
}

TEST(DeathVerdict, exception_that_nobody_caught) {
  EXPECT_EQ(judge({.status = aborted, .terminated = true}).cause, DeathCause::exception);
  EXPECT_EQ(judge({.status = aborted, .terminated = true, .exception_type = "std::logic_error"}).cause,
            DeathCause::exception);
  // A terminate handler of the program's own may end it in another way.
  EXPECT_EQ(judge({.status = {.code = 1, .signal = 0}, .terminated = true}).cause, DeathCause::exit);
}

TEST(DeathVerdict, bad_alloc_that_nobody_caught_is_out_of_memory) {
  const KnownEnd end{.status = aborted, .terminated = true, .exception_type = "std::bad_alloc"};
  EXPECT_EQ(judge(end).cause, DeathCause::out_of_memory);
  EXPECT_EQ(judge(end).explanation, "a std::bad_alloc that nobody caught");

  KnownEnd limited = end;
  limited.limits.address_space_bytes = 1 << 20;
  EXPECT_NE(judge(limited).explanation.find("1048576 bytes"), std::string::npos);

  KnownEnd other = end;
  other.exception_type = "std::bad_array_new_length";  // a wrong number, not a want of memory
  EXPECT_EQ(judge(other).cause, DeathCause::exception);
}

TEST(DeathVerdict, what_this_program_did_is_told_as_that) {
  for (const DeathCause cause : {DeathCause::deadline, DeathCause::ended, DeathCause::bad_message}) {
    EXPECT_EQ(judge({.status = killed, .ordered = order(cause, true)}).cause, cause);
    EXPECT_EQ(judge({.status = killed, .ordered = order(cause, true)}).explanation, "as ordered");
    EXPECT_EQ(judge({.status = terminated, .ordered = order(cause, false)}).cause, cause);
  }
  // An out-of-memory kill that was counted meanwhile is somebody else's.
  EXPECT_EQ(judge({.status = killed, .ordered = order(DeathCause::deadline, true), .oom_counter = "/x"}).cause,
            DeathCause::deadline);
}

TEST(DeathVerdict, what_this_program_did_not_do_is_not) {
  EXPECT_EQ(judge({.status = killed, .ordered = order(DeathCause::ended, false)}).cause, DeathCause::foreign_kill)
      << "SIGTERM was sent, and SIGKILL came";
  EXPECT_EQ(judge({.status = {.code = 0, .signal = SIGSEGV}, .ordered = order(DeathCause::deadline, true)}).cause,
            DeathCause::signal)
      << "it crashed before the signal came";
  EXPECT_EQ(judge({.status = terminated}).cause, DeathCause::signal);
}

TEST(DeathVerdict, exit_after_sigterm_is_the_deadlines_doing_and_a_broken_protocol_always_the_cause) {
  const os::ExitStatus left{.code = 3, .signal = 0};

  EXPECT_EQ(judge({.status = left, .ordered = order(DeathCause::deadline, false)}).cause, DeathCause::deadline);
  EXPECT_EQ(judge({.status = left, .ordered = order(DeathCause::ended, false)}).cause, DeathCause::exit);
  EXPECT_EQ(judge({.status = left, .ordered = order(DeathCause::bad_message, true)}).cause, DeathCause::bad_message);
}

TEST(DeathVerdict, foreign_kill_is_out_of_memory_only_if_it_was_counted) {
  const DeathVerdict unknown = judge({.status = killed});
  EXPECT_EQ(unknown.cause, DeathCause::foreign_kill);
  EXPECT_NE(unknown.explanation.find("foreign SIGKILL"), std::string::npos);
  EXPECT_NE(unknown.explanation.find("out-of-memory killer"), std::string::npos);

  const DeathVerdict counted = judge({.status = killed, .oom_counter = "/sys/fs/cgroup/memory.events"});
  EXPECT_EQ(counted.cause, DeathCause::out_of_memory);
  EXPECT_NE(counted.explanation.find("/sys/fs/cgroup/memory.events"), std::string::npos);

  // The kernel counts kills, not the processes that die with their parent.
  EXPECT_EQ(judge({.status = killed, .parent_died = true, .oom_counter = "/x"}).cause, DeathCause::foreign_kill);
}

TEST(DeathVerdict, processor_time_needs_a_limit) {
  KnownEnd end{.status = {.code = 0, .signal = SIGXCPU}, .cpu_time = 2s};
  EXPECT_EQ(judge(end).cause, DeathCause::signal);
  end.limits.processor_time = 2s;
  EXPECT_EQ(judge(end).cause, DeathCause::processor_time);
  end.status = killed;  // it did not take SIGXCPU seriously
  EXPECT_EQ(judge(end).cause, DeathCause::processor_time);
  end.cpu_time = 1s;
  EXPECT_EQ(judge(end).cause, DeathCause::foreign_kill);
}

TEST(DeathVerdict, counters_are_worth_a_look_only_for_a_kill_from_elsewhere) {
  EXPECT_TRUE(is_foreign_kill({.status = killed}));
  EXPECT_TRUE(is_foreign_kill({.status = killed, .ordered = order(DeathCause::ended, false)}));
  EXPECT_FALSE(is_foreign_kill({.status = killed, .ordered = order(DeathCause::ended, true)}));
  EXPECT_FALSE(is_foreign_kill({.status = aborted}));
}

}  // namespace
}  // namespace prong::detail

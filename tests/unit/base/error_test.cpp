#include "prong/base/error.hpp"

#include "prong/base/checked.hpp"
#include "prong/base/exception.hpp"
#include "prong/base/request_number.hpp"
#include "prong/base/result.hpp"
#include "prong/base/untrusted.hpp"

#include <gtest/gtest.h>

#include <cerrno>
#include <csignal>

namespace prong {
namespace {

Result<int> half(int number) {
  if (number % 2 != 0) return fail(Errc::invalid_argument, std::to_string(number) + " is odd");
  return number / 2;
}

Result<int> quarter(int number) {
  PRONG_TRY_ASSIGN(const int halved, half(number));
  PRONG_TRY(half(halved));
  return half(halved);
}

TEST(Result, carries_the_value_or_the_error_through_functions) {
  EXPECT_EQ(quarter(12).value(), 3);
  EXPECT_EQ(quarter(6).error().code(), Errc::invalid_argument);
  EXPECT_EQ(quarter(6).error().message(), "3 is odd");
}

TEST(Result, value_of_a_failure_throws_the_exception_of_its_code) {
  const Result<int> late = fail(Errc::deadline_exceeded, "too late");
  const Result<int> dead =
      Error::from_death({.process = "p", .pid = 7, .exit_code = 0, .signal = SIGSEGV, .command = "c"});
  const Result<int> thrown =
      Error::from_remote({.type = "std::logic_error", .what = "w", .command = "c", .process = "p"});

  EXPECT_THROW(static_cast<void>(late.value()), DeadlineExceeded);
  EXPECT_THROW(static_cast<void>(dead.value()), ProcessExpired);
  EXPECT_THROW(static_cast<void>(thrown.value()), RemoteException);
  EXPECT_THROW(static_cast<void>(half(1).value()), Exception);
}

TEST(Error, describes_a_death_with_name_pid_signal_and_command) {
  const Error error =
      Error::from_death({.process = "det", .pid = 42, .exit_code = 0, .signal = SIGKILL, .command = "detect"});

  EXPECT_EQ(to_string(error),
            "process_expired: backend 'det' (pid 42) was ended by signal 9 (SIGKILL) while it ran 'detect'");
  EXPECT_EQ(ProcessExpired{error}.exit_code(), -SIGKILL);
}

TEST(Error, tells_how_its_call_ended_besides_why) {
  const Error death = Error::from_death({.process = "p", .pid = 7, .exit_code = 1, .signal = 0, .command = ""});
  const Error queued = Error{death}.as_outcome(Outcome::not_delivered, false);

  EXPECT_EQ(death.outcome(), Outcome::outcome_unknown);
  EXPECT_TRUE(death.may_have_run());
  EXPECT_EQ(queued.code(), Errc::process_expired);
  EXPECT_EQ(queued.outcome(), Outcome::not_delivered);
  EXPECT_FALSE(queued.may_have_run());
  EXPECT_NE(queued.death(), nullptr);
  EXPECT_EQ(to_string(queued), "process_expired (not_delivered): backend 'p' (pid 7) exited with code 1");
  try {
    throw_error(queued);
  } catch (const ProcessExpired& expired) {
    EXPECT_EQ(expired.outcome(), Outcome::not_delivered);
    EXPECT_FALSE(expired.may_have_run());
  }
}

TEST(Error, has_the_outcome_that_its_code_implies) {
  EXPECT_EQ(Error(Errc::deadline_exceeded, "").outcome(), Outcome::deadline_exceeded);
  EXPECT_EQ(Error(Errc::cancelled, "").outcome(), Outcome::cancelled);
  EXPECT_EQ(Error(Errc::overloaded, "").outcome(), Outcome::overloaded);
  EXPECT_FALSE(Error(Errc::overloaded, "").may_have_run());
  EXPECT_EQ(Error(Errc::handler_failed, "").outcome(), Outcome::failed);
  EXPECT_EQ(outcome_of(Result<int>{1}), Outcome::value);
  EXPECT_EQ(outcome_of(half(1)), Outcome::outcome_unknown);
  EXPECT_THROW(throw_error(Error{Errc::cancelled, ""}), Cancelled);
}

TEST(Outcome, has_a_name) {
  EXPECT_EQ(name_of(Outcome::not_delivered), "not_delivered");
  EXPECT_EQ(name_of(static_cast<Outcome>(99)), "unknown");
}

TEST(RequestNumber, of_a_later_use_of_a_slot_is_larger_and_none_has_no_slot) {
  const RequestNumber number{65'534, 1};

  EXPECT_EQ(number.slot(), 65'534U);
  EXPECT_EQ(number.generation(), 1U);
  EXPECT_LT(number.value(), (RequestNumber{65'534, 2}.value()));
  EXPECT_GE(RequestNumber{}.slot(), RequestNumber::max_slots);
}

TEST(Error, of_a_system_call_keeps_errno) {
  const Error error = Error::from_errno("open", ENOENT).with_context("clip.avi");

  EXPECT_EQ(error.system_error(), ENOENT);
  EXPECT_EQ(error.message(), "clip.avi: open: No such file or directory");
}

TEST(Checked, notices_what_does_not_fit) {
  EXPECT_EQ(checked_add(1, 2), 3);
  EXPECT_FALSE(checked_add(INT32_MAX, 1));
  EXPECT_FALSE(checked_multiply<std::size_t>(SIZE_MAX, 2));
  EXPECT_FALSE(checked_subtract(0U, 1U));
  EXPECT_FALSE(checked_cast<std::uint8_t>(-1));
}

TEST(Untrusted, gives_its_value_only_through_a_check) {
  const std::atomic<std::uint32_t> word{9};

  const auto small = Untrusted<std::uint32_t>::read(word).checked([](auto value) { return value < 10; }, "too big");
  const auto large = Untrusted<std::uint32_t>::read(word).checked([](auto value) { return value < 9; }, "too big");

  EXPECT_EQ(small.value(), 9U);
  EXPECT_EQ(large.error().code(), Errc::bad_message);
}

}  // namespace
}  // namespace prong

#include "prong/process/detail/late_call.hpp"

#include <gtest/gtest.h>

#include <csignal>

namespace prong::detail {
namespace {

using namespace std::chrono_literals;

// Without a grace every step is due at once: each act() takes one.
class LateCall_ : public ::testing::Test {
 protected:
  void act() {
    next = late.act({.running = [this] { return running; }, .end = [this](int number) { sent.push_back(number); }});
  }

  static constexpr RequestNumber call{3, 1};
  LateCall late{0ns};
  std::optional<std::uint64_t> running = call.value();
  std::vector<int> sent;
  Deadline next = Deadline::now();
};

TEST_F(LateCall_, does_nothing_as_long_as_there_is_none) {
  act();

  EXPECT_TRUE(next.is_never());
  EXPECT_TRUE(sent.empty());
}

TEST_F(LateCall_, waits_for_the_grace_to_pass) {
  LateCall patient{1h};
  patient.begin(call);

  const Deadline at = patient.act({.running = [this] { return running; }, .end = [](int) { FAIL(); }});

  EXPECT_FALSE(at.is_never());
  EXPECT_GT(at.remaining(), 50min);
}

TEST_F(LateCall_, terminates_and_then_kills) {
  late.begin(call);

  act();
  EXPECT_EQ(sent, (std::vector<int>{SIGTERM}));
  EXPECT_FALSE(next.is_never());
  running.reset();  // what was told to end is ended, whatever it does now
  act();
  EXPECT_EQ(sent, (std::vector<int>{SIGTERM, SIGKILL}));
  EXPECT_TRUE(next.is_never());
  act();
  EXPECT_EQ(sent.size(), 2U);
}

TEST_F(LateCall_, leaves_alone_what_has_ended_in_time) {
  late.begin(call);
  running.reset();

  act();

  EXPECT_TRUE(next.is_never());
  EXPECT_TRUE(sent.empty());
}

TEST_F(LateCall_, looks_again_when_another_handler_runs) {
  late.begin(call);
  running = 0;  // one that nobody waits for
  act();
  EXPECT_FALSE(next.is_never());
  running = RequestNumber{3, 2}.value();
  act();
  EXPECT_TRUE(sent.empty());

  running = call.value();
  act();
  EXPECT_EQ(sent, (std::vector<int>{SIGTERM}));
}

TEST_F(LateCall_, forgets_a_backend_that_is_gone) {
  late.begin(call);
  act();
  late.forget();

  act();

  EXPECT_TRUE(next.is_never());
  EXPECT_EQ(sent.size(), 1U);
  late.begin(call);
  act();
  EXPECT_EQ(sent.size(), 2U) << "the next one is another matter";
}

TEST_F(LateCall_, keeps_to_the_first_of_several) {
  late.begin(call);
  late.begin(RequestNumber{4, 1});

  act();

  EXPECT_EQ(sent, (std::vector<int>{SIGTERM}));
}

}  // namespace
}  // namespace prong::detail

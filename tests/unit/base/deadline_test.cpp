#include "prong/base/deadline.hpp"

#include <gtest/gtest.h>

#include <climits>

namespace prong {
namespace {

using namespace std::chrono_literals;

TEST(Deadline, zero_and_negative_durations_do_not_wait) {
  EXPECT_EQ(Deadline::after(0s), Deadline::now());
  EXPECT_EQ(Deadline::after(-5s), Deadline::now());
  EXPECT_TRUE(Deadline::after(-5s).has_passed());
  EXPECT_EQ(Deadline::now().remaining(), 0ns);
}

TEST(Deadline, never_does_not_pass_and_polls_for_ever) {
  EXPECT_FALSE(Deadline::never().has_passed());
  EXPECT_EQ(Deadline::never().poll_milliseconds(), -1);
}

TEST(Deadline, a_duration_too_long_for_the_clock_is_never) {
  EXPECT_TRUE(Deadline::after(Deadline::Duration::max()).is_never());
}

TEST(Deadline, milliseconds_are_rounded_up_so_that_a_poll_never_spins) {
  const int milliseconds = Deadline::after(100us).poll_milliseconds();

  EXPECT_LE(milliseconds, 1);
  EXPECT_EQ(Deadline::after(0s).poll_milliseconds(), 0);
  EXPECT_EQ(Deadline::after(24h * 365).poll_milliseconds(), INT_MAX);
}

TEST(Deadline, travels_as_nanoseconds) {
  const Deadline deadline = Deadline::after(1h);

  EXPECT_EQ(Deadline::from_nanoseconds(deadline.nanoseconds()), deadline);
  EXPECT_EQ(Deadline::earlier(deadline, Deadline::never()), deadline);
}

}  // namespace
}  // namespace prong

#include "prong/frame/detail/doorbell.hpp"

#include <gtest/gtest.h>

namespace prong::frame::detail {
namespace {

struct Pair {
  Word word{0};
  os::EventFd bell = os::EventFd::create().value();
  Sleeper sleeper{word, bell};
  Rope rope{word, bell};
};

TEST(FrameDoorbell, is_rung_only_for_one_that_may_sleep_and_once_per_sleep) {
  Pair pair;

  pair.rope.ring_if_asleep();
  EXPECT_FALSE(pair.bell.is_set());
  pair.sleeper.announce();
  EXPECT_FALSE(pair.bell.is_set());
  pair.rope.ring_if_asleep();
  EXPECT_TRUE(pair.bell.clear());
  pair.rope.ring_if_asleep();
  EXPECT_FALSE(pair.bell.is_set());
  pair.sleeper.announce();
  pair.rope.ring_if_asleep();

  EXPECT_TRUE(pair.bell.is_set());
}

TEST(FrameDoorbell, is_silent_after_the_sleeper_has_woken) {
  Pair pair;
  pair.sleeper.announce();
  pair.sleeper.withdraw();

  pair.rope.ring_if_asleep();

  EXPECT_FALSE(pair.bell.is_set());
}

TEST(FrameDoorbell, successor_of_a_dead_sleeper_is_rung_for) {
  Pair pair;
  pair.sleeper.announce();
  pair.rope.ring_if_asleep();

  Sleeper successor{pair.word, pair.bell};
  successor.withdraw();
  successor.announce();
  EXPECT_FALSE(pair.bell.is_set());
  pair.rope.ring_if_asleep();

  EXPECT_TRUE(pair.bell.is_set());
}

TEST(FrameDoorbell, successor_of_a_dead_ringer_rings_for_a_sleep_that_began_before) {
  Pair pair;
  pair.sleeper.announce();

  Rope successor{pair.word, pair.bell};
  successor.ring_if_asleep();

  EXPECT_TRUE(pair.bell.is_set());
}

TEST(FrameDoorbell, raised_by_its_own_side_stays_readable_until_announced_again) {
  Pair pair;

  pair.sleeper.raise();
  pair.sleeper.raise();
  EXPECT_TRUE(pair.bell.is_set());
  pair.sleeper.announce();

  EXPECT_FALSE(pair.bell.is_set());
}

}  // namespace
}  // namespace prong::frame::detail

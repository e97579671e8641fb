#include "prong/channel/parking.hpp"

#include <gtest/gtest.h>

#include <thread>
#include <vector>

namespace prong::channel {
namespace {

using namespace std::chrono_literals;

TEST(Parking, wakes_each_sleeper_once) {
  constexpr int sleepers = 4;
  Parking parking;
  std::atomic<int> announced{0};
  std::atomic<int> woken{0};
  std::vector<std::thread> threads;
  for (int i = 0; i < sleepers; ++i)
    threads.emplace_back([&] {
      parking.announce();
      announced.fetch_add(1);
      if (parking.sleep(Deadline::never())) woken.fetch_add(1);
    });
  while (announced.load() != sleepers) std::this_thread::yield();

  parking.wake_all();
  for (auto& thread : threads) thread.join();

  EXPECT_EQ(woken.load(), sleepers);
  EXPECT_FALSE(parking.occupied());
  parking.announce();
  EXPECT_FALSE(parking.sleep(Deadline::now())) << "a token was left over";
}

TEST(Parking, a_deadline_leaves_nobody_announced) {
  Parking parking;
  parking.announce();

  EXPECT_FALSE(parking.sleep(Deadline::after(1ms)));

  EXPECT_FALSE(parking.occupied());
}

TEST(Parking, a_sleeper_that_was_woken_before_it_sleeps_does_not_sleep) {
  Parking parking;
  parking.announce();

  parking.wake(1);

  EXPECT_TRUE(parking.sleep(Deadline::never()));
}

TEST(Parking, who_takes_its_announcement_back_after_it_was_woken_leaves_no_token) {
  Parking parking;
  parking.announce();
  parking.wake(1);

  parking.retract();

  parking.announce();
  EXPECT_FALSE(parking.sleep(Deadline::now()));
}

TEST(Parking, an_observer_is_reported_to_the_next_who_wakes_and_is_no_sleeper) {
  Parking parking;

  parking.post_observer();

  EXPECT_TRUE(parking.occupied());
  EXPECT_TRUE(parking.wake(1));
  EXPECT_FALSE(parking.wake(1));
  parking.announce();
  EXPECT_FALSE(parking.sleep(Deadline::now())) << "the observer has got a token";
}

TEST(Parking, deadlines_and_wakes_that_meet_lose_and_double_nothing) {
  Parking parking;
  std::atomic<bool> stop{false};
  std::atomic<std::uint64_t> woken{0};
  std::vector<std::thread> threads;
  for (int i = 0; i < 3; ++i)
    threads.emplace_back([&] {
      while (!stop.load()) {
        parking.announce();
        if (parking.sleep(Deadline::after(20us))) woken.fetch_add(1);
      }
    });

  for (int i = 0; i < 2'000; ++i) parking.wake(1);
  stop.store(true);
  for (auto& thread : threads) thread.join();

  EXPECT_FALSE(parking.occupied());
  parking.announce();
  EXPECT_FALSE(parking.sleep(Deadline::now())) << "a token was left over";
}

}  // namespace
}  // namespace prong::channel

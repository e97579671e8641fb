// Every order in which somebody goes to sleep, gives up, and is woken.
#include "prong/channel/parking.hpp"

#include "model/interleavings.hpp"

#include <gtest/gtest.h>

namespace prong::channel {
namespace {

using model::Interleavings;
using model::Word;

struct ModelFutex {
  static bool wait(Word& word, std::uint64_t expected, Deadline deadline) noexcept {
    return model::futex_wait(word, expected, !deadline.is_never());
  }
  static void wake(Word& word, int /*count*/) noexcept { model::futex_wake(word); }
};
using ModelParking = BasicParking<Word, ModelFutex>;

// As the waits of a channel are: `there` stands for an item.
struct World {
  ModelParking parking;
  Word there;
  bool got_up = false;
  bool saw = false;

  void wait(Deadline deadline) {
    parking.announce();
    if (there.load(std::memory_order_seq_cst) != 0)
      parking.retract();
    else
      (void)parking.sleep(deadline);
    saw = there.load(std::memory_order_seq_cst) != 0;
    got_up = true;
  }
  void publish() {
    there.exchange(1, std::memory_order_seq_cst);
    if (parking.occupied()) parking.wake(1);
  }
  // The mistake: what it looks for may still be on its way when it looks for sleepers.
  void publish_too_late() {
    there.store(1, std::memory_order_release);
    if (parking.occupied()) parking.wake(1);
  }
};

// Whether somebody still announced itself or a token was left over: the next sleep would end for nothing, or never.
bool is_untouched(World& world) {
  bool woken = true;
  Interleavings::explore([&] {
    return Interleavings::Run{.actors = {[&] {
                                woken = world.parking.occupied();
                                world.parking.announce();
                                // No token: the time is up as soon as it sleeps.
                                woken = world.parking.sleep(Deadline::now()) || woken;
                              }},
                              .check = [](bool) {}};
  });
  return !woken;
}

struct Sums {
  std::size_t orders = 0;
  std::size_t asleep_for_ever = 0;
  std::size_t got_up_for_nothing = 0;
  std::vector<std::shared_ptr<World>> worlds;
};

Sums explore(Deadline deadline, void (World::*publish)()) {
  Sums sums;
  sums.orders = Interleavings::explore([&] {
    const auto world = std::make_shared<World>();
    return Interleavings::Run{
        .actors = {[world, deadline] { world->wait(deadline); }, [world, publish] { (*world.*publish)(); }},
        .check = [world, &sums](bool) {
          sums.asleep_for_ever += world->got_up ? 0 : 1;
          sums.got_up_for_nothing += world->got_up && !world->saw ? 1 : 0;
          sums.worlds.push_back(world);
        }};
  });
  return sums;
}

TEST(ParkingModel, nobody_sleeps_on_when_there_is_something_and_nobody_gets_up_for_nothing) {
  const Sums sums = explore(Deadline::never(), &World::publish);

  EXPECT_GT(sums.orders, 10U);
  EXPECT_EQ(sums.asleep_for_ever, 0U);
  EXPECT_EQ(sums.got_up_for_nothing, 0U);
}

TEST(ParkingModel, a_publication_that_is_late_loses_the_wake_and_the_model_sees_it) {
  EXPECT_GT(explore(Deadline::never(), &World::publish_too_late).asleep_for_ever, 0U);
}

// Who retracts may hold the lock that another sleeper waits for: it must not wait for anybody.
TEST(ParkingModel, who_retracts_never_waits_for_the_others) {
  std::size_t stuck = 0;
  const std::size_t orders = Interleavings::explore([&] {
    struct Three {
      ModelParking parking;
      bool retracted = false;
    };
    const auto three = std::make_shared<Three>();
    return Interleavings::Run{.actors = {[three] {
                                           three->parking.announce();
                                           three->parking.retract();
                                           three->retracted = true;
                                         },
                                         [three] {
                                           three->parking.announce();
                                           (void)three->parking.sleep(Deadline::never());
                                         },
                                         [three] { three->parking.wake(1); }},
                              .check = [three, &stuck](bool) { stuck += three->retracted ? 0 : 1; }};
  });

  EXPECT_GT(orders, 100U);
  EXPECT_EQ(stuck, 0U);
}

TEST(ParkingModel, however_a_deadline_and_a_wake_meet_nothing_is_left_behind) {
  Sums sums = explore(Deadline::now(), &World::publish);

  EXPECT_EQ(sums.asleep_for_ever, 0U);
  EXPECT_GT(sums.got_up_for_nothing, 0U);  // at its deadline
  std::size_t left_behind = 0;
  for (const auto& world : sums.worlds) left_behind += is_untouched(*world) ? 0 : 1;
  EXPECT_EQ(left_behind, 0U);
}

}  // namespace
}  // namespace prong::channel

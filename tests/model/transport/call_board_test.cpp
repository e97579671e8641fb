// Every order in which a call is given up, begun and killed.
#include "prong/transport/call_board.hpp"

#include "model/interleavings.hpp"

#include <gtest/gtest.h>

namespace prong::transport {
namespace {

using model::Interleavings;
using model::Word;

constexpr RequestNumber first{0, 1};
constexpr RequestNumber second{0, 2};

// What one run sees. Word-sized and plain: the actors run in turns.
template <void (*fence)()>
struct World {
  using Board = BasicCallBoard<Word, fence>;

  Word begun;
  Word given_up;
  Board board{&begun, &given_up, 1};
  bool ran[2] = {false, false};
  bool may_have_run[2] = {true, true};
  bool gave_up[2] = {false, false};

  void run(std::size_t number, RequestNumber call) { ran[number] = board.try_begin(call); }
  // As the frontend does after a death: every call without an outcome is asked about.
  void find_dead(std::size_t number, RequestNumber call) {
    if (!gave_up[number]) may_have_run[number] = begun.value() >= call.value();
  }
};

template <void (*fence)()>
std::size_t count_lies() {
  std::size_t lies = 0;
  Interleavings::explore([&] {
    const auto world = std::make_shared<World<fence>>();
    return Interleavings::Run{
        .actors = {[world] { world->may_have_run[0] = world->board.give_up(first); },
                   [world] { world->run(0, first); }},
        .check = [world, &lies](bool) { lies += world->ran[0] && !world->may_have_run[0] ? 1 : 0; }};
  });
  return lies;
}

TEST(CallBoard, what_is_said_never_to_have_run_never_runs) {
  EXPECT_EQ(count_lies<model::fence>(), 0U);
}

TEST(CallBoard, without_its_fences_it_would_lie_and_the_model_sees_it) {
  EXPECT_GT(count_lies<model::no_fence>(), 0U);
}

TEST(CallBoard, after_a_death_at_any_instruction_what_is_said_never_to_have_run_never_ran) {
  std::size_t begun = 0;
  std::size_t never = 0;

  const std::size_t orders = Interleavings::explore([&] {
    const auto world = std::make_shared<World<model::fence>>();
    return Interleavings::Run{.actors = {[] {}, [world] { world->run(0, first); }},
                              .check =
                                  [world, &begun, &never](bool killed) {
                                    world->find_dead(0, first);
                                    EXPECT_FALSE(world->ran[0] && !world->may_have_run[0]);
                                    begun += killed && world->may_have_run[0] ? 1 : 0;
                                    never += killed && !world->may_have_run[0] ? 1 : 0;
                                  },
                              .may_kill_second = true};
  });

  EXPECT_GT(orders, 5U);
  EXPECT_GT(begun, 0U);
  EXPECT_GT(never, 0U);
}

TEST(CallBoard, a_slot_used_again_says_the_truth_of_both_calls_through_give_up_and_death) {
  Interleavings::explore([&] {
    const auto world = std::make_shared<World<model::fence>>();
    const auto sent = std::make_shared<Word>();  // the ring: the second call is there
    return Interleavings::Run{.actors = {[world, sent] {
                                           world->may_have_run[0] = world->board.give_up(first);
                                           world->gave_up[0] = true;
                                           sent->store(1, std::memory_order_release);
                                         },
                                         [world, sent] {
                                           world->run(0, first);
                                           if (sent->load(std::memory_order_acquire) != 0) {
                                             world->run(1, second);
                                             // Nobody gave the second up: that the first was must not stop it.
                                             EXPECT_TRUE(world->ran[1]);
                                           }
                                         }},
                              .check =
                                  [world](bool killed) {
                                    if (killed) world->find_dead(1, second);
                                    for (int i = 0; i < 2; ++i)
                                      EXPECT_FALSE(world->ran[i] && !world->may_have_run[i]) << i;
                                  },
                              .may_kill_second = true};
  });
}

TEST(CallBoard, a_call_asked_to_end_still_takes_an_outcome_until_it_is_given_up) {
  std::atomic<std::uint64_t> begun[4] = {};
  std::atomic<std::uint64_t> given_up[4] = {};
  CallBoard board{begun, given_up, 4};
  const RequestNumber call{3, 7};
  const RequestNumber earlier{3, 6};
  const RequestNumber later{3, 8};

  ASSERT_TRUE(board.try_begin(call));
  EXPECT_TRUE(board.ask_to_end(call));

  EXPECT_TRUE(board.is_asked_to_end(call));
  EXPECT_FALSE(board.is_given_up(call));
  EXPECT_TRUE(board.is_given_up(earlier));
  EXPECT_FALSE(board.is_asked_to_end(later));
  EXPECT_FALSE(board.try_begin(earlier));
  EXPECT_TRUE(board.give_up(call));
  EXPECT_TRUE(board.is_given_up(call));
  EXPECT_FALSE(board.ask_to_end(later));
  EXPECT_FALSE(board.try_begin(later));
}

}  // namespace
}  // namespace prong::transport

#include "prong/sync/detail/event_cell.hpp"

#include "prong/sync/detail/descriptor_cell.hpp"
#include "prong/sync/detail/futex_cell.hpp"
#include "prong/testing/watchdog.hpp"
#include "test_peer.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include <array>
#include <barrier>
#include <latch>
#include <random>
#include <thread>
#include <vector>

namespace prong::sync::detail {
namespace {

using namespace std::chrono_literals;
using tests::ThreadPeer;

constexpr Generation first = 1;
constexpr Generation second = 2;
constexpr Generation largest = last_generation;

// A cell, its word, and a second descriptor of its eventfd, as another process has them.
template <class Cell, class Word>
struct CellUnderTest {
  explicit CellUnderTest(os::EventFd event)
      : descriptor{os::UniqueFd{::dup(event.descriptor())}}, cell{word, std::move(event)} {
    cell.reset(first);
  }
  CellUnderTest() : CellUnderTest{os::EventFd::create().value()} {}

  void write_late() const {
    const std::uint64_t one = 1;
    EXPECT_EQ(::write(descriptor.get(), &one, sizeof one), 8);
  }

  std::atomic<Word> word{0};
  os::UniqueFd descriptor;
  Cell cell;
};

using FutexUnderTest = CellUnderTest<FutexCell, std::uint32_t>;
using DescriptorUnderTest = CellUnderTest<DescriptorCell, std::uint64_t>;

template <class T>
class EventCellContract : public ::testing::Test {};
using Cells = ::testing::Types<FutexUnderTest, DescriptorUnderTest>;
TYPED_TEST_SUITE(EventCellContract, Cells);

TYPED_TEST(EventCellContract, set_before_the_wait_ends_it_and_stays) {
  TypeParam under;
  ThreadPeer peer;

  ASSERT_TRUE(under.cell.set(first));
  ASSERT_TRUE(under.cell.set(first));

  EXPECT_EQ(under.cell.wait(first, Deadline::now()).value(), EventState::set);
  EXPECT_EQ(under.cell.wait(first, peer, Deadline::now()).value(), EventState::set);
  EXPECT_EQ(under.cell.state(first), EventState::set);
}

TYPED_TEST(EventCellContract, wait_ends_at_the_deadline) {
  TypeParam under;
  ThreadPeer peer;

  for (const auto deadline : {Deadline::now(), Deadline::after(5ms)}) {
    EXPECT_EQ(under.cell.wait(first, deadline).error().code(), Errc::deadline_exceeded);
    EXPECT_EQ(under.cell.wait(first, peer, deadline).error().code(), Errc::deadline_exceeded);
  }
}

TYPED_TEST(EventCellContract, wait_ends_when_the_peer_is_gone) {
  TypeParam under;
  ThreadPeer peer;
  std::thread other{[&] { peer.stop(); }};

  EXPECT_EQ(under.cell.wait(first, peer, Deadline::after(30s)).error().code(), Errc::stopped);
  other.join();
}

TYPED_TEST(EventCellContract, set_before_the_peer_is_gone_wins) {
  TypeParam under;
  ThreadPeer peer;

  ASSERT_TRUE(under.cell.set(first));
  peer.stop();

  EXPECT_EQ(under.cell.wait(first, peer, Deadline::after(30s)).value(), EventState::set);
}

TYPED_TEST(EventCellContract, clear_takes_the_set_away) {
  TypeParam under;
  ASSERT_TRUE(under.cell.set(first));

  EXPECT_TRUE(under.cell.clear(first));
  EXPECT_TRUE(under.cell.clear(first));

  EXPECT_EQ(under.cell.state(first), EventState::not_set);
  EXPECT_TRUE(under.cell.set(first));
  EXPECT_EQ(under.cell.state(first), EventState::set);
}

TYPED_TEST(EventCellContract, another_generation_is_left_alone) {
  TypeParam under;
  for (const Generation other : {second, largest}) {
    EXPECT_FALSE(under.cell.set(other));
    EXPECT_FALSE(under.cell.clear(other));
    EXPECT_EQ(under.cell.state(other), EventState::other_generation);
    EXPECT_EQ(under.cell.wait(other, Deadline::never()).value(), EventState::other_generation);
  }

  EXPECT_EQ(under.cell.state(first), EventState::not_set);
  EXPECT_EQ(under.cell.wait(first, Deadline::after(1ms)).error().code(), Errc::deadline_exceeded);
}

TYPED_TEST(EventCellContract, settled_belongs_to_nobody_until_it_is_reset) {
  TypeParam under;
  ASSERT_TRUE(under.cell.set(first));

  EXPECT_TRUE(under.cell.settle());
  EXPECT_FALSE(under.cell.set(first));
  EXPECT_FALSE(under.cell.set(second));
  under.cell.reset(second);

  EXPECT_EQ(under.cell.state(first), EventState::other_generation);
  EXPECT_EQ(under.cell.state(second), EventState::not_set);
}

TYPED_TEST(EventCellContract, set_wakes_all_waiters_of_both_kinds) {
  const testing::Watchdog watchdog{"six waiters"};
  TypeParam under;
  ThreadPeer peer;
  std::atomic<int> woken{0};
  std::vector<std::jthread> waiters;
  for (int i = 0; i < 3; ++i) {
    waiters.emplace_back([&] { woken += under.cell.wait(first, Deadline::never()).value() == EventState::set; });
    waiters.emplace_back([&] { woken += under.cell.wait(first, peer, Deadline::never()).value() == EventState::set; });
  }

  ASSERT_TRUE(under.cell.set(first));
  waiters.clear();

  EXPECT_EQ(woken, 6);
}

TYPED_TEST(EventCellContract, retire_ends_the_waits_of_both_kinds) {
  const testing::Watchdog watchdog{"two waiters"};
  TypeParam under;
  ThreadPeer peer;
  std::latch begun{2};
  std::atomic<int> told{0};
  std::thread one{[&] {
    begun.count_down();
    told += under.cell.wait(first, Deadline::never()).value() == EventState::other_generation;
  }};
  std::thread two{[&] {
    begun.count_down();
    told += under.cell.wait(first, peer, Deadline::never()).value() == EventState::other_generation;
  }};
  begun.wait();

  under.cell.retire();
  one.join();
  two.join();

  EXPECT_EQ(told, 2);
  EXPECT_TRUE(under.cell.settle());
}

// Two threads take turns, each ends the other's wait: a lost wake-up stops both. Their waits have no deadline, at which
// they would find the set after all.
template <class Under, class Wait>
void take_turns(Wait wait) {
  constexpr int rounds = 10'000;
  Under ping;
  Under pong;
  std::thread other{[&] {
    for (int i = 0; i < rounds; ++i) {
      ASSERT_TRUE(wait(ping.cell));
      ASSERT_TRUE(ping.cell.clear(first));
      ASSERT_TRUE(pong.cell.set(first));
    }
  }};
  for (int i = 0; i < rounds; ++i) {
    ASSERT_TRUE(ping.cell.set(first));
    ASSERT_TRUE(wait(pong.cell));
    ASSERT_TRUE(pong.cell.clear(first));
  }
  other.join();
}

TYPED_TEST(EventCellContract, no_wake_is_lost_in_many_rounds_without_a_peer) {
  const testing::Watchdog watchdog{"rounds without a peer"};
  take_turns<TypeParam>([](EventCell& cell) { return cell.wait(first, Deadline::never()).has_value(); });
}

TYPED_TEST(EventCellContract, no_wake_is_lost_in_many_rounds_with_a_peer) {
  const testing::Watchdog watchdog{"rounds with a peer"};
  ThreadPeer peer;
  take_turns<TypeParam>([&](EventCell& cell) { return cell.wait(first, peer, Deadline::never()).has_value(); });
}

// One thread sets what the other has just given back, as late as it can.
TYPED_TEST(EventCellContract, a_late_set_never_reaches_the_next_generation) {
  TypeParam under;
  std::atomic<Generation> published{first};
  std::jthread late{[&](const std::stop_token& stop) {
    while (!stop.stop_requested()) static_cast<void>(under.cell.set(published.load()));
  }};

  Generation generation = first;
  for (int round = 0; round < 20'000; ++round) {
    while (!under.cell.settle()) std::this_thread::yield();
    generation = next(generation);
    under.cell.reset(generation);
    ASSERT_EQ(under.cell.state(generation), EventState::not_set) << "round " << round;
    if (under.cell.descriptor() >= 0) {
      ASSERT_FALSE(os::readable(under.cell.descriptor())) << "round " << round;
    }
    while (!under.cell.settle()) std::this_thread::yield();
    generation = next(generation);
    under.cell.reset(generation);
    published = generation;
  }
}

TYPED_TEST(EventCellContract, waits_over_memory_that_is_scribbled_on_end_at_their_deadlines) {
  TypeParam under;
  ThreadPeer peer;
  const auto seed = std::random_device{}();
  SCOPED_TRACE(seed);
  std::jthread hostile{[&](const std::stop_token& stop) {
    std::mt19937_64 random{seed};
    while (!stop.stop_requested()) {
      using Word = decltype(under.word.load());
      const auto noise = static_cast<Word>(random());
      // Mostly the generation that is waited for, so that the wait goes on.
      const auto generation = static_cast<Word>(first) << (sizeof(Word) == 8 ? 32 : 3);
      under.word.store(random() % 4 == 0 ? noise : static_cast<Word>(generation | (noise & 6)));
      if (random() % 16 == 0) under.write_late();
    }
  }};

  for (int i = 0; i < 100; ++i) {
    // Whatever comes out is right, as long as it comes.
    static_cast<void>(under.cell.wait(first, Deadline::after(1ms)));
    static_cast<void>(under.cell.wait(first, peer, Deadline::after(1ms)));
    static_cast<void>(under.cell.set(first));
    static_cast<void>(under.cell.clear(first));
    under.cell.retire();
    static_cast<void>(under.cell.settle());
    under.cell.reset(first);
  }
}

TEST(FutexCell, a_bell_that_rings_for_nothing_wakes_nobody) {
  FutexUnderTest under;
  ThreadPeer peer;

  under.write_late();

  EXPECT_EQ(under.cell.wait(first, peer, Deadline::after(10ms)).error().code(), Errc::deadline_exceeded);
  EXPECT_FALSE(os::readable(under.descriptor.get()));
}

TEST(FutexCell, set_rings_no_bell_while_nobody_waits_with_a_peer) {
  FutexUnderTest under;

  ASSERT_TRUE(under.cell.set(first));

  EXPECT_FALSE(os::readable(under.descriptor.get()));
}

// Whoever silences a false ring may silence a true one with it: the other must still wake.
TEST(FutexCell, two_waiters_share_one_bell_that_also_rings_for_nothing) {
  const testing::Watchdog watchdog{"two waiters"};
  constexpr int rounds = 2'000;
  FutexUnderTest under;
  ThreadPeer peer;
  const auto seed = std::random_device{}();
  SCOPED_TRACE(seed);
  std::mt19937 random{seed};
  std::barrier<> turn{3};
  std::atomic<int> woken{0};
  std::array<std::jthread, 2> waiters;
  for (std::jthread& waiter : waiters)
    waiter = std::jthread{[&] {
      for (int round = 0; round < rounds; ++round) {
        turn.arrive_and_wait();
        woken += under.cell.wait(first, peer, Deadline::never()).has_value();
        turn.arrive_and_wait();
      }
    }};

  for (int round = 0; round < rounds; ++round) {
    turn.arrive_and_wait();
    for (auto delay = random() % 256; delay > 0; --delay) under.word.load();
    under.write_late();
    for (auto delay = random() % 256; delay > 0; --delay) under.word.load();
    EXPECT_TRUE(under.cell.set(first));
    turn.arrive_and_wait();
    // Silent again, so that no ring of this round helps the next.
    std::uint64_t count = 0;
    static_cast<void>(::read(under.descriptor.get(), &count, sizeof count));
    EXPECT_TRUE(under.cell.clear(first));
  }

  EXPECT_EQ(woken, 2 * rounds);
}

TEST(FutexCell, waiters_who_miss_a_set_that_is_cleared_at_once_get_a_later_one) {
  const testing::Watchdog watchdog{"two waiters"};
  FutexUnderTest under;
  ThreadPeer peer;
  std::array<std::jthread, 2> waiters;
  std::atomic<std::uint64_t> turns{0};
  for (std::jthread& waiter : waiters)
    waiter = std::jthread{[&](const std::stop_token& stop) {
      while (!stop.stop_requested()) {
        ASSERT_TRUE(under.cell.wait(first, peer, Deadline::never()));
        ++turns;
      }
    }};

  while (turns < 2'000) {
    ASSERT_TRUE(under.cell.set(first));
    ASSERT_TRUE(under.cell.clear(first));
  }
  for (std::jthread& waiter : waiters) waiter.request_stop();
  ASSERT_TRUE(under.cell.set(first));
}

TEST(DescriptorCell, is_readable_exactly_while_it_is_set) {
  DescriptorUnderTest under;
  EXPECT_FALSE(os::readable(under.cell.descriptor()));

  ASSERT_TRUE(under.cell.set(first));
  EXPECT_TRUE(os::readable(under.cell.descriptor()));
  ASSERT_TRUE(under.cell.clear(first));

  EXPECT_FALSE(os::readable(under.cell.descriptor()));
}

TEST(DescriptorCell, does_not_settle_while_a_set_stands_between_its_two_steps) {
  DescriptorUnderTest under;
  ++under.word;  // What set() does first.

  EXPECT_FALSE(under.cell.settle());
  EXPECT_FALSE(under.cell.settle());
  under.write_late();  // What set() does then.

  EXPECT_TRUE(under.cell.settle());
  EXPECT_FALSE(os::readable(under.cell.descriptor()));
}

TEST(DescriptorCell, reset_silences_what_a_dead_or_hostile_process_has_left) {
  DescriptorUnderTest under;
  ++under.word;
  ASSERT_FALSE(under.cell.settle());
  under.write_late();

  under.cell.reset(second);

  EXPECT_EQ(under.cell.state(second), EventState::not_set);
  EXPECT_FALSE(os::readable(under.cell.descriptor()));
  EXPECT_TRUE(under.cell.settle());
}

TEST(DescriptorCell, counts_no_announcement_into_the_generation) {
  DescriptorUnderTest under;
  under.word |= UINT32_MAX;

  EXPECT_TRUE(under.cell.set(first));

  EXPECT_EQ(under.cell.state(first), EventState::set);
}

}  // namespace
}  // namespace prong::sync::detail

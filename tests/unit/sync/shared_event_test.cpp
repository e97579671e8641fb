#include "prong/sync/shared_event.hpp"

#include "event_memory.hpp"
#include "prong/testing/watchdog.hpp"
#include "test_peer.hpp"

#include <gtest/gtest.h>

#include <thread>
#include <vector>

namespace prong {
namespace {

using namespace std::chrono_literals;
using tests::ThreadPeer;

TEST(SharedEvent, is_set_until_it_is_cleared) {
  auto event = SharedEvent::create().value();
  ThreadPeer peer;
  EXPECT_FALSE(event.is_set());

  event.set();
  event.set();
  EXPECT_TRUE(event.is_set());
  EXPECT_TRUE(event.wait(Deadline::now()));
  EXPECT_TRUE(event.wait(peer, Deadline::now()));
  event.clear();

  EXPECT_FALSE(event.is_set());
  EXPECT_EQ(event.wait(Deadline::now()).error().code(), Errc::deadline_exceeded);
  EXPECT_EQ(event.wait(peer, Deadline::after(1ms)).error().code(), Errc::deadline_exceeded);
}

TEST(SharedEvent, wakes_all_who_wait_and_shows_them_what_was_done_before) {
  const testing::Watchdog watchdog{"four waiters"};
  auto event = SharedEvent::create().value();
  ThreadPeer peer;
  int done_before = 0;
  std::atomic<int> seen{0};
  std::vector<std::jthread> waiters;
  for (int i = 0; i < 2; ++i) {
    waiters.emplace_back([&] { seen += event.wait(Deadline::never()) ? done_before : 0; });
    waiters.emplace_back([&] { seen += event.wait(peer, Deadline::never()) ? done_before : 0; });
  }

  done_before = 1;
  event.set();
  waiters.clear();

  EXPECT_EQ(seen, 4);
}

TEST(SharedEvent, moves_with_its_memory) {
  auto event = SharedEvent::create().value();
  event.set();

  SharedEvent moved = std::move(event);

  EXPECT_TRUE(moved.is_set());
}

TEST(SharedEvent, overwritten_is_a_bad_message_for_waiters_and_repaired_by_set_and_clear) {
  auto event = SharedEvent::create().value();
  ThreadPeer peer;
  auto& word = tests::event_memory("prong-shared-event")[0];

  word = 0xFFFFFFFF;
  EXPECT_FALSE(event.is_set());
  EXPECT_EQ(event.wait(Deadline::never()).error().code(), Errc::bad_message);
  EXPECT_EQ(event.wait(peer, Deadline::never()).error().code(), Errc::bad_message);
  event.set();
  EXPECT_TRUE(event.wait(Deadline::never()));

  word = 0xFFFFFFFF;
  event.clear();
  EXPECT_EQ(event.wait(Deadline::now()).error().code(), Errc::deadline_exceeded);
}

}  // namespace
}  // namespace prong

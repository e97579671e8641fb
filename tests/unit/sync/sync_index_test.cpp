#include "prong/sync/sync_index.hpp"

#include "prong/base/exception.hpp"
#include "test_peer.hpp"

#include <gtest/gtest.h>

#include <stdexcept>
#include <thread>

namespace prong {
namespace {

using namespace std::chrono_literals;
using tests::ThreadPeer;

TEST(SyncIndex, waits_for_a_thread_of_this_process) {
  EventGroup group{1};
  const SyncIndex sync{group};
  std::thread other{[&, index = sync.index()] { EXPECT_TRUE(group.set(index)); }};

  EXPECT_TRUE(sync.wait(Deadline::after(30s)));
  other.join();
}

TEST(SyncIndex, releases_at_the_end_of_its_scope_without_waiting) {
  EventGroup group{1};
  EventIndex index;
  {
    const SyncIndex sync{group};
    index = sync.index();
    EXPECT_EQ(group.reserve().error().code(), Errc::no_free_event);
  }

  EXPECT_EQ(group.set(index).error().code(), Errc::bad_index);
  EXPECT_TRUE(group.reserve());
}

TEST(SyncIndex, body_that_throws_leaves_nothing_reserved) {
  EventGroup group{1};
  ThreadPeer peer;

  EXPECT_THROW(
      {
        const SyncIndex sync(group, peer);
        throw std::runtime_error{"body"};
      },
      std::runtime_error);

  EXPECT_TRUE(group.reserve());
}

TEST(SyncIndex, that_finds_no_free_event_throws_or_returns_it) {
  EventGroup group{1};
  ThreadPeer peer;
  const SyncIndex holder{group};

  EXPECT_THROW(SyncIndex(group, peer), Exception);
  EXPECT_THROW(SyncIndex{group}, Exception);
  EXPECT_THROW(SyncIndex(group, peer, Deadline::after(1ms)), DeadlineExceeded);
  EXPECT_EQ(SyncIndex::reserve(group).error().code(), Errc::no_free_event);
  EXPECT_EQ(SyncIndex::reserve(group, peer, Deadline::after(1ms)).error().code(), Errc::deadline_exceeded);
}

TEST(SyncIndex, moved_from_releases_nothing) {
  EventGroup group{1};
  auto sync = SyncIndex::reserve(group).value();
  {
    const SyncIndex moved{std::move(sync)};
    EXPECT_EQ(group.reserve().error().code(), Errc::no_free_event);
  }

  const auto again = group.reserve();

  ASSERT_TRUE(again);
  EXPECT_TRUE(group.release(again->event));
}

TEST(SyncIndex, may_be_waited_for_again_after_a_deadline) {
  EventGroup group{1};
  ThreadPeer peer;
  const SyncIndex sync{group, peer};

  EXPECT_EQ(sync.wait(Deadline::after(1ms)).error().code(), Errc::deadline_exceeded);
  ASSERT_TRUE(group.set(sync.index()));

  EXPECT_TRUE(sync.wait(Deadline::after(30s)));
}

TEST(SyncIndex, wait_ends_with_the_peer) {
  EventGroup group{1};
  ThreadPeer peer;
  const SyncIndex sync{group, peer};

  peer.stop();

  EXPECT_EQ(sync.wait(Deadline::never()).error().code(), Errc::stopped);
}

TEST(Synchronize, reserves_calls_waits_and_releases) {
  EventGroup group{1};
  ThreadPeer peer;
  std::jthread other;

  const auto with_peer = synchronize(group, peer, Deadline::after(30s), [&](EventIndex index) {
    other = std::jthread{[&group, index] { EXPECT_TRUE(group.set(index)); }};
  });
  const auto without = synchronize(group, Deadline::after(30s), [&](EventIndex index) { return group.set(index); });

  EXPECT_TRUE(with_peer);
  EXPECT_TRUE(without);
  EXPECT_TRUE(group.reserve());
}

TEST(Synchronize, does_not_wait_when_the_body_fails_or_throws) {
  EventGroup group{1};
  ThreadPeer peer;

  const auto failed = synchronize(group, peer, Deadline::never(),
                                  [](EventIndex) -> Result<void> { return fail(Errc::overloaded, "full"); });
  EXPECT_THROW(
      static_cast<void>(synchronize(group, Deadline::never(), [](EventIndex) { throw std::logic_error{"x"}; })),
      std::logic_error);

  EXPECT_EQ(failed.error().code(), Errc::overloaded);
  EXPECT_TRUE(group.reserve());
}

TEST(Synchronize, fails_when_nobody_sets_in_time) {
  EventGroup group{1};

  const auto late = synchronize(group, Deadline::after(1ms), [](EventIndex) {});

  EXPECT_EQ(late.error().code(), Errc::deadline_exceeded);
  EXPECT_TRUE(group.reserve());
}

}  // namespace
}  // namespace prong

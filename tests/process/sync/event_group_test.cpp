#include "prong/sync/event_group.hpp"

#include "event_memory.hpp"
#include "process_test.hpp"
#include "prong/os/inherited.hpp"
#include "prong/os/poll.hpp"
#include "prong/os/shared_memory.hpp"
#include "prong/os/signals.hpp"
#include "test_peer.hpp"

#include <unistd.h>

#include <csignal>
#include <new>
#include <random>
#include <thread>

namespace prong {
namespace {

using namespace std::chrono_literals;
using os::ChildProcess;
using tests::ChildPeer;

// What a child is told and tells while it runs, in memory that both have.
class Board {
 public:
  Board() : mapping_{os::SharedMemory::create("board", sizeof(Words)).value().map(os::Access::read_write).value()} {
    words_ = new (mapping_.data()) Words;
  }
  std::atomic<std::uint64_t>& index() { return words_->index; }
  std::atomic<int>& step() { return words_->step; }
  void await_step(int wanted) {
    while (words_->step < wanted) std::this_thread::yield();
  }

 private:
  struct Words {
    std::atomic<std::uint64_t> index{0};
    std::atomic<int> step{0};
  };
  os::Mapping mapping_;
  Words* words_;
};

class EventGroupInProcesses : public tests::ProcessTest, public ::testing::WithParamInterface<EventKind> {
 protected:
  const int parent = ::getpid();
  static int sleep_for_ever() {
    os::die_with_parent(::getppid());
    return ::pause();
  }
  static int exit_code(ChildProcess& child) {
    const auto status = child.wait(Deadline::after(30s)).value();
    return status.signal == 0 ? status.code : -status.signal;
  }
};
INSTANTIATE_TEST_SUITE_P(Kinds, EventGroupInProcesses, ::testing::Values(EventKind::shared, EventKind::descriptor),
                         [](const auto& kind) { return kind.param == EventKind::shared ? "shared" : "descriptor"; });

TEST_P(EventGroupInProcesses, child_sets_by_index_what_the_parent_waits_for) {
  EventGroup group{2, GetParam()};
  const auto with_peer = group.reserve().value();
  const auto without = group.reserve().value();
  auto child = ChildProcess::fork([&] {
                 if (!os::close_all_but_inherited({})) return 2;
                 if (!group.set(with_peer.index)) return 3;
                 const auto event = group.from_index(without.index);
                 if (!event || group.as_index(*event) != Result<EventIndex>{without.index}) return 4;
                 if (!event->set() || !event->is_set()) return 5;
                 return 0;
               }).value();
  ChildPeer peer{child};

  EXPECT_TRUE(without.event.wait(Deadline::never()));
  EXPECT_TRUE(with_peer.event.wait(peer, Deadline::never()));
  EXPECT_EQ(exit_code(child), 0);
}

TEST_P(EventGroupInProcesses, parent_sets_what_the_child_waits_for) {
  EventGroup group{1, GetParam()};
  const auto [index, event] = group.reserve().value();
  auto child = ChildProcess::fork([&group, index = index, parent = parent] {
                 os::die_with_parent(parent);
                 return group.from_index(index).value().wait(Deadline::never()) ? 0 : 1;
               }).value();

  ASSERT_TRUE(event.set());

  EXPECT_EQ(exit_code(child), 0);
}

TEST_P(EventGroupInProcesses, child_can_neither_reserve_nor_release) {
  EventGroup group{2, GetParam()};
  const auto reserved = group.reserve().value();
  auto child = ChildProcess::fork([&] {
                 if (group.reserve().error().code() != Errc::wrong_process) return 1;
                 if (group.reserve(Deadline::never()).error().code() != Errc::wrong_process) return 2;
                 if (group.release(reserved.event).error().code() != Errc::wrong_process) return 3;
                 if (group.release(reserved.index).error().code() != Errc::wrong_process) return 4;
                 return 0;
               }).value();

  EXPECT_EQ(exit_code(child), 0);
  EXPECT_TRUE(group.release(reserved.event));
}

TEST_P(EventGroupInProcesses, wait_ends_when_the_child_is_killed) {
  EventGroup group{1, GetParam()};
  const auto reserved = group.reserve().value();
  auto child = ChildProcess::fork(sleep_for_ever).value();
  auto killer = ChildProcess::fork([victim = child.pid()] {
                  ::usleep(20'000);
                  return ::kill(victim, SIGKILL);
                }).value();
  ChildPeer peer{child};

  EXPECT_EQ(reserved.event.wait(peer, Deadline::never()).error().code(), Errc::process_expired);
  EXPECT_EQ(exit_code(killer), 0);
}

TEST_P(EventGroupInProcesses, set_before_death_wins) {
  EventGroup group{1, GetParam()};
  const auto reserved = group.reserve().value();
  auto child = ChildProcess::fork([&] {
                 static_cast<void>(group.set(reserved.index));
                 return ::kill(::getpid(), SIGKILL);
               }).value();
  ChildPeer peer{child};
  ASSERT_EQ(exit_code(child), -SIGKILL);

  EXPECT_TRUE(reserved.event.wait(peer, Deadline::never()));
}

TEST_P(EventGroupInProcesses, set_and_death_race_to_one_clear_end) {
  EventGroup group{1, GetParam()};
  for (int round = 0; round < 100; ++round) {
    const auto reserved = group.reserve(Deadline::after(20s)).value();
    auto child = ChildProcess::fork([&] { return group.set(reserved.index) ? 0 : 1; }).value();
    ChildPeer peer{child};

    ASSERT_TRUE(reserved.event.wait(peer, Deadline::never())) << "round " << round;
    ASSERT_TRUE(group.release(reserved.event));
  }
}

TEST_P(EventGroupInProcesses, wait_ends_at_the_deadline_while_the_child_lives) {
  EventGroup group{1, GetParam()};
  const auto reserved = group.reserve().value();
  auto child = ChildProcess::fork(sleep_for_ever).value();
  ChildPeer peer{child};

  EXPECT_EQ(reserved.event.wait(peer, Deadline::after(20ms)).error().code(), Errc::deadline_exceeded);
  EXPECT_EQ(reserved.event.wait(Deadline::after(20ms)).error().code(), Errc::deadline_exceeded);
}

TEST_P(EventGroupInProcesses, late_set_by_the_child_wakes_nobody) {
  EventGroup group{1, GetParam()};
  Board board;
  const auto late = group.reserve().value();
  auto child = ChildProcess::fork([&] {
                 os::die_with_parent(parent);
                 board.await_step(1);
                 return group.set(late.index).error().code() == Errc::bad_index ? 0 : 1;
               }).value();
  ChildPeer peer{child};
  ASSERT_TRUE(group.release(late.event));
  const auto present = group.reserve().value();

  board.step() = 1;

  EXPECT_EQ(present.event.wait(peer, Deadline::never()).error().code(), Errc::process_expired);
  EXPECT_EQ(exit_code(child), 0);
  EXPECT_FALSE(present.event.is_set());
}

// The child sets what it last heard of, without end; the parent recycles its one event under its hands, and the
// child is killed wherever it stands.
TEST_P(EventGroupInProcesses, sets_that_race_with_release_and_reserve_wake_nobody_though_their_process_is_killed) {
  const auto seed = std::random_device{}();
  SCOPED_TRACE(seed);
  std::mt19937 random{seed};
  EventGroup group{1, GetParam()};
  for (int life = 0; life < 10; ++life) {
    Board board;
    auto child = ChildProcess::fork([&] {
                   os::die_with_parent(parent);
                   for (;;) static_cast<void>(group.set(EventIndex{board.index()}));
                   return 0;
                 }).value();
    const auto rounds = 200 + random() % 400;
    for (unsigned round = 0; round < rounds; ++round) {
      const auto known = group.reserve(Deadline::after(20s)).value();
      board.index() = known.index.value;
      if (round % 4 == 0) {
        ASSERT_TRUE(known.event.wait(Deadline::never()));
      }
      ASSERT_TRUE(group.release(known.event));
      const auto secret = group.reserve(Deadline::after(20s)).value();
      ASSERT_FALSE(secret.event.is_set()) << "life " << life << ", round " << round;
      if (GetParam() == EventKind::descriptor) {
        ASSERT_FALSE(os::readable(secret.event.descriptor().value()));
      }
      ASSERT_TRUE(group.release(secret.event));
    }
    ASSERT_TRUE(child.signal(SIGKILL));
  }
}

TEST_P(EventGroupInProcesses, child_that_scribbles_over_the_memory_costs_at_most_the_deadline) {
  EventGroup group{3, GetParam()};
  const auto memory = tests::event_memory("prong-event-group");
  auto child = ChildProcess::fork([&] {
                 os::die_with_parent(parent);
                 std::mt19937 random{7};
                 for (;;)
                   memory[random() % 64] =
                       random() % 3 == 0 ? 8U | (random() & 7U) : static_cast<std::uint32_t>(random());
                 return 0;
               }).value();
  ChildPeer peer{child};

  // Longer than an event of kind descriptor is held back when its memory says that a set is on its way.
  const Deadline end = Deadline::after(1500ms);
  while (!end.has_passed()) {
    const auto reserved = group.reserve(Deadline::after(20ms));
    if (!reserved) continue;
    // Woken early, told of the damage, or at the deadline: but each of these lines ends.
    static_cast<void>(reserved->event.wait(peer, Deadline::after(2ms)));
    static_cast<void>(reserved->event.wait(Deadline::after(2ms)));
    static_cast<void>(reserved->event.set());
    static_cast<void>(reserved->event.clear());
    ASSERT_TRUE(group.release(reserved->event));
  }
  ASSERT_TRUE(child.signal(SIGKILL));
  ASSERT_EQ(exit_code(child), -SIGKILL);

  // With the child gone, everything is as it was.
  for (int i = 0; i < 3; ++i) {
    const auto reserved = group.reserve(Deadline::after(20s)).value();
    EXPECT_FALSE(reserved.event.is_set());
    ASSERT_TRUE(group.set(reserved.index));
    EXPECT_TRUE(reserved.event.wait(Deadline::never()));
  }
}

}  // namespace
}  // namespace prong

#include "prong/sync/sync_index.hpp"

#include "process_test.hpp"
#include "prong/os/shared_memory.hpp"
#include "prong/os/signals.hpp"
#include "test_peer.hpp"

#include <unistd.h>

#include <csignal>
#include <new>
#include <stdexcept>

namespace prong {
namespace {

using namespace std::chrono_literals;
using os::ChildProcess;
using tests::ChildPeer;

class SyncIndexInProcesses : public tests::ProcessTest, public ::testing::WithParamInterface<EventKind> {
 protected:
  // A backend in miniature: sets whatever index it finds in shared memory, once each.
  ChildProcess fork_setter() {
    auto child = ChildProcess::fork([this] {
      os::die_with_parent(parent_);
      std::uint64_t done = 0;
      for (;;) {
        const std::uint64_t wanted = *command_;
        if (wanted == done) continue;
        if (!group_.set(EventIndex{wanted})) return 1;
        done = wanted;
      }
    });
    return std::move(child).value();
  }
  void tell(EventIndex index) { *command_ = index.value; }

  EventGroup group_{4, GetParam()};

 private:
  const int parent_ = ::getpid();
  os::Mapping memory_ = os::SharedMemory::create("command", 8).value().map(os::Access::read_write).value();
  std::atomic<std::uint64_t>* command_ = new (memory_.data()) std::atomic<std::uint64_t>{0};
};
INSTANTIATE_TEST_SUITE_P(Kinds, SyncIndexInProcesses, ::testing::Values(EventKind::shared, EventKind::descriptor),
                         [](const auto& kind) { return kind.param == EventKind::shared ? "shared" : "descriptor"; });

TEST_P(SyncIndexInProcesses, ten_thousand_handshakes_lose_nothing) {
  auto child = fork_setter();
  ChildPeer peer{child};

  for (int i = 0; i < 10'000; ++i) {
    const SyncIndex sync{group_, peer, Deadline::after(20s)};
    tell(sync.index());
    const auto ended = sync.wait(Deadline::never());
    ASSERT_TRUE(ended) << "round " << i << ": " << to_string(ended.error());
  }
}

TEST_P(SyncIndexInProcesses, synchronize_ends_with_the_death_of_the_backend) {
  auto child = ChildProcess::fork([] {
                 os::die_with_parent(::getppid());
                 return ::pause();
               }).value();
  ChildPeer peer{child};

  const auto ended =
      synchronize(group_, peer, Deadline::never(), [&](EventIndex) { ASSERT_TRUE(child.signal(SIGKILL)); });

  EXPECT_EQ(ended.error().code(), Errc::process_expired);
}

TEST_P(SyncIndexInProcesses, body_that_throws_does_not_hang_and_the_late_set_wakes_nobody) {
  auto child = fork_setter();
  ChildPeer peer{child};
  EventIndex given_up;

  EXPECT_THROW(static_cast<void>(synchronize(group_, peer, Deadline::never(),
                                             [&](EventIndex index) {
                                               given_up = index;
                                               throw std::runtime_error{"body"};
                                             })),
               std::runtime_error);
  const SyncIndex next{group_, peer};
  tell(given_up);

  // The child leaves with 1 because its set was refused.
  EXPECT_EQ(child.wait(Deadline::after(20s)).value().code, 1);
  EXPECT_EQ(next.wait(Deadline::after(5ms)).error().code(), Errc::process_expired);
}

TEST_P(SyncIndexInProcesses, copy_in_a_child_releases_nothing) {
  EventGroup group{1, GetParam()};
  auto sync = SyncIndex::reserve(group).value();
  auto child = ChildProcess::fork([&] {
                 const SyncIndex copy{std::move(sync)};
                 return 0;
               }).value();
  ASSERT_TRUE(child.wait(Deadline::after(20s)));

  EXPECT_EQ(group.reserve().error().code(), Errc::no_free_event);
  EXPECT_TRUE(group.set(sync.index()));
  EXPECT_TRUE(sync.wait(Deadline::now()));
}

}  // namespace
}  // namespace prong

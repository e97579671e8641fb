#include "prong/sync/shared_event.hpp"

#include "process_test.hpp"
#include "prong/os/inherited.hpp"
#include "prong/os/signals.hpp"
#include "prong/sync/event_group.hpp"
#include "test_peer.hpp"

#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <csignal>

namespace prong {
namespace {

using namespace std::chrono_literals;
using os::ChildProcess;
using tests::ChildPeer;

constexpr int rounds = 10'000;

class SharedEventInProcesses : public tests::ProcessTest {
 protected:
  // Without deadlines: at one, a wait would find the set after all. The watchdog sees a lost wake-up.
  // The child answers each ping with a pong, and leaves with 0 if it has seen them all.
  ChildProcess fork_partner() {
    return ChildProcess::fork([this, parent = ::getpid()] {
             os::die_with_parent(parent);
             for (int i = 0; i < rounds; ++i) {
               if (!ping.wait(Deadline::never())) return 1;
               ping.clear();
               pong.set();
             }
             return 0;
           })
        .value();
  }
  SharedEvent ping = SharedEvent::create().value();
  SharedEvent pong = SharedEvent::create().value();
};

TEST_F(SharedEventInProcesses, no_wake_is_lost_in_ten_thousand_rounds) {
  auto child = fork_partner();

  for (int i = 0; i < rounds; ++i) {
    ping.set();
    ASSERT_TRUE(pong.wait(Deadline::never())) << "round " << i;
    pong.clear();
  }

  EXPECT_TRUE(child.wait(Deadline::after(20s)).value().success());
}

TEST_F(SharedEventInProcesses, no_wake_is_lost_in_ten_thousand_rounds_with_a_peer) {
  auto child = fork_partner();
  ChildPeer peer{child};

  for (int i = 0; i < rounds - 1; ++i) {
    ping.set();
    ASSERT_TRUE(pong.wait(peer, Deadline::never())) << "round " << i;
    pong.clear();
  }
  ping.set();

  EXPECT_TRUE(pong.wait(peer, Deadline::never()));
  EXPECT_TRUE(child.wait(Deadline::after(20s)).value().success());
}

TEST_F(SharedEventInProcesses, wait_ends_when_the_peer_is_killed) {
  auto child = ChildProcess::fork([] {
                 os::die_with_parent(::getppid());
                 return ::pause();
               }).value();
  auto killer = ChildProcess::fork([victim = child.pid()] {
                  ::usleep(20'000);
                  return ::kill(victim, SIGKILL);
                }).value();
  ChildPeer peer{child};

  EXPECT_EQ(ping.wait(peer, Deadline::never()).error().code(), Errc::process_expired);
  EXPECT_TRUE(killer.wait(Deadline::after(20s)).value().success());
}

TEST_F(SharedEventInProcesses, set_before_death_wins_though_descriptors_were_closed) {
  auto child = ChildProcess::fork([this] {
                 if (!os::close_all_but_inherited({})) return 1;
                 ping.set();
                 return 0;
               }).value();
  ChildPeer peer{child};

  EXPECT_TRUE(ping.wait(peer, Deadline::never()));
  EXPECT_TRUE(child.wait(Deadline::after(20s)).value().success());
}

// The kernel kills who makes a system call other than read, write and exit.
TEST_F(SharedEventInProcesses, costs_no_system_call_while_nobody_sleeps) {
  EventGroup group;
  const auto reserved = group.reserve().value();
  auto child = ChildProcess::fork([&] {
                 ::prctl(PR_SET_SECCOMP, SECCOMP_MODE_STRICT);
                 for (int i = 0; i < 100; ++i) {
                   ping.set();
                   if (!ping.is_set() || !ping.wait(Deadline::never())) ::syscall(SYS_exit, 1);
                   ping.clear();
                   if (!group.set(reserved.index) || !reserved.event.wait(Deadline::never())) ::syscall(SYS_exit, 2);
                   if (!reserved.event.clear()) ::syscall(SYS_exit, 3);
                 }
                 return static_cast<int>(::syscall(SYS_exit, 0));
               }).value();

  EXPECT_TRUE(child.wait(Deadline::after(20s)).value().success());
}

TEST_F(SharedEventInProcesses, wakes_several_children) {
  std::vector<ChildProcess> children;
  for (int i = 0; i < 4; ++i)
    children.push_back(ChildProcess::fork([this, parent = ::getpid()] {
                         os::die_with_parent(parent);
                         return ping.wait(Deadline::never()) ? 0 : 1;
                       }).value());

  ping.set();

  for (ChildProcess& child : children) EXPECT_TRUE(child.wait(Deadline::after(20s)).value().success());
}

}  // namespace
}  // namespace prong

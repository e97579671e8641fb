#include "prong/os/child_process.hpp"

#include "process_test.hpp"
#include "prong/os/poll.hpp"

#include <unistd.h>

#include <csignal>
#include <latch>
#include <stdexcept>
#include <thread>

namespace prong::os {
namespace {

using ChildProcess_ = tests::ProcessTest;
using namespace std::chrono_literals;

TEST_F(ChildProcess_, exit_code_arrives) {
  auto child = ChildProcess::fork([] { return 3; }).value();

  const ExitStatus status = child.wait(Deadline::after(10s)).value();

  EXPECT_EQ(status.code, 3);
  EXPECT_EQ(status.signal, 0);
  EXPECT_FALSE(child.exists());
  EXPECT_EQ(child.wait(Deadline::now()).value().code, 3);
}

TEST_F(ChildProcess_, signal_is_told_apart_from_exit) {
  auto child = ChildProcess::fork([] { return ::pause(); }).value();

  ASSERT_TRUE(child.signal(SIGTERM));
  const ExitStatus status = child.wait(Deadline::after(10s)).value();

  EXPECT_EQ(status.signal, SIGTERM);
  EXPECT_EQ(to_string(status), "signal 15 (SIGTERM)");
}

TEST_F(ChildProcess_, exception_in_the_child_leaves_with_1) {
  auto child = ChildProcess::fork([]() -> int { throw std::runtime_error{"x"}; }).value();

  EXPECT_EQ(child.wait(Deadline::after(10s)).value().code, 1);
}

TEST_F(ChildProcess_, wait_ends_at_the_deadline_and_the_child_is_reaped_by_the_destructor) {
  auto child = ChildProcess::fork([] { return ::pause(); }).value();

  EXPECT_EQ(child.wait(Deadline::after(20ms)).error().code(), Errc::deadline_exceeded);
  EXPECT_TRUE(child.exists());
}

TEST_F(ChildProcess_, descriptor_becomes_readable_at_the_end) {
  auto child = ChildProcess::fork([] { return ::pause(); }).value();
  EXPECT_FALSE(readable(child.descriptor()));

  ASSERT_TRUE(child.signal(SIGKILL));

  EXPECT_TRUE(wait_readable(child.descriptor(), Deadline::after(10s)));
}

TEST_F(ChildProcess_, fork_is_refused_with_the_names_of_the_threads) {
  std::latch leave{1};
  std::thread other{[&] {
    ::pthread_setname_np(::pthread_self(), "camera-reader");
    leave.wait();
  }};
  const auto named = [] { return ChildProcess::fork([] { return 0; }).error().message(); };
  while (named().find("camera-reader") == std::string::npos) std::this_thread::yield();

  const auto refused = ChildProcess::fork([] { return 0; });
  leave.count_down();
  other.join();

  EXPECT_EQ(refused.error().code(), Errc::threads_exist);
}

}  // namespace
}  // namespace prong::os

#include "prong/os/process_tree.hpp"

#include "process_test.hpp"
#include "prong/os/child_process.hpp"
#include "prong/os/poll.hpp"

#include <sys/wait.h>
#include <unistd.h>

#include <csignal>

namespace prong::os {
namespace {

using ProcessTree = tests::ProcessTest;
using namespace std::chrono_literals;

// Forks a line of processes, each the child of the one before, and tells when the last one lives.
[[noreturn]] void be_a_line(int length, int tell) {
  if (length > 0 && ::fork() == 0) be_a_line(length - 1, tell);
  if (length == 0 && ::write(tell, "x", 1) != 1) ::_exit(1);
  for (;;) ::pause();
}

struct Pipe {
  Pipe() {
    int both[2];
    if (::pipe(both) != 0) throw std::runtime_error{"pipe"};
    read = UniqueFd{both[0]};
    write = UniqueFd{both[1]};
  }
  UniqueFd read;
  UniqueFd write;
};

TEST_F(ProcessTree, descendants_of_a_process_are_found_and_killed) {
  const Pipe told;
  auto child = ChildProcess::fork([&]() -> int {
                 become_subreaper();
                 be_a_line(3, told.write.get());
               }).value();
  char byte = 0;
  ASSERT_EQ(::read(told.read.get(), &byte, 1), 1);

  const std::vector<UniqueFd> descendants = open_descendants(child.pid());

  ASSERT_EQ(descendants.size(), 3U);
  for (const UniqueFd& one : descendants) EXPECT_FALSE(readable(one.get()));
  kill_all(descendants);
  for (const UniqueFd& one : descendants) EXPECT_TRUE(wait_readable(one.get(), Deadline::after(20s)));
  EXPECT_TRUE(child.exists());
  kill_all(descendants);  // gone: no error
}

TEST_F(ProcessTree, daemons_below_a_subreaper_are_found) {
  const Pipe told;
  auto child = ChildProcess::fork([&]() -> int {
                 become_subreaper();
                 const pid_t first = ::fork();
                 if (first == 0) {
                   ::setsid();
                   if (::fork() == 0) be_a_line(1, told.write.get());
                   ::_exit(0);
                 }
                 ::waitpid(first, nullptr, 0);
                 for (;;) ::pause();
               }).value();
  char byte = 0;
  ASSERT_EQ(::read(told.read.get(), &byte, 1), 1);
  // The one between leaves, and is reaped, when it likes.
  std::vector<UniqueFd> descendants;
  do {
    descendants = open_descendants(child.pid());
  } while (descendants.size() != 2);

  kill_all(descendants);
  for (const UniqueFd& one : descendants) EXPECT_TRUE(wait_readable(one.get(), Deadline::after(20s)));
}

TEST_F(ProcessTree, process_without_children_has_no_descendants) {
  auto child = ChildProcess::fork([]() -> int {
                 for (;;) ::pause();
               }).value();

  EXPECT_TRUE(open_descendants(child.pid()).empty());
  ASSERT_TRUE(child.signal(SIGKILL));
  ASSERT_TRUE(child.wait(Deadline::after(20s)));
  EXPECT_TRUE(open_descendants(child.pid()).empty());
}

}  // namespace
}  // namespace prong::os

// A program that starts a process, calls it and stops it, once for each of its system calls, which then fails: it gets
// an error that says so, or does without it. It neither crashes nor hangs, and leaves nothing behind.
#include "process_test.hpp"
#include "prong/base/exception.hpp"
#include "prong/os/signals.hpp"
#include "prong/process/fork_server.hpp"
#include "prong/process/message_process.hpp"
#include "single_step.hpp"
#include "system_calls.hpp"

#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <iostream>
#include <set>

namespace prong {
namespace {

using namespace std::chrono_literals;
using tests::SystemCall;

class Adder : public MessageProcess {
 public:
  Adder() : MessageProcess{"adder"} { command<&Adder::c__add>("add", "a"_a, "b"_a); }
  Future<int> add(int a, int b) { return call<&Adder::c__add>(a, b); }

 private:
  int c__add(int a, int b) {
    send_out({"adding", {{"a", a}}});
    return a + b;
  }
};

// How the program that is tormented ends.
enum Code { all_well = 0, clear_error = 3, wrong = 4, no_words = 5, left_children = 6 };

void work() {
  Adder adder;
  adder.start();
  if (adder.add(1, 2).get() != 3) ::_exit(wrong);
  static_cast<void>(adder.pipe().receive(Deadline::after(2s)));
  static_cast<void>(adder.stop(Deadline::after(2s)));
}

void work_with_restart() {
  Adder adder;
  adder.start();
  const ForkServer server;
  adder.kill();
  static_cast<void>(adder.wait_stop(Deadline::after(2s)));
  adder.restart(Deadline::after(2s)).value();
  if (adder.add(1, 2).get() != 3) ::_exit(wrong);
  static_cast<void>(adder.stop(Deadline::after(2s)));
}

int tormented(void (*job)(), int parent) {
  os::die_with_parent(parent);
  Logger::format_logger(LogLevel::off);
  ::alarm(15);  // one that hangs ends by SIGALRM
  tests::SingleStep::wait_for_tracer();
  int code = all_well;
  try {
    job();
  } catch (const Exception& exception) {
    code = exception.error().message().empty() ? no_words : clear_error;
  }
  // What is left must be gone soon: the fork server leaves when it reads that nobody is there.
  for (int i = 0; i < 2'000; ++i) {
    const pid_t one = ::waitpid(-1, nullptr, WNOHANG);
    if (one < 0) return code;
    if (one == 0) ::usleep(1'000);
  }
  return left_children;
}

// Calls that make something: they fail when there is no more of it.
int exhausted(const SystemCall& call) {
  switch (call.number) {
    case SYS_memfd_create:
    case SYS_eventfd2:
    case SYS_epoll_create1:
    case SYS_socketpair:
    case SYS_pidfd_open:
    case SYS_dup:
    case SYS_dup3: return EMFILE;
    case SYS_openat: return ENFILE;
    case SYS_clone:
    case SYS_clone3:
    case SYS_fork: return EAGAIN;
    case SYS_ftruncate: return ENOSPC;
    case SYS_epoll_ctl: return call.arguments[1] == 2 ? 0 : ENOSPC;               // not EPOLL_CTL_DEL
    case SYS_mmap: return static_cast<int>(call.arguments[4]) >= 0 ? ENOMEM : 0;  // not the heap's
    default: return 0;
  }
}

// Calls that wait or move bytes: a signal may interrupt them, and nobody must notice.
int interrupted(const SystemCall& call) {
  switch (call.number) {
    case SYS_read:
    case SYS_write:
    case SYS_poll:
    case SYS_ppoll:
    case SYS_epoll_wait:
    case SYS_epoll_pwait:
    case SYS_epoll_pwait2:
    case SYS_sendmsg:
    case SYS_recvmsg:
    case SYS_waitid: return EINTR;
    default: return 0;
  }
}

class FailingSystemCall : public tests::ProcessTest {
 protected:
  // Has each call that `error_for` names fail once, and returns how often the program did without it.
  void torment(void (*job)(), int (*error_for)(const SystemCall&), const std::set<int>& allowed) {
    std::uint64_t which = 0;
    std::map<std::string, int> ended;
    for (;; ++which) {
      restart_watchdog();
      os::ChildProcess child =
          os::ChildProcess::fork([&, parent = ::getpid()] { return tormented(job, parent); }).value();
      const tests::TracedRun run = tests::run_with_failing_call(child.pid(), which, error_for);
      if (!run.failed_one) {
        EXPECT_EQ(run.exit_code, all_well);
        break;
      }
      const std::string what = name_of(run.failed) + ", the " + std::to_string(which + 1) + "th, failed: ";
      EXPECT_EQ(run.signal, 0) << what << (run.signal == SIGALRM ? "it hung" : "it crashed");
      EXPECT_TRUE(run.signal != 0 || allowed.contains(run.exit_code)) << what << "exit code " << run.exit_code;
      ++ended[run.exit_code == all_well ? "done without" : "told"];
    }
    std::cout << which << " calls failed:";
    for (const auto& [how, count] : ended) std::cout << ' ' << how << ' ' << count;
    std::cout << '\n';
    EXPECT_GT(which, 10U) << "there should be more calls";
  }
};

TEST_F(FailingSystemCall, that_makes_something_ends_in_a_clear_error_and_leaves_nothing) {
  torment(&work, &exhausted, {all_well, clear_error});
}

TEST_F(FailingSystemCall, that_makes_something_for_a_restart_ends_in_a_clear_error_and_leaves_nothing) {
  torment(&work_with_restart, &exhausted, {all_well, clear_error});
}

TEST_F(FailingSystemCall, that_is_interrupted_is_made_again) {
  torment(&work, &interrupted, {all_well});
}

TEST_F(FailingSystemCall, that_is_interrupted_in_a_restart_is_made_again) {
  torment(&work_with_restart, &interrupted, {all_well});
}

}  // namespace
}  // namespace prong

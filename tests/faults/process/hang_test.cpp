// Handlers that hang in every way: their callers are told at the deadline, and under LatePolicy::kill everything ends.
#include "prong/process/message_process.hpp"

#include "process_test.hpp"
#include "prong/base/exception.hpp"
#include "prong/loop/event_loop.hpp"
#include "prong/os/child_process.hpp"
#include "prong/os/poll.hpp"
#include "prong/process/fork_server.hpp"
#include "prong/supervise/supervised_process.hpp"
#include "prong/supervise/supervisor.hpp"

#include <sched.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <csignal>
#include <ostream>
#include <thread>

namespace prong {
namespace {

using namespace std::chrono_literals;

constexpr auto call_time = 50ms;
// By when a call has surely begun, for tests that cannot make it again.
constexpr auto sure_time = 500ms;

Deadline soon() {
  return Deadline::after(20s);
}

enum class Hang : std::uint8_t { loop, read, ignore_terminate, block_signals, stop, threads };
enum class Children : std::uint8_t { none, child, session, daemon };

void block_all_signals() {
  sigset_t all;
  ::sigfillset(&all);
  ::sigprocmask(SIG_SETMASK, &all, nullptr);
}

[[noreturn]] void read_for_ever() {
  int ends[2];
  if (::pipe(ends) != 0) ::_exit(99);
  for (char byte = 0;;) static_cast<void>(::read(ends[0], &byte, 1));
}

[[noreturn]] void hang(Hang how) {
  switch (how) {
    case Hang::loop: break;
    case Hang::read: read_for_ever();
    case Hang::ignore_terminate: ::signal(SIGTERM, SIG_IGN); break;
    case Hang::block_signals: block_all_signals(); break;
    case Hang::stop: ::raise(SIGSTOP); break;
    case Hang::threads:
      for (int i = 0; i < 8; ++i) std::thread{[i] { i % 2 == 0 ? hang(Hang::loop) : hang(Hang::read); }}.detach();
      read_for_ever();
  }
  for (;;) ::sched_yield();  // for ever, and the machine's other tests go on
}

// What a stubborn helper program is: it listens to nobody. Writes its number to `tell`.
[[noreturn]] void be_a_child(int tell) {
  block_all_signals();
  const pid_t self = ::getpid();
  if (::write(tell, &self, sizeof self) != sizeof self) ::_exit(99);
  for (;;) ::pause();
}

// Starts a process and returns its number.
pid_t start_child(Children kind) {
  int ends[2];
  if (::pipe(ends) != 0) throw std::runtime_error{"pipe"};
  const pid_t child = ::fork();
  if (child < 0) throw std::runtime_error{"fork"};
  if (child == 0) {
    if (kind == Children::child) be_a_child(ends[1]);
    ::setsid();
    if (kind == Children::session) be_a_child(ends[1]);
    if (::fork() == 0) be_a_child(ends[1]);
    ::_exit(0);
  }
  if (kind == Children::daemon) ::waitpid(child, nullptr, 0);
  pid_t pid = 0;
  if (::read(ends[0], &pid, sizeof pid) != sizeof pid) throw std::runtime_error{"read"};
  ::close(ends[0]);
  ::close(ends[1]);
  return pid;
}

class Hanging : public MessageProcess {
 public:
  explicit Hanging(LatePolicy policy = LatePolicy::kill, std::chrono::nanoseconds grace = 20ms)
      : MessageProcess{"hanging", {.when_late = policy, .term_grace = grace, .limits = {.core_bytes = 0}}} {
    command<&Hanging::c__add>("add", "a"_a, "b"_a);
    command<&Hanging::c__start>("start", "kind"_a);
    command<&Hanging::c__hang>("hang", "how"_a);
    command<&Hanging::c__work_until_cancelled>("work_until_cancelled");
    command<&Hanging::c__work>("work", "microseconds"_a);
    command<&Hanging::c__read>("read", "descriptor"_a);
  }

  Future<int> add(int a, int b) { return call<&Hanging::c__add>(a, b, soon()); }
  /// Has the backend start a process, and returns a pidfd of it.
  os::UniqueFd start_below(Children kind) {
    return os::open_pidfd(call<&Hanging::c__start>(kind, soon()).get()).value();
  }
  Future<void> hang_until(Hang how, Deadline deadline) { return call<&Hanging::c__hang>(how, deadline); }
  Future<void> work_until_cancelled(Deadline deadline) { return call<&Hanging::c__work_until_cancelled>(deadline); }
  Future<void> read(int descriptor, Deadline deadline) { return call<&Hanging::c__read>(descriptor, deadline); }
  Future<void> work(std::uint32_t microseconds, Deadline deadline) {
    return call<&Hanging::c__work>(microseconds, deadline);
  }

 private:
  int c__add(int a, int b) { return a + b; }
  int c__start(Children kind) { return start_child(kind); }
  void c__hang(Hang how) { hang(how); }
  void c__work_until_cancelled() {
    while (!cancelled()) ::sched_yield();
  }
  void c__read(int descriptor) {
    char byte = 0;
    if (::read(descriptor, &byte, 1) != 1) throw std::runtime_error{"read"};
  }
  void c__work(std::uint32_t microseconds) {
    const auto until = Deadline::after(std::chrono::microseconds{microseconds});
    while (!until.has_passed()) ::sched_yield();
  }
};

struct Case {
  Hang how;
  Children children;
  const char* name;

  friend void PrintTo(const Case& one, std::ostream* out) { *out << one.name; }
};

class LatePolicyKill : public tests::ProcessTest, public ::testing::WithParamInterface<Case> {
 protected:
  static void end_a_hang(Hanging& process) {
    const auto [how, children, name] = GetParam();
    const os::UniqueFd child = children == Children::none ? os::UniqueFd{} : process.start_below(children);
    std::optional<Result<void>> late;
    Future<int> pending;
    // Once more if the machine was too slow to begin the call before its deadline.
    for (auto time = call_time; !late || !late->error().may_have_run(); time *= 2) {
      if (late && pending.get() != 3) ADD_FAILURE();
      const Deadline deadline = Deadline::after(time);
      auto hanging = process.hang_until(how, deadline);
      pending = process.add(1, 2);
      late = hanging.result();
      ASSERT_FALSE(*late);
      EXPECT_TRUE(deadline.has_passed());
      EXPECT_EQ(late->error().code(), Errc::deadline_exceeded) << to_string(late->error());
      EXPECT_EQ(late->error().outcome(), Outcome::deadline_exceeded);
    }
    const Result<int> never_begun = pending.result();
    ASSERT_FALSE(never_begun);
    EXPECT_EQ(never_begun.error().code(), Errc::process_expired) << to_string(never_begun.error());
    EXPECT_EQ(never_begun.error().outcome(), Outcome::not_delivered);
    EXPECT_FALSE(never_begun.error().may_have_run());
    check_death(*never_begun.error().death());
    EXPECT_TRUE(!child || os::wait_readable(child.get(), soon())) << "what it had started lives";

    ASSERT_TRUE(process.restart(soon()));
    EXPECT_EQ(process.add(1, 2).get(), 3);
  }

 private:
  static void check_death(const ProcessDeath& death) {
    const Hang how = GetParam().how;
    const bool takes_terminate = how == Hang::loop || how == Hang::read || how == Hang::threads;
    EXPECT_EQ(death.cause, DeathCause::deadline) << death.explanation;
    // On a busy machine SIGKILL may overtake SIGTERM; and what is stopped takes SIGTERM if it runs on for the moment in
    // which its tracer lets go of it.
    EXPECT_TRUE(death.signal == SIGKILL || (death.signal == SIGTERM && (takes_terminate || how == Hang::stop)))
        << death.signal;
    EXPECT_EQ(death.command, "hang");
    EXPECT_NE(death.request, 0U);
  }
};

TEST_P(LatePolicyKill, ends_the_backend_that_the_program_forked_and_the_next_call_is_served) {
  Hanging process;
  process.start();
  ASSERT_TRUE(process.wait_ready(soon()));

  end_a_hang(process);

  EXPECT_TRUE(process.stop(soon()));
}

TEST_P(LatePolicyKill, ends_the_backend_that_the_fork_server_forked_and_the_next_call_is_served) {
  Hanging process;
  const ForkServer server;
  process.start();
  process.kill();
  ASSERT_FALSE(process.wait_stop(soon()));
  ASSERT_TRUE(process.restart(soon()));
  ASSERT_TRUE(process.wait_ready(soon()));

  end_a_hang(process);

  EXPECT_TRUE(process.stop(soon()));
}

INSTANTIATE_TEST_SUITE_P(
    All, LatePolicyKill,
    ::testing::Values(Case{Hang::loop, Children::none, "busy_loop"}, Case{Hang::read, Children::none, "blocked_read"},
                      Case{Hang::ignore_terminate, Children::none, "sigterm_ignored"},
                      Case{Hang::block_signals, Children::none, "all_signals_blocked"},
                      Case{Hang::stop, Children::none, "stopped"}, Case{Hang::threads, Children::none, "many_threads"},
                      Case{Hang::read, Children::child, "a_child"},
                      Case{Hang::read, Children::session, "a_child_in_a_session_of_its_own"},
                      Case{Hang::read, Children::daemon, "a_daemon"},
                      Case{Hang::block_signals, Children::daemon, "a_daemon_and_all_signals_blocked"}),
    [](const auto& test) { return std::string{test.param.name}; });

using LatePolicy_ = tests::ProcessTest;

TEST_F(LatePolicy_, report_leaves_the_backend_alone) {
  int ends[2];
  ASSERT_EQ(::pipe(ends), 0);
  const os::UniqueFd read_end{ends[0]};
  const os::UniqueFd write_end{ends[1]};
  Hanging process{LatePolicy::report, 0ms};
  process.inherit(ends[0]);
  process.start();
  ASSERT_TRUE(process.wait_ready(soon()));
  const int pid = process.pid();

  for (int i = 0; i < 5; ++i) {
    auto late = process.read(ends[0], Deadline::after(5ms));
    auto next = process.add(i, 1);
    const Result<void> told = late.result();
    EXPECT_EQ(told.error().outcome(), Outcome::deadline_exceeded);
    const bool reads = told.error().may_have_run();
    ASSERT_TRUE(!reads || ::write(ends[1], "x", 1) == 1);
    EXPECT_EQ(next.get(), i + 1);
  }

  EXPECT_EQ(process.pid(), pid);
  EXPECT_TRUE(process.stop(soon()));
}

TEST_F(LatePolicy_, kill_spares_a_handler_that_obeys_its_token) {
  Hanging process{LatePolicy::kill, 10s};
  process.start();
  const int pid = process.pid();

  for (int i = 0; i < 5; ++i) {
    const Result<void> told = process.work_until_cancelled(Deadline::after(5ms)).result();
    // Its answer and the deadline may meet.
    EXPECT_TRUE(told || told.error().outcome() == Outcome::deadline_exceeded);
    EXPECT_EQ(process.add(i, 1).get(), i + 1);
  }

  EXPECT_EQ(process.pid(), pid);
  EXPECT_EQ(process.state(), ProcessState::running);
  EXPECT_TRUE(process.stop(soon()));
}

TEST_F(LatePolicy_, kill_spares_calls_that_had_not_begun) {
  Hanging process{LatePolicy::kill, 0ms};
  process.start();
  ASSERT_TRUE(process.wait_ready(soon()));
  auto running = process.work(50'000, soon());

  auto waiting = process.add(1, 2);
  auto late = process.hang_until(Hang::loop, Deadline::after(1ms));

  // Behind the one that runs: whether it begins before its deadline is the machine's affair.
  const Result<void> result = late.result();
  ASSERT_FALSE(result);
  if (!result.error().may_have_run()) {
    EXPECT_NO_THROW(running.get());
    EXPECT_EQ(waiting.get(), 3);
    EXPECT_TRUE(process.stop(soon()));
  }
}

TEST_F(LatePolicy_, kill_without_a_restart_fails_later_calls_at_once) {
  Hanging process;
  process.start();
  auto hanging = process.hang_until(Hang::ignore_terminate, Deadline::after(sure_time));
  EXPECT_THROW(hanging.get(), DeadlineExceeded);

  const auto ended = process.wait_stop(soon());

  ASSERT_FALSE(ended);
  ASSERT_NE(ended.error().death(), nullptr);
  EXPECT_EQ(ended.error().death()->cause, DeathCause::deadline);
  ASSERT_NE(ended.error().crash_report(), nullptr);
  EXPECT_FALSE(ended.error().crash_report()->threads.empty()) << ended.error().crash_report()->no_stack;
  const auto late = process.add(1, 2).result();
  EXPECT_EQ(late.error().outcome(), Outcome::not_delivered);
}

TEST_F(LatePolicy_, stop_and_kill_take_along_what_the_backend_has_started) {
  for (const bool by_stop : {true, false}) {
    Hanging process;
    process.start();
    const os::UniqueFd session = process.start_below(Children::session);
    const os::UniqueFd daemon = process.start_below(Children::daemon);
    auto hanging = process.hang_until(Hang::read, soon());
    if (by_stop) {
      EXPECT_FALSE(process.stop(Deadline::after(sure_time)));
    } else {
      process.kill();
    }

    EXPECT_FALSE(process.wait_stop(soon()));
    EXPECT_TRUE(os::wait_readable(session.get(), soon()));
    EXPECT_TRUE(os::wait_readable(daemon.get(), soon()));
  }
}

// Nobody waits for the process: its loop sees to it, and its supervisor to what comes after.
TEST_F(LatePolicy_, kill_in_a_loop_under_a_supervisor) {
  const auto loop = loop::EventLoop::create().value();
  Hanging process;
  const ForkServer server;
  Supervisor supervisor{{.name = "top", .intensity = 10, .backoff = {.initial = 1ms}}, *loop};
  supervisor.add(process, {.name = "hanging"});
  ASSERT_TRUE(supervisor.start());
  ASSERT_TRUE(supervisor.wait_ready(soon()));

  for (std::uint64_t incarnation = 1; incarnation <= 3; ++incarnation) {
    std::optional<Outcome> outcome;
    const os::UniqueFd child = process.start_below(Children::daemon);
    process.hang_until(incarnation % 2 == 0 ? Hang::stop : Hang::read, Deadline::after(sure_time))
        .then([&](const Result<void>& result) { outcome = outcome_of(result); });
    while (process.incarnation() == incarnation) ASSERT_TRUE(loop->run_once(Deadline::never()));
    EXPECT_EQ(outcome, Outcome::deadline_exceeded);
    EXPECT_TRUE(os::wait_readable(child.get(), soon()));
    ASSERT_TRUE(supervisor.wait_ready(soon()));
    std::optional<int> sum;
    process.add(1, 2).then([&](const Result<int>& result) { sum = result.value(); });
    while (!sum) ASSERT_TRUE(loop->run_once(Deadline::never()));
    EXPECT_EQ(sum, 3);
  }
  EXPECT_TRUE(supervisor.stop(soon()));
}

// Many at the same time take the time of one: nothing is done one after the other.
TEST_F(LatePolicy_, kill_in_a_loop_for_many) {
  constexpr std::size_t count = 12;
  const auto loop = loop::EventLoop::create().value();
  std::vector<std::unique_ptr<Hanging>> processes;
  for (std::size_t i = 0; i < count; ++i) processes.push_back(std::make_unique<Hanging>());
  std::size_t told = 0;
  std::size_t ended = 0;
  for (const auto& process : processes) {
    process->attach(*loop);
    process->observe({.ready = {}, .alive = {}, .ended = [&](const Error& why) {
                        ASSERT_NE(why.death(), nullptr);
                        EXPECT_EQ(why.death()->cause, DeathCause::deadline);
                        ++ended;
                      }});
    process->start();
  }
  for (const auto& process : processes) {
    ASSERT_TRUE(process->wait_ready(soon()));
    process->hang_until(Hang::block_signals, Deadline::after(sure_time)).then([&](const Result<void>& result) {
      EXPECT_EQ(outcome_of(result), Outcome::deadline_exceeded);
      ++told;
    });
  }

  while (ended < count) ASSERT_TRUE(loop->run_once(Deadline::never()));

  EXPECT_EQ(told, count);
}

// Threads that wait, threads that call, one that hangs.
TEST_F(LatePolicy_, kill_among_many_callers) {
  Hanging process;
  const ForkServer server;
  process.start();
  for (int round = 0; round < 3; ++round) {
    std::atomic<int> values{0};
    std::vector<std::thread> callers;
    for (int i = 0; i < 4; ++i)
      callers.emplace_back([&] {
        for (;;) {
          const Result<int> sum = process.add(1, 2).result();
          if (!sum) {
            EXPECT_EQ(sum.error().code(), Errc::process_expired) << to_string(sum.error());
            return;
          }
          ++values;
        }
      });
    while (values < 20) ::sched_yield();
    const Result<void> late = process.hang_until(Hang::ignore_terminate, Deadline::after(sure_time)).result();
    EXPECT_EQ(late.error().code(), Errc::deadline_exceeded);
    for (std::thread& caller : callers) caller.join();
    ASSERT_TRUE(process.restart(soon()));
  }
  EXPECT_EQ(process.add(1, 2).get(), 3);
}

}  // namespace
}  // namespace prong

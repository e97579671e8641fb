#include "prong/process/fork_server.hpp"

#include "process_test.hpp"
#include "prong/os/inherited.hpp"
#include "prong/os/poll.hpp"
#include "prong/os/process_tree.hpp"
#include "prong/process/spawn.hpp"
#include "test_process.hpp"

#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <csignal>
#include <latch>
#include <thread>

namespace prong {
namespace {

using namespace std::chrono_literals;

using ForkServer_ = tests::ProcessTest;

Deadline soon() {
  return Deadline::after(20s);
}

// A pipe whose end of file tells that every process that had the writing end is gone.
struct Witness {
  Witness() {
    int ends[2];
    EXPECT_EQ(::pipe(ends), 0);
    read = os::UniqueFd{ends[0]};
    write = os::UniqueFd{ends[1]};
  }
  [[nodiscard]] bool all_gone() {
    write.reset();
    char byte = 0;
    // What the processes wrote is read first.
    while (os::wait_readable(read.get(), soon()) && ::read(read.get(), &byte, 1) == 1) text += byte;
    return os::readable(read.get());
  }

  os::UniqueFd read;
  os::UniqueFd write;
  std::string text;
};

std::vector<std::byte> bytes(std::string_view text) {
  const Bytes view = as_bytes(text);
  return {view.begin(), view.end()};
}

int leave_with_size(Bytes payload, std::span<const int>) {
  return static_cast<int>(payload.size() % 251);
}

int write_payload(Bytes payload, std::span<const int> descriptors) {
  return ::write(descriptors[0], payload.data(), payload.size()) == static_cast<ssize_t>(payload.size()) ? 0 : 1;
}

int wait_for_ever(Bytes, std::span<const int>) {
  for (;;) ::pause();
}

int raise_abort(Bytes, std::span<const int>) {
  return ::raise(SIGABRT);
}

// Busy, deaf to all that can be ignored, with a child in the same group, one in a session of its own, and a daemon that
// has nothing to do with its parents any more. All keep descriptor 0 of the list.
int stubborn_family(Bytes, std::span<const int> descriptors) {
  os::become_subreaper();
  for (const int number : {SIGTERM, SIGINT, SIGHUP}) ::signal(number, SIG_IGN);
  const auto live_on = [&] {
    static_cast<void>(::write(descriptors[0], "x", 1));
    for (;;) ::pause();
  };
  if (::fork() == 0) live_on();
  if (::fork() == 0) {
    ::setsid();
    live_on();
  }
  if (::fork() == 0) {
    if (::fork() == 0) {
      ::setsid();
      live_on();
    }
    ::_exit(0);
  }
  static_cast<void>(::write(descriptors[0], "x", 1));
  for (volatile bool busy = true; busy;) {
  }
  return 0;
}

bool wait_for_family(const Witness& witness) {
  char buffer = 0;
  for (int members = 0; members < 4; ++members)
    if (!os::wait_readable(witness.read.get(), soon()) || ::read(witness.read.get(), &buffer, 1) != 1) return false;
  return true;
}

TEST_F(ForkServer_, runs_a_function_with_payload_and_descriptors_and_reports_its_exit_code) {
  ForkServer server;
  Witness witness;
  const int number = witness.write.get();

  auto writer = server.launch(&write_payload, bytes("hello"), {&number, 1}, soon()).value();
  auto sizer = server.launch(&leave_with_size, bytes("123456"), {}, soon()).value();

  EXPECT_TRUE(writer.wait(soon()).value().success());
  EXPECT_EQ(sizer.wait(soon()).value().code, 6);
  EXPECT_EQ(sizer.wait(Deadline::now()).value().code, 6);
  EXPECT_GT(sizer.usage().memory_peak_bytes, 0U);
  EXPECT_TRUE(witness.all_gone());
  EXPECT_EQ(witness.text, "hello");
  EXPECT_EQ(server.statistics().started, 2U);
}

TEST_F(ForkServer_, payload_may_be_larger_than_a_packet) {
  ForkServer server;
  const std::vector<std::byte> payload(10'000'003, std::byte{1});

  auto sizer = server.launch(&leave_with_size, payload, {}, soon()).value();

  EXPECT_EQ(sizer.wait(soon()).value().code, 10'000'003 % 251);
}

TEST_F(ForkServer_, reports_the_signal_that_ended_a_process) {
  ForkServer server;

  auto aborting = server.launch(&raise_abort, {}, {}, soon()).value();
  auto waiting = server.launch(&wait_for_ever, {}, {}, soon()).value();
  ASSERT_TRUE(waiting.signal(SIGUSR1));

  EXPECT_EQ(aborting.wait(soon()).value().signal, SIGABRT);
  EXPECT_EQ(waiting.wait(soon()).value().signal, SIGUSR1);
}

TEST_F(ForkServer_, starts_processes_from_many_threads_at_once) {
  ForkServer server;
  std::atomic<int> sum{0};
  std::vector<std::thread> threads;

  for (int thread = 0; thread < 8; ++thread)
    threads.emplace_back([&] {
      for (int i = 0; i < 20; ++i)
        sum += server.launch(&leave_with_size, bytes("1"), {}, soon()).value().wait(soon()).value().code;
    });
  for (std::thread& thread : threads) thread.join();

  EXPECT_EQ(sum, 160);
}

TEST_F(ForkServer_, refuses_an_address_that_is_no_code_of_the_snapshot) {
  ForkServer server;
  static int data = 0;

  const auto refused = server.launch(reinterpret_cast<ServedMain>(&data), {}, {}, soon());

  EXPECT_EQ(refused.error().code(), Errc::invalid_argument);
}

TEST_F(ForkServer_, is_one_per_program_and_made_before_threads) {
  {
    ForkServer server;
    EXPECT_EQ(ForkServer::current(), &server);
    EXPECT_THROW(ForkServer{}, Exception);
  }
  EXPECT_EQ(ForkServer::current(), nullptr);
  std::latch done{1};
  std::thread thread{[&] { done.wait(); }};
  ::pthread_setname_np(thread.native_handle(), "my-thread");

  try {
    const ForkServer late;
    ADD_FAILURE() << "a fork server was made in a program with threads";
  } catch (const Exception& exception) {
    EXPECT_EQ(exception.code(), Errc::threads_exist);
    EXPECT_NE(std::string{exception.what()}.find("my-thread"), std::string::npos) << exception.what();
  }

  done.count_down();
  thread.join();
}

TEST_F(ForkServer_, process_that_nobody_holds_any_more_is_killed_with_its_family) {
  ForkServer server;
  Witness witness;
  const int number = witness.write.get();
  {
    auto family = server.launch(&stubborn_family, {}, {&number, 1}, soon()).value();
    ASSERT_TRUE(wait_for_family(witness));
  }

  EXPECT_TRUE(witness.all_gone());
}

TEST_F(ForkServer_, end_of_a_process_is_told_when_all_that_it_started_has_ended_and_others_are_left_alone) {
  ForkServer server;
  Witness witness;
  Witness other_witness;
  int number = witness.write.get();
  auto family = server.launch(&stubborn_family, {}, {&number, 1}, soon()).value();
  number = other_witness.write.get();
  auto other_family = server.launch(&stubborn_family, {}, {&number, 1}, soon()).value();
  ASSERT_TRUE(wait_for_family(witness));
  ASSERT_TRUE(wait_for_family(other_witness));
  witness.write.reset();
  other_witness.write.reset();

  ASSERT_TRUE(family.signal(SIGKILL));
  ASSERT_EQ(family.wait(soon()).value().signal, SIGKILL);

  EXPECT_TRUE(os::readable(witness.read.get()));
  EXPECT_FALSE(os::readable(other_witness.read.get()));
}

TEST_F(ForkServer_, whole_tree_ends_when_the_program_is_killed) {
  Witness witness;
  auto program = os::ChildProcess::fork([&] {
                   ForkServer server;
                   const int number = witness.write.get();
                   const auto family = server.launch(&stubborn_family, {}, {&number, 1}, soon()).value();
                   for (;;) ::pause();
                   return 0;
                 }).value();
  ASSERT_TRUE(wait_for_family(witness));

  ASSERT_TRUE(program.signal(SIGKILL));

  EXPECT_EQ(program.wait(soon()).value().signal, SIGKILL);
  EXPECT_TRUE(witness.all_gone());
}

TEST_F(ForkServer_, that_dies_is_replaced_and_its_processes_end_with_their_families) {
  ForkServer server;
  Witness witness;
  const int number = witness.write.get();
  auto family = server.launch(&stubborn_family, {}, {&number, 1}, soon()).value();
  ASSERT_TRUE(wait_for_family(witness));
  const pid_t first = server.pid();

  ASSERT_EQ(::kill(first, SIGKILL), 0);
  const auto status = family.wait(soon());
  auto next = server.launch(&leave_with_size, bytes("12"), {}, soon()).value();

  EXPECT_EQ(status.value().signal, SIGKILL);
  EXPECT_EQ(next.wait(soon()).value().code, 2);
  EXPECT_TRUE(witness.all_gone());
  EXPECT_NE(server.pid(), first);
  EXPECT_EQ(server.statistics().deaths, 1U);
}

TEST_F(ForkServer_, that_dies_again_and_again_serves_every_request) {
  ForkServer server;

  for (int round = 0; round < 12; ++round) {
    ASSERT_TRUE(os::wait_readable(server.descriptor(), Deadline::now()) || server.pid() > 0);
    if (const pid_t pid = server.pid(); pid > 0) ::kill(pid, SIGKILL);
    auto next = server.launch(&leave_with_size, bytes("12"), {}, soon());
    // The server may die once more between the fork and the report: then the process was killed with it.
    ASSERT_TRUE(next) << next.error().message();
    const os::ExitStatus status = next->wait(soon()).value();
    ASSERT_TRUE(status.code == 2 || status.signal == SIGKILL);
  }
}

}  // namespace
}  // namespace prong

#include "process_test.hpp"
#include "prong/loop/event_loop.hpp"
#include "prong/os/poll.hpp"
#include "prong/process/fork_server.hpp"
#include "prong/process/spawn.hpp"
#include "test_process.hpp"

#include <sys/epoll.h>
#include <unistd.h>

#include <atomic>
#include <csignal>
#include <future>
#include <thread>

namespace prong {
namespace {

using namespace std::chrono_literals;
using tests::TestProcess;

using Restart = tests::ProcessTest;

Deadline soon() {
  return Deadline::after(20s);
}

void kill_and_wait(MessageProcess& process) {
  process.kill();
  ASSERT_EQ(process.wait_stop(soon()).error().code(), Errc::process_expired);
}

TEST_F(Restart, gives_the_process_another_backend_for_later_calls) {
  TestProcess process;
  const ForkServer server;
  process.start();
  const int first = process.backend_pid().get();
  kill_and_wait(process);
  EXPECT_THROW(process.add(1, 2).get(), ProcessExpired);

  ASSERT_TRUE(process.restart(soon()));

  EXPECT_TRUE(process.wait_ready(soon()));
  EXPECT_NE(process.backend_pid().get(), first);
  EXPECT_EQ(process.backend_pid().get(), process.pid());
  EXPECT_EQ(process.add(1, 2).get(), 3);
  EXPECT_EQ(process.incarnation(), 2U);
  EXPECT_EQ(process.state(), ProcessState::running);
  EXPECT_TRUE(process.stop(soon()));
}

TEST_F(Restart, comes_after_an_orderly_stop_too) {
  TestProcess process;
  const ForkServer server;
  process.start();
  ASSERT_TRUE(process.stop(soon()));

  ASSERT_TRUE(process.restart(soon()));

  EXPECT_EQ(process.add(1).get(), 11);
  EXPECT_TRUE(process.stop(soon()));
}

TEST_F(Restart, works_without_a_fork_server_while_the_program_has_one_thread) {
  TestProcess process;
  process.start();
  kill_and_wait(process);

  ASSERT_TRUE(process.restart(soon()));

  EXPECT_EQ(process.add(1).get(), 11);
  EXPECT_TRUE(process.stop(soon()));
}

TEST_F(Restart, works_in_a_program_with_threads_from_the_snapshot) {
  std::string state = "as at the start";
  class Keeper : public MessageProcess {
   public:
    explicit Keeper(const std::string& state_) : MessageProcess{"keeper"}, state{state_} {
      command<&Keeper::c__state>("state");
    }
    Future<std::string> ask() { return call<&Keeper::c__state>(); }
    const std::string& state;

   private:
    std::string c__state() { return state; }
  };
  Keeper process{state};
  const ForkServer server;
  std::promise<void> done;
  std::thread thread{[&] { done.get_future().wait(); }};
  state = "changed since";

  process.start();
  EXPECT_EQ(process.ask().get(), "as at the start");
  kill_and_wait(process);
  ASSERT_TRUE(process.restart(soon()));

  EXPECT_EQ(process.ask().get(), "as at the start");
  EXPECT_TRUE(process.stop(soon()));
  done.set_value();
  thread.join();
}

TEST_F(Restart, is_refused_while_the_backend_runs_before_a_start_and_where_nobody_can_fork) {
  const ForkServer server;
  TestProcess late;  // the snapshot does not have it
  EXPECT_EQ(late.restart(soon()).error().code(), Errc::not_started);
  late.start();
  EXPECT_EQ(late.restart(soon()).error().code(), Errc::invalid_state);
  kill_and_wait(late);
  std::promise<void> done;
  std::thread thread{[&] { done.get_future().wait(); }};

  EXPECT_EQ(late.restart(soon()).error().code(), Errc::threads_exist);

  done.set_value();
  thread.join();
  EXPECT_EQ(late.state(), ProcessState::ended);
  EXPECT_THROW(late.add(1, 2).get(), ProcessExpired);
}

TEST_F(Restart, leaves_the_pipe_and_its_descriptor_and_what_the_old_backend_had_said) {
  TestProcess process;
  const ForkServer server;
  process.start();
  const int descriptor = process.pipe().descriptor();
  process.send_message_to_back({"say", {{"text", "old"}}});
  process.add(1, 2).get();
  kill_and_wait(process);

  ASSERT_TRUE(process.restart(soon()));
  process.send_message_to_back({"say", {{"text", "new"}}});

  EXPECT_EQ(process.pipe().receive(soon()).value()["text"].as<std::string>(), "old");
  ASSERT_TRUE(os::wait_readable(descriptor, soon()));
  EXPECT_EQ(process.pipe().receive(soon()).value()["text"].as<std::string>(), "new");
  kill_and_wait(process);
  EXPECT_TRUE(os::readable(descriptor));
  EXPECT_EQ(process.pipe().receive(soon()).error().code(), Errc::process_expired);
}

TEST_F(Restart, gives_the_new_backend_a_whole_window_though_nobody_received_from_the_old_one) {
  ProcessOptions options;
  options.out_queue_bytes = 64 * 1024;
  TestProcess process{"test", options};
  const ForkServer server;
  process.start();

  for (int life = 0; life < 4; ++life) {
    process.call_say(std::string(20'000, 'x'), 3).get();
    kill_and_wait(process);
    ASSERT_TRUE(process.restart(soon()));
  }
  process.call_say(std::string(20'000, 'y'), 3).get();

  // Of the old backends one window is left, and the newest messages are in it.
  std::string heads;
  for (int i = 0; i < 6; ++i) heads += process.pipe().receive(soon()).value()["text"].as<std::string>().front();
  EXPECT_EQ(heads, "xxxyyy");
  EXPECT_FALSE(process.pipe().try_receive().value());
  EXPECT_TRUE(process.stop(soon()));
}

TEST_F(Restart, ends_the_waits_for_the_old_backend_though_the_new_one_is_there_at_once) {
  TestProcess process;
  const ForkServer server;
  process.start();
  process.add(1, 2).get();
  std::atomic<int> ended{0};
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] { ended += process.wait_stop(soon()).error().code() == Errc::process_expired; });
    threads.emplace_back([&] { ended += process.pipe().receive(soon()).error().code() == Errc::process_expired; });
    threads.emplace_back(
        [&] { ended += process.hang(Deadline::never()).result(soon()).error().code() == Errc::process_expired; });
  }
  for (int life = 1; life < 20 && ended < 12; ++life) {
    process.kill();
    // Whoever notices the death first; this thread must not be in a wait when it restarts.
    while (process.state() == ProcessState::running) static_cast<void>(process.wait_stop(Deadline::after(1ms)));
    ASSERT_TRUE(process.restart(soon()));
  }
  for (std::thread& thread : threads) thread.join();

  EXPECT_EQ(ended, 12);
  EXPECT_EQ(process.add(1, 2).get(), 3);
  EXPECT_TRUE(process.stop(soon()));
}

TEST_F(Restart, under_the_calls_of_many_threads_ends_every_call_once_and_never_with_anothers_answer) {
  TestProcess process;
  const ForkServer server;
  process.start();
  std::atomic<bool> go_on{true};
  std::atomic<std::uint64_t> answered{0};
  std::atomic<std::uint64_t> failed{0};
  std::vector<std::thread> threads;
  for (int thread = 0; thread < 4; ++thread)
    threads.emplace_back([&, thread] {
      for (int i = 0; go_on; ++i) {
        const auto sum = process.add_until(i, thread, soon()).result();
        if (sum) {
          ASSERT_EQ(*sum, i + thread);
          ++answered;
        } else {
          ASSERT_EQ(sum.error().code(), Errc::process_expired) << sum.error().message();
          ++failed;
        }
      }
    });

  for (int life = 0; life < 30; ++life) {
    const std::uint64_t before = answered;
    while (answered < before + 20) std::this_thread::yield();
    process.kill();
    ASSERT_EQ(process.wait_stop(soon()).error().code(), Errc::process_expired);
    ASSERT_TRUE(process.restart(soon()));
  }
  go_on = false;
  for (std::thread& thread : threads) thread.join();

  EXPECT_EQ(process.incarnation(), 31U);
  EXPECT_TRUE(process.stop(soon()));
}

TEST_F(Restart, works_where_a_loop_is_attached_from_its_thread_and_from_another) {
  TestProcess process;
  const ForkServer server;
  process.start();
  const auto loop = loop::EventLoop::create().value();
  std::atomic<bool> attached{false};
  std::thread thread{[&] {
    process.attach(*loop);
    attached = true;
    static_cast<void>(loop->run());
    process.detach();
  }};
  while (!attached) std::this_thread::yield();

  for (int life = 0; life < 10; ++life) {
    kill_and_wait(process);
    ASSERT_TRUE(process.restart(soon()));
    ASSERT_EQ(process.add(1, 2).get(), 3);
  }
  for (int life = 0; life < 10; ++life) {
    kill_and_wait(process);
    std::promise<Result<void>> restarted;
    loop->post([&] { restarted.set_value(process.restart(soon())); });
    ASSERT_TRUE(restarted.get_future().get());
    ASSERT_EQ(process.add(1, 2).get(), 3);
  }

  EXPECT_TRUE(process.stop(soon()));
  loop->stop();
  thread.join();
}

// --- Spawn -----------------------------------------------------------------------------------------------------------

class Multiplier : public MessageProcess {
 public:
  Multiplier(std::string name, int factor, int descriptor) : MessageProcess{std::move(name)}, factor_{factor} {
    command<&Multiplier::c__multiply>("multiply", "value"_a);
    command<&Multiplier::c__write>("write", "text"_a);
    descriptor_ = descriptor;
    if (descriptor >= 0) inherit(descriptor);
  }
  Future<int> multiply(int value) { return call<&Multiplier::c__multiply>(value); }
  Future<void> write(std::string text) { return call<&Multiplier::c__write>(std::move(text)); }

 private:
  int c__multiply(int value) { return value * factor_; }
  void c__write(const std::string& text) {
    if (::write(descriptor_, text.data(), text.size()) < 0) throw std::runtime_error{"write failed"};
  }

  int factor_;
  int descriptor_ = -1;
};

class Reluctant : public MessageProcess {
 public:
  explicit Reluctant(int constructing_process) : MessageProcess{"reluctant"} {
    if (constructing_process != ::getpid()) throw std::runtime_error{"not in a backend"};
  }
};

TEST_F(Restart, spawn_adds_a_process_to_a_program_full_of_threads) {
  const ForkServer server;
  std::promise<void> done;
  std::thread thread{[end = done.get_future().share()] { end.wait(); }};

  auto process = spawn<Multiplier>("times three", 3, -1);

  EXPECT_EQ(process->name(), "times three");
  EXPECT_EQ(process->multiply(14).get(), 42);
  EXPECT_EQ(process->request({"multiply", {{"value", 5}}}).get().as<int>(), 15);
  kill_and_wait(*process);
  ASSERT_TRUE(process->restart(soon()));
  EXPECT_EQ(process->multiply(14).get(), 42);
  EXPECT_TRUE(process->stop(soon()));
  done.set_value();
  thread.join();
}

TEST_F(Restart, spawned_process_has_descriptors_that_were_opened_after_the_snapshot_under_their_numbers) {
  const ForkServer server;
  int ends[2];
  ASSERT_EQ(::pipe(ends), 0);
  const os::UniqueFd read{ends[0]};
  const os::UniqueFd write{ends[1]};

  auto process = spawn<Multiplier>("writer", 3, write.get());
  process->write("hello").get();

  char text[6] = {};
  EXPECT_EQ(::read(read.get(), text, 5), 5);
  EXPECT_STREQ(text, "hello");
  EXPECT_TRUE(process->stop(soon()));
}

TEST_F(Restart, spawn_without_a_fork_server_says_so_and_a_constructor_that_throws_in_the_backend_ends_it) {
  EXPECT_THROW(static_cast<void>(spawn<Multiplier>("x", 3, -1)), Exception);
  const ForkServer server;

  auto process = spawn<Reluctant>(::getpid());

  const auto ready = process->wait_ready(soon());
  ASSERT_EQ(ready.error().code(), Errc::process_expired);
  EXPECT_EQ(ready.error().death()->exit_code, 1);
}

}  // namespace
}  // namespace prong

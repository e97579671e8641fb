#include "prong/testing/in_process.hpp"

#include "process/process/test_process.hpp"
#include "prong/loop/event_loop.hpp"
#include "prong/testing/watchdog.hpp"

#include <gtest/gtest.h>

#include <future>

namespace prong {
namespace {

using namespace std::chrono_literals;
using tests::TestProcess;

Deadline soon() {
  return Deadline::after(20s);
}

TEST(InProcess, backend_in_a_thread_serves_calls_messages_and_a_stop) {
  const testing::Watchdog watchdog{"in process"};
  TestProcess process;
  testing::InProcess::start(process);

  EXPECT_EQ(process.add(2, 3).get(), 5);
  EXPECT_EQ(process.fail("x").result().error().code(), Errc::handler_failed);
  process.send_message_to_back({"say", {{"text", "hello"}}});
  EXPECT_EQ(process.pipe().receive(soon()).value()["text"].as<std::string>(), "hello");

  EXPECT_TRUE(process.stop(soon()));
  EXPECT_EQ(process.state(), ProcessState::ended);
}

TEST(FrontendLink, every_waiting_thread_gets_its_answer_though_the_role_of_the_reader_goes_round) {
  const testing::Watchdog watchdog{"role", 55s};
  TestProcess process{"role", {.when_full = QueuePolicy::block}};
  testing::InProcess::start(process);

  for (int round = 0; round < 300; ++round) {
    std::vector<std::thread> threads;
    for (int thread = 0; thread < 6; ++thread)
      threads.emplace_back([&, thread] { EXPECT_EQ(process.add_until(thread, round, soon()).get(), thread + round); });
    for (std::thread& thread : threads) thread.join();
  }
  EXPECT_TRUE(process.stop(soon()));
}

TEST(FrontendLink, an_attached_loop_runs_continuations_and_ends_calls_at_their_deadlines) {
  const testing::Watchdog watchdog{"loop"};
  const auto loop = loop::EventLoop::create().value();
  TestProcess process;
  testing::InProcess::start(process);
  // One that was made before the loop came, and is answered too late.
  std::promise<Errc> late;
  process.request({"note", {{"text", "x"}}}, Deadline::now()).then([&](Result<Value> value) {
    late.set_value(value.error().code());
  });
  int sum = 0;

  process.attach(*loop);
  process.add(1, 2).then([&](Result<int> value) { sum = value.value(); });
  while (sum == 0) ASSERT_TRUE(loop->run_once(soon()));
  auto outcome = late.get_future();
  while (outcome.wait_for(0s) != std::future_status::ready) ASSERT_TRUE(loop->run_once(soon()));
  std::thread caller{[&] {
    EXPECT_EQ(process.add(3, 4).get(), 7);
    loop->stop();
  }};
  ASSERT_TRUE(loop->run());
  caller.join();
  process.detach();

  EXPECT_EQ(sum, 3);
  EXPECT_EQ(outcome.get(), Errc::deadline_exceeded);
  EXPECT_EQ(process.add(5, 6).get(), 11);
  EXPECT_TRUE(process.stop(soon()));
}

TEST(FrontendLink, a_loop_takes_the_role_from_a_thread_that_waits_and_that_thread_is_still_answered) {
  const testing::Watchdog watchdog{"role taken"};
  const auto loop = loop::EventLoop::create().value();
  TestProcess process;
  testing::InProcess::start(process);
  std::thread waiter{[&] {
    EXPECT_EQ(process.pipe().receive(soon()).value()["text"].as<std::string>(), "late");
    loop->stop();
  }};

  process.attach(*loop);
  process.send_message_to_back({"say", {{"text", "late"}}});
  ASSERT_TRUE(loop->run());
  waiter.join();
  process.detach();
  EXPECT_TRUE(process.stop(soon()));
}

TEST(FrontendLink, a_stop_is_asked_for_at_once_though_a_sender_waits_for_room) {
  const testing::Watchdog watchdog{"stop"};
  TestProcess process{"busy", {.queue_bytes = 4096, .when_full = QueuePolicy::block}};
  while (process.try_send_message_to_back({"note", {{"text", "x"}}}, Deadline::now())) {
  }

  testing::InProcess::start(process);
  std::vector<std::thread> senders;
  for (int i = 0; i < 3; ++i)
    senders.emplace_back([&] {
      for (int n = 0; n < 200; ++n)
        if (!process.try_send_message_to_back({"note", {{"text", "y"}}}, soon())) return;
    });
  process.request_stop();
  EXPECT_TRUE(process.wait_stop(soon()));
  for (std::thread& sender : senders) sender.join();
}

}  // namespace
}  // namespace prong

#include "prong/process/process_observer.hpp"

#include "process_test.hpp"
#include "prong/loop/event_loop.hpp"
#include "prong/process/fork_server.hpp"
#include "test_process.hpp"

#include <csignal>

namespace prong {
namespace {

using namespace std::chrono_literals;
using tests::TestProcess;

class ProcessObserver_ : public tests::ProcessTest {
 protected:
  Deadline soon() { return Deadline::after(20s); }
  void observe(MessageProcess& process) {
    process.observe({.ready = [this] { seen.push_back("ready"); },
                     .alive = [this] { seen.push_back("alive"); },
                     .ended = [this](const Error& why) { seen.emplace_back(name_of(why.code())); }});
  }
  void run_until(const std::vector<std::string>& wanted) {
    while (seen.size() < wanted.size()) ASSERT_TRUE(loop->run_once(Deadline::never()));
    EXPECT_EQ(seen, wanted);
  }
  std::unique_ptr<loop::EventLoop> loop = loop::EventLoop::create().value();
  std::vector<std::string> seen;
};

TEST_F(ProcessObserver_, is_told_of_each_backend_in_the_loop) {
  TestProcess process;
  process.attach(*loop);
  observe(process);

  process.start();
  run_until({"ready"});
  process.kill();
  run_until({"ready", "process_expired"});
  ASSERT_TRUE(process.restart(soon()));
  run_until({"ready", "process_expired", "ready"});
  process.request_stop();
  run_until({"ready", "process_expired", "ready", "stopped"});
}

TEST_F(ProcessObserver_, is_told_of_a_sign_of_life_that_overtakes_what_is_queued) {
  TestProcess process{"test", {.queue_bytes = 4096}};
  process.attach(*loop);
  observe(process);
  EXPECT_EQ(process.ask_alive().error().code(), Errc::not_started);
  process.start();
  run_until({"ready"});
  ::kill(process.pid(), SIGSTOP);
  while (process.try_send_message_to_back({"note", {{"text", "x"}}}, Deadline::now())) {
  }

  ASSERT_TRUE(process.ask_alive());
  for (int i = 0; i < 10; ++i) ASSERT_TRUE(loop->run_once(Deadline::now()));
  EXPECT_EQ(seen, (std::vector<std::string>{"ready"}));
  ::kill(process.pid(), SIGCONT);

  run_until({"ready", "alive"});
  process.request_stop();
  run_until({"ready", "alive", "stopped"});
  EXPECT_EQ(process.ask_alive().error().code(), Errc::stopped);
}

TEST_F(ProcessObserver_, works_on_when_the_loop_moves_to_another_thread) {
  TestProcess process;
  const ForkServer server;
  process.attach(*loop);
  observe(process);
  process.start();
  run_until({"ready"});

  std::thread{[&] {
    process.attach(*loop);
    process.kill();
    run_until({"ready", "process_expired"});
    EXPECT_TRUE(process.restart(soon()));
    run_until({"ready", "process_expired", "ready"});
    process.request_stop();
    run_until({"ready", "process_expired", "ready", "stopped"});
  }}.join();
}

}  // namespace
}  // namespace prong

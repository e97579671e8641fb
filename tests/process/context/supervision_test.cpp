#include "process/process/test_process.hpp"
#include "process_test.hpp"
#include "prong/base/exception.hpp"
#include "prong/context/main_context.hpp"
#include "prong/supervise/supervisor.hpp"
#include "prong/sync/shared_event.hpp"

#include <csignal>
#include <thread>

namespace prong {
namespace {

using tests::TestProcess;
using namespace std::chrono_literals;

using SupervisionInMainContext = tests::ProcessTest;

// [context]
class Supervising : public MainContext {
 public:
  TestProcess first{"first"};
  TestProcess second{"second"};
  std::vector<std::string> said;

 protected:
  void start_processes() override {
    manage(first);
    manage(second);
    on_message(first, [this](const MessageObject& message) { said.push_back(message["text"].as<std::string>()); });
    supervisor_.add(first);
    supervisor_.add(second);
    manage(supervisor_);
    if (const auto started = supervisor_.start(); !started) throw Exception{started.error()};
  }
  // [/context]
  void start_threads() override {
    thread_ = std::thread{[this] { leave_.wait(Deadline::never()).value(); }};
  }
  int main_loop() override {
    const auto up = [&](const char* child, std::uint64_t incarnation) {
      return supervisor_.incarnation_of(child) == incarnation &&
             supervisor_.state_of(child) == supervise::ChildState::ready;
    };
    if (!run_until([&] { return supervisor_.ready(); }, soon())) return 1;
    first.send_message_to_back({"say", {{"text", "before"}}});
    if (!run_until([&] { return said.size() == 1; }, soon())) return 2;
    ::kill(first.pid(), SIGKILL);
    if (!run_until([&] { return up("first", 2); }, soon())) return 3;
    first.send_message_to_back({"say", {{"text", "after"}}});
    if (!run_until([&] { return said.size() == 2; }, soon())) return 4;
    ::kill(second.pid(), SIGKILL);
    return run_until([&] { return up("second", 2); }, soon()) ? 0 : 5;
  }
  void close() override {
    MainContext::close();
    running_after_close = supervisor_.running();
    leave_.set();
    if (thread_.joinable()) thread_.join();
  }
  static Deadline soon() { return Deadline::after(20s); }

 public:
  bool running_after_close = true;

 private:
  Supervisor supervisor_{{.backoff = {.initial = 1ms}}, loop()};
  SharedEvent leave_ = SharedEvent::create().value();
  std::thread thread_;
};

TEST_F(SupervisionInMainContext, restarts_in_a_program_with_threads_and_ends_with_the_context) {
  Supervising context;

  EXPECT_EQ(context.run(), 0);

  EXPECT_EQ(context.said, (std::vector<std::string>{"before", "after"}));
  EXPECT_FALSE(context.running_after_close);
  EXPECT_EQ(context.first.state(), ProcessState::ended);
  EXPECT_TRUE(context.first.wait_stop(Deadline::now())) << "it stopped in order";
}

TEST_F(SupervisionInMainContext, works_the_same_in_a_thread) {
  Supervising context;

  context.run_as_thread();

  EXPECT_EQ(context.stop_thread(), 0);
  EXPECT_EQ(context.said, (std::vector<std::string>{"before", "after"}));
}

}  // namespace
}  // namespace prong

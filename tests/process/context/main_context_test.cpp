#include "prong/context/main_context.hpp"

#include "process/process/test_process.hpp"
#include "process_test.hpp"
#include "prong/base/exception.hpp"
#include "prong/context/safe_select.hpp"
#include "prong/os/shared_memory.hpp"
#include "prong/os/unique_fd.hpp"
#include "prong/process/spawn.hpp"

#include <fcntl.h>
#include <sys/resource.h>

#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <csignal>
#include <fstream>
#include <future>
#include <thread>

namespace prong {
namespace {

using MainContext_ = tests::ProcessTest;
using tests::TestProcess;
using namespace std::chrono_literals;

class Recorder : public MainContext {
 public:
  std::string order;
  bool throw_in_threads = false;
  bool throw_in_loop = false;

 protected:
  void start_processes() override { order += "p"; }
  void start_threads() override {
    order += "t";
    if (throw_in_threads) throw std::runtime_error{"threads"};
  }
  int main_loop() override {
    order += "l";
    if (throw_in_loop) throw std::runtime_error{"loop"};
    return 7;
  }
  void close() override { order += "c"; }
};

TEST_F(MainContext_, runs_processes_threads_loop_and_close_in_this_order) {
  Recorder context;

  EXPECT_EQ(context.run(), 7);

  EXPECT_EQ(context.order, "ptlc");
}

TEST_F(MainContext_, closes_once_whatever_is_thrown) {
  Recorder in_threads;
  in_threads.throw_in_threads = true;
  Recorder in_loop;
  in_loop.throw_in_loop = true;

  EXPECT_THROW(in_threads.run(), std::runtime_error);
  EXPECT_THROW(in_loop.run(), std::runtime_error);

  EXPECT_EQ(in_threads.order, "ptc");
  EXPECT_EQ(in_loop.order, "ptlc");
}

class Manager : public MainContext {
 public:
  int messages = 0;
  int ticks = 0;
  std::vector<std::string> ends;
  TestProcess first{"first"};
  TestProcess second{"second"};

 protected:
  void start_processes() override {
    stop_on_signals();
    for (TestProcess* const process : {&first, &second}) {
      manage(*process);
      on_message(*process, [this](const MessageObject&) { ++messages; });
      on_end(*process, [this, process](const Result<void>& end) {
        ends.push_back(process->name() + (end ? " stopped" : " died"));
      });
      process->start();
    }
    every(1ms, [this] { step(); });
  }
  virtual void step() {
    if (++ticks == 1) first.send_message_to_back({"say", {{"text", "x"}, {"times", 3}}});
    if (messages == 3 && ends.empty()) second.kill();
    if (!ends.empty()) stop();
  }
};

TEST_F(MainContext_, receives_messages_runs_timers_and_tells_of_a_death) {
  Manager manager;

  EXPECT_EQ(manager.run(), 0);

  EXPECT_EQ(manager.messages, 3);
  EXPECT_EQ(manager.ends, (std::vector<std::string>{"second died"}));
  EXPECT_EQ(manager.first.state(), ProcessState::ended);
}

TEST_F(MainContext_, a_signal_ends_the_main_loop_and_reaches_no_backend) {
  class Interrupted : public Manager {
    void step() override {
      if (++ticks == 2) ::raise(SIGINT);
    }

   public:
    using MainContext::stop_signal;
  } manager;

  EXPECT_EQ(manager.run(), 0);

  EXPECT_EQ(manager.stop_signal(), SIGINT);
  EXPECT_TRUE(manager.ends.empty());
  EXPECT_TRUE(manager.first.wait_stop(Deadline::now()));
}

TEST_F(MainContext_, a_loop_of_ones_own_ends_by_a_signal_and_by_a_stop) {
  class Own : public MainContext {
   public:
    explicit Own(bool by_signal) : by_signal_{by_signal} {}

   private:
    void start_processes() override { stop_on_signals(); }
    int main_loop() override {
      if (by_signal_)
        ::raise(SIGTERM);
      else
        stop();
      const int descriptors[] = {stop_descriptor()};
      const auto ready = safe_select(descriptors, {}, {}, Deadline::after(20s)).value();
      return static_cast<int>(ready.readable.size()) + (stopping() ? 10 : 0);
    }
    bool by_signal_;
  };

  EXPECT_EQ(Own{true}.run(), 11);
  EXPECT_EQ(Own{false}.run(), 11);
}

TEST_F(MainContext_, runs_in_a_thread_of_its_own_and_is_stopped) {
  Manager manager;

  manager.run_as_thread();
  EXPECT_EQ(manager.stop_thread(), 0);

  EXPECT_EQ(manager.first.state(), ProcessState::ended);
  EXPECT_EQ(manager.second.state(), ProcessState::ended);
}

TEST_F(MainContext_, refuses_to_fork_what_the_snapshot_has_not_once_threads_exist_naming_them_and_closes) {
  class Late : public MainContext {
   private:
    void start_processes() override {}
    void start_threads() override {
      thread_ = std::thread{[this] {
        ::pthread_setname_np(::pthread_self(), "early-bird");
        named_.set_value();
        leave_.get_future().wait();
      }};
      named_.get_future().wait();
      TestProcess{}.start();
    }
    void close() override {
      leave_.set_value();
      thread_.join();
    }
    std::thread thread_;
    std::promise<void> named_;
    std::promise<void> leave_;
  } context;

  try {
    context.run();
    ADD_FAILURE() << "nothing was thrown";
  } catch (const Exception& exception) {
    EXPECT_EQ(exception.code(), Errc::threads_exist);
    EXPECT_NE(std::string{exception.what()}.find("early-bird"), std::string::npos);
  }
}

// Restarts its worker each time it dies, and adds another one, while a thread of its own runs.
class Phoenix : public MainContext {
 public:
  int lives = 0;
  std::string heard;
  int spawned_sum = 0;

 protected:
  void start_processes() override {
    manage(worker_);
    on_message(worker_, [this](const MessageObject& message) {
      heard += message["text"].as<std::string>();
      worker_.kill();
    });
    on_end(worker_, [this](const Result<void>& end) {
      ASSERT_EQ(end.error().code(), Errc::process_expired);
      if (++lives == 5) return stop();
      ASSERT_TRUE(worker_.restart(Deadline::after(20s)));
      say();
    });
    worker_.start();
    say();
  }
  void start_threads() override {
    thread_ = std::thread{[this] { done_.get_future().wait(); }};
    const auto added = spawn<TestProcess>("added");
    spawned_sum = added->add(1, 2).get();
  }
  void close() override {
    done_.set_value();
    thread_.join();
    MainContext::close();
  }

 private:
  void say() { worker_.send_message_to_back({"say", {{"text", std::to_string(worker_.incarnation())}}}); }

  TestProcess worker_{"worker"};
  std::promise<void> done_;
  std::thread thread_;
};

TEST_F(MainContext_, restarts_and_adds_processes_while_it_has_threads) {
  Phoenix context;

  EXPECT_EQ(context.run(), 0);

  EXPECT_EQ(context.heard, "12345");
  EXPECT_EQ(context.spawned_sum, 3);
}

// What stubborn backends find out about each other.
struct Family {
  std::atomic<int> pids[20];
  std::atomic<int> asked_while_all_lived;
};

class Stubborn : public MessageProcess {
 public:
  explicit Stubborn(Family& shared) : MessageProcess{"stubborn"} { family = &shared; }

 private:
  static bool lives(int pid) {
    std::ifstream stat{"/proc/" + std::to_string(pid) + "/stat"};
    std::string line;
    std::getline(stat, line);
    const auto name_end = line.rfind(')');
    return name_end != std::string::npos && line.at(name_end + 2) != 'Z';
  }
  static void asked(int) {
    if (std::all_of(std::begin(family->pids), std::end(family->pids), lives)) ++family->asked_while_all_lived;
  }
  void pre_run() override { ::signal(SIGTERM, &asked); }
  void run() override {
    for (;;) ::pause();
  }
  inline static Family* family = nullptr;
};

TEST_F(MainContext_, twenty_stubborn_backends_are_stopped_together) {
  const auto memory = os::SharedMemory::create("family", sizeof(Family)).value();
  const auto mapping = memory.map(os::Access::read_write).value();
  auto& family = *new (mapping.data()) Family{};
  class Context : public MainContext {
   public:
    explicit Context(Family& family_) : family{family_} {}
    Family& family;
    std::vector<std::unique_ptr<Stubborn>> processes;

   protected:
    void start_processes() override {
      for (int i = 0; i < 20; ++i) {
        processes.push_back(std::make_unique<Stubborn>(family));
        manage(*processes.back());
        processes.back()->start();
        family.pids[i] = processes.back()->pid();
      }
      for (const auto& process : processes) process->wait_ready(Deadline::after(20s)).value();
    }
    int main_loop() override { return 0; }
    std::chrono::nanoseconds close_deadline() const override { return 600ms; }
  };
  Context context{family};

  EXPECT_EQ(context.run(), 0);

  for (const auto& process : context.processes) EXPECT_EQ(process->state(), ProcessState::ended);
  EXPECT_EQ(family.asked_while_all_lived, 20);
}

TEST_F(MainContext_, safe_select_takes_descriptors_above_1024_and_names_one_that_is_not_open) {
  rlimit limit{};
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &limit), 0);
  const rlimit before = limit;
  limit.rlim_cur = std::min<rlim_t>(limit.rlim_max, 4096);
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &limit), 0);
  int ends[2];
  ASSERT_EQ(::pipe2(ends, O_CLOEXEC), 0);
  const os::UniqueFd read_end{ends[0]};
  const os::UniqueFd write_end{ends[1]};
  const os::UniqueFd high{::fcntl(read_end.get(), F_DUPFD_CLOEXEC, 2000)};
  ASSERT_TRUE(high);

  const int readers[] = {high.get()};
  const int writers[] = {write_end.get()};
  const auto empty = safe_select(readers, writers, {}, Deadline::now()).value();
  ASSERT_EQ(::write(write_end.get(), "x", 1), 1);
  const auto full = safe_select(readers, {}, {}, Deadline::after(20s)).value();
  const int closed[] = {3999};
  const auto wrong = safe_select(closed, {}, {}, Deadline::now());
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &before), 0);

  EXPECT_TRUE(empty.readable.empty());
  EXPECT_EQ(empty.writable, (std::vector<int>{write_end.get()}));
  EXPECT_EQ(full.readable, (std::vector<int>{high.get()}));
  EXPECT_EQ(wrong.error().code(), Errc::invalid_argument);
  EXPECT_NE(wrong.error().message().find("3999"), std::string::npos);
}

}  // namespace
}  // namespace prong

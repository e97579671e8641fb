#include "prong/process/message_process.hpp"

#include "process_test.hpp"
#include "prong/base/exception.hpp"
#include "prong/os/child_process.hpp"
#include "prong/os/poll.hpp"
#include "prong/os/threads.hpp"
#include "test_process.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/select.h>
#include <sys/wait.h>

#include <fstream>
#include <latch>
#include <random>
#include <thread>

namespace prong {
namespace {

using tests::TestProcess;
using MessageProcess_ = tests::ProcessTest;
using namespace std::chrono_literals;

Deadline soon() {
  return Deadline::after(20s);
}

TEST_F(MessageProcess_, typed_call_returns_what_the_handler_returned_and_defaults_fill_in) {
  TestProcess process;
  process.start();

  EXPECT_EQ(process.add(2, 3).get(), 5);
  EXPECT_EQ(process.add(2).get(), 12);
  EXPECT_EQ(process.add_until(2, 4, soon()).get(), 6);
  EXPECT_TRUE(process.stop(soon()));
}

TEST_F(MessageProcess_, message_object_reaches_the_same_handler_by_name) {
  TestProcess process;
  process.start();

  EXPECT_EQ(process.request({"add", {{"b", 3}, {"a", 2}}}).get().as<int>(), 5);
  EXPECT_EQ(process.request({"add", {{"a", 2}}}).get().as<int>(), 12);
}

TEST_F(MessageProcess_, what_is_wrong_with_a_message_is_an_error_reply_that_names_it_and_the_backend_lives) {
  TestProcess process;
  process.start();

  const Error unknown_command = process.request({"subtract"}).result().error();
  const Error unknown_argument = process.request({"add", {{"a", 1}, {"c", 2}}}).result().error();
  const Error missing = process.request({"add", {{"b", 1}}}).result().error();
  const Error ill_typed = process.request({"add", {{"a", "one"}}}).result().error();

  EXPECT_EQ(unknown_command.code(), Errc::unknown_command);
  EXPECT_NE(unknown_command.message().find("'subtract'"), std::string::npos);
  EXPECT_EQ(unknown_argument.code(), Errc::unknown_argument);
  EXPECT_NE(unknown_argument.message().find("'c'"), std::string::npos);
  EXPECT_EQ(missing.code(), Errc::missing_argument);
  EXPECT_NE(missing.message().find("'a'"), std::string::npos);
  EXPECT_EQ(ill_typed.code(), Errc::ill_typed_argument);
  EXPECT_NE(ill_typed.message().find("'a'"), std::string::npos);
  EXPECT_EQ(process.add(1, 1).get(), 2);
}

TEST_F(MessageProcess_, exception_of_a_handler_is_the_callers_and_the_backend_lives) {
  TestProcess process;
  process.start();

  try {
    process.fail("not like this").get();
    FAIL() << "nothing was thrown";
  } catch (const std::invalid_argument& exception) {
    EXPECT_STREQ(exception.what(), "not like this");
    const auto origin = origin_of(exception);
    ASSERT_TRUE(origin);
    EXPECT_EQ(origin->type, "std::invalid_argument");
    EXPECT_EQ(origin->command, "fail");
    EXPECT_EQ(origin->process, "test");
    EXPECT_EQ(origin->pid, process.pid());
    EXPECT_FALSE(origin->stack.empty());
  }
  EXPECT_THROW(process.throw_number().get(), RemoteException);
  EXPECT_EQ(process.throw_number().result().error().remote()->type, "int");
  EXPECT_EQ(process.add(1, 1).get(), 2);
}

TEST_F(MessageProcess_, messages_sent_before_start_are_handled_after_it_in_their_order) {
  TestProcess process;
  process.send_message_to_back({"note", {{"text", "first"}}});
  auto second = process.note("second");

  process.start();
  process.send_message_to_back({"note", {{"text", "third"}}});

  EXPECT_TRUE(second.result());
  EXPECT_EQ(process.notes().get(), (std::vector<std::string>{"first", "second", "third"}));
}

TEST_F(MessageProcess_, waiting_for_a_process_that_was_not_started_is_an_error_at_once) {
  TestProcess process;

  EXPECT_EQ(process.add(1, 1).result().error().code(), Errc::not_started);
  EXPECT_EQ(process.wait_stop(soon()).error().code(), Errc::not_started);
  EXPECT_THROW(process.request_stop(), Exception);
}

TEST_F(MessageProcess_, stop_comes_after_what_was_sent_before_and_a_second_stop_is_no_error) {
  TestProcess process;
  process.start();
  std::vector<Future<void>> notes;
  for (int i = 0; i < 200; ++i) notes.push_back(process.note("n"));

  EXPECT_TRUE(process.stop(soon()));
  EXPECT_TRUE(process.stop(soon()));

  for (Future<void>& note : notes) EXPECT_TRUE(note.result());
  EXPECT_EQ(process.state(), ProcessState::ended);
  EXPECT_EQ(process.add(1, 1).result().error().code(), Errc::stopped);
  EXPECT_THROW(process.start(), Exception);
}

TEST_F(MessageProcess_, backend_death_fails_every_pending_reply_with_process_expired) {
  TestProcess process;
  process.start();
  std::vector<Future<int>> pending;
  auto killer = process.raise(SIGKILL);
  for (int i = 0; i < 50; ++i) pending.push_back(process.add(i, 1));

  try {
    killer.get();
    FAIL() << "nothing was thrown";
  } catch (const ProcessExpired& expired) {
    EXPECT_EQ(expired.signal(), SIGKILL);
    EXPECT_EQ(expired.exit_code(), -SIGKILL);
    EXPECT_EQ(expired.pid(), process.pid());
  }
  for (Future<int>& call : pending) EXPECT_EQ(call.result().error().code(), Errc::process_expired);
  EXPECT_EQ(process.pipe().receive(soon()).error().code(), Errc::process_expired);
  EXPECT_EQ(process.stop(soon()).error().code(), Errc::process_expired);
}

TEST_F(MessageProcess_, leaving_with_code_0_inside_a_command_is_a_crash) {
  TestProcess process;
  process.start();

  const Error error = process.leave(0).result().error();

  ASSERT_EQ(error.code(), Errc::process_expired);
  EXPECT_EQ(error.death()->exit_code, 0);
  EXPECT_EQ(error.death()->signal, 0);
}

TEST_F(MessageProcess_, replies_written_before_the_death_still_arrive) {
  TestProcess process;
  process.start();
  auto answered = process.add(4, 5);
  auto killer = process.raise(SIGSEGV);

  EXPECT_EQ(killer.result().error().death()->signal, SIGSEGV);

  EXPECT_EQ(answered.get(), 9);
}

TEST_F(MessageProcess_, call_ends_at_its_deadline_and_a_late_reply_harms_nobody) {
  TestProcess process;
  process.start();

  EXPECT_EQ(process.hang(Deadline::after(20ms)).result().error().code(), Errc::deadline_exceeded);
  process.kill();
  EXPECT_EQ(process.add(1, 1).result().error().code(), Errc::process_expired);
}

TEST_F(MessageProcess_, wait_that_ends_before_the_call_leaves_the_future_valid) {
  TestProcess process;
  process.start();
  auto future = process.hang(Deadline::never());

  EXPECT_EQ(future.result(Deadline::after(10ms)).error().code(), Errc::deadline_exceeded);
  EXPECT_TRUE(future.valid());
  process.kill();
  EXPECT_EQ(future.result().error().code(), Errc::process_expired);
}

TEST_F(MessageProcess_, expired_call_is_not_run) {
  TestProcess process;
  process.start();
  auto hanging = process.request({"note", {{"text", "late"}}}, Deadline::now());

  EXPECT_EQ(hanging.result().error().code(), Errc::deadline_exceeded);
  EXPECT_TRUE(process.notes().get().empty());
}

TEST_F(MessageProcess_, backends_own_messages_arrive_in_order_on_the_pipe_and_on_the_second_queue) {
  TestProcess process;
  process.start();

  process.send_message_to_back({"say", {{"text", "hello"}, {"times", 3}}});
  process.send_message_to_back({"return", {{"text", "back"}}});

  for (int i = 0; i < 3; ++i) {
    const MessageObject message = process.pipe().receive(soon()).value();
    EXPECT_EQ(message(), "said");
    EXPECT_EQ(message["number"].as<int>(), i);
  }
  EXPECT_EQ(process.return_from_back(soon()).value()["text"].as<std::string>(), "back");
  EXPECT_FALSE(process.pipe().try_receive().value());
  EXPECT_EQ(process.pipe().receive(Deadline::after(5ms)).error().code(), Errc::deadline_exceeded);
}

TEST_F(MessageProcess_, ping_answers_on_the_pipe_as_in_the_seed) {
  TestProcess process;
  process.start();

  process.send_ping({1, 2, 3});
  const MessageObject pong = process.pipe().receive(soon()).value();

  EXPECT_EQ(pong(), "pong");
  EXPECT_EQ(pong["lis"].as<std::vector<int>>(), (std::vector<int>{1, 2, 3}));
  EXPECT_GT(process.ping(soon()).value().count(), 0);
}

TEST_F(MessageProcess_, pipe_descriptor_works_in_poll_epoll_and_select) {
  TestProcess process;
  const int descriptor = process.pipe().descriptor();
  process.start();
  const os::UniqueFd epoll{::epoll_create1(EPOLL_CLOEXEC)};
  epoll_event event{.events = EPOLLIN, .data = {}};
  ASSERT_EQ(::epoll_ctl(epoll.get(), EPOLL_CTL_ADD, descriptor, &event), 0);

  for (int round = 0; round < 300; ++round) {
    process.send_message_to_back({"say", {{"text", "x"}}});
    std::optional<MessageObject> message;
    while (!message) {
      if (round % 3 == 0) {
        ASSERT_TRUE(os::wait_readable(descriptor, soon()));
      } else if (round % 3 == 1) {
        ASSERT_EQ(::epoll_wait(epoll.get(), &event, 1, 20'000), 1);
      } else {
        fd_set set;
        FD_ZERO(&set);
        FD_SET(descriptor, &set);
        timeval limit{20, 0};
        ASSERT_EQ(::select(descriptor + 1, &set, nullptr, nullptr, &limit), 1);
      }
      message = process.pipe().try_receive().value();
    }
    EXPECT_EQ((*message)["text"].as<std::string>(), "x");
  }
  EXPECT_FALSE(process.pipe().try_receive().value());
}

TEST_F(MessageProcess_, pipe_descriptor_stays_readable_while_a_call_in_another_thread_reads_the_messages) {
  TestProcess process;
  process.start();
  const int descriptor = process.pipe().descriptor();

  std::thread caller{[&] {
    for (int i = 0; i < 500; ++i) EXPECT_EQ(process.add(i, 1).get(), i + 1);
  }};
  for (int i = 0; i < 500; ++i) {
    process.send_message_to_back({"say", {{"text", "x"}}});
    std::optional<MessageObject> message;
    while (!message) {
      ASSERT_TRUE(os::wait_readable(descriptor, soon()));
      message = process.pipe().try_receive().value();
    }
  }
  caller.join();
}

TEST_F(MessageProcess_, pipe_descriptor_is_readable_after_the_end) {
  TestProcess process;
  process.start();
  const int descriptor = process.pipe().descriptor();
  ASSERT_TRUE(process.wait_ready(soon()));

  process.kill();
  ASSERT_TRUE(os::wait_readable(descriptor, soon()));

  EXPECT_EQ(process.pipe().receive(soon()).error().code(), Errc::process_expired);
}

TEST_F(MessageProcess_, messages_larger_than_the_queue_pass_both_ways) {
  TestProcess process;
  process.start();
  std::mt19937 random{1};
  for (const std::size_t size : {0UL, 1UL, 30'000UL, 32'700UL, 33'000UL, 131'072UL, 5'000'000UL, 64'000'000UL}) {
    std::vector<std::uint8_t> bytes(size);
    for (std::size_t i = 0; i < size; i += 4096) bytes[i] = static_cast<std::uint8_t>(random());
    const std::vector<std::uint8_t> expected{bytes.rbegin(), bytes.rend()};

    EXPECT_EQ(process.reverse(bytes).get(), expected) << size;
  }
}

TEST_F(MessageProcess_, message_above_the_limit_is_refused_where_it_is_sent) {
  TestProcess process{"small", {.max_message_bytes = 100'000}};
  process.start();

  EXPECT_EQ(process.reverse(std::vector<std::uint8_t>(200'000)).result().error().code(), Errc::too_large);
  EXPECT_EQ(process.add(1, 1).get(), 2);
}

TEST_F(MessageProcess_, full_queue_rejects_by_default_and_nothing_that_was_taken_is_lost) {
  TestProcess process{"full", {.queue_bytes = 4096}};
  int taken = 0;
  while (process.try_send_message_to_back({"note", {{"text", "x"}}}, soon())) ++taken;

  const auto refused = process.try_send_message_to_back({"note", {{"text", "x"}}}, soon());
  process.start();

  EXPECT_EQ(refused.error().code(), Errc::overloaded);
  EXPECT_GT(taken, 10);
  while (process.notes().result().has_error()) {
  }
  EXPECT_EQ(process.notes().get().size(), static_cast<std::size_t>(taken));
}

TEST_F(MessageProcess_, flooding_each_other_with_blocking_queues_does_not_deadlock) {
  TestProcess process{"flood", {.queue_bytes = 4096, .out_queue_bytes = 64 << 20, .when_full = QueuePolicy::block}};
  process.start();

  for (int i = 0; i < 2'000; ++i)
    process.send_message_to_back({"say", {{"text", std::string(200, 'x')}, {"times", 5}}});

  for (int i = 0; i < 10'000; ++i) ASSERT_TRUE(process.pipe().receive(soon())) << i;
}

TEST_F(MessageProcess_, backend_that_sends_more_than_anybody_receives_is_told_and_lives) {
  TestProcess process{"talkative", {.out_queue_bytes = 10'000}};
  process.start();

  const Error error = process.request({"say", {{"text", "x"}, {"times", 1'000}}}).result().error();

  EXPECT_EQ(error.code(), Errc::handler_failed);
  EXPECT_NE(error.message().find("overloaded"), std::string::npos);
  int received = 0;
  while (process.pipe().try_receive().value()) ++received;
  EXPECT_GT(received, 10);
  EXPECT_TRUE(process.request({"say", {{"text", "x"}, {"times", 10}}}).result());
}

TEST_F(MessageProcess_, many_threads_call_one_process) {
  TestProcess process{"many", {.when_full = QueuePolicy::block}};
  process.start();

  std::vector<std::thread> threads;
  for (int thread = 0; thread < 8; ++thread)
    threads.emplace_back([&, thread] {
      for (int i = 0; i < 500; ++i) EXPECT_EQ(process.add(thread, i).get(), thread + i);
    });
  for (std::thread& thread : threads) thread.join();
}

TEST_F(MessageProcess_, many_threads_wait_and_the_death_ends_them_all) {
  TestProcess process;
  process.start();
  ASSERT_TRUE(process.wait_ready(soon()));

  std::atomic<int> ended{0};
  std::latch waiting{8};
  std::vector<std::thread> threads;
  for (int thread = 0; thread < 8; ++thread)
    threads.emplace_back([&] {
      auto future = process.hang(Deadline::never());
      waiting.count_down();
      if (future.result().error().code() == Errc::process_expired) ++ended;
    });
  waiting.wait();
  process.kill();
  for (std::thread& thread : threads) thread.join();

  EXPECT_EQ(ended, 8);
}

TEST_F(MessageProcess_, start_is_refused_with_the_names_of_the_threads) {
  TestProcess process;
  std::latch named{1};
  std::latch leave{1};
  std::thread thread{[&] {
    ::pthread_setname_np(::pthread_self(), "gui");
    named.count_down();
    leave.wait();
  }};
  named.wait();

  try {
    process.start();
    ADD_FAILURE() << "nothing was thrown";
  } catch (const Exception& exception) {
    EXPECT_EQ(exception.code(), Errc::threads_exist);
    EXPECT_NE(std::string{exception.what()}.find("'gui'"), std::string::npos) << exception.what();
  }
  leave.count_down();
  thread.join();
  process.start();
  EXPECT_EQ(process.add(1, 1).get(), 2);
}

TEST_F(MessageProcess_, stop_kills_a_backend_that_does_not_stop_in_time) {
  TestProcess process;
  process.start();
  auto hanging = process.hang(Deadline::never());

  const auto stopped = process.stop(Deadline::after(20ms));

  EXPECT_EQ(stopped.error().code(), Errc::deadline_exceeded);
  EXPECT_EQ(process.state(), ProcessState::ended);
  EXPECT_EQ(hanging.result().error().death()->signal, SIGTERM);
}

TEST_F(MessageProcess_, stop_kills_a_backend_that_ignores_sigterm_or_is_stopped) {
  TestProcess deaf;
  TestProcess frozen;
  deaf.start();
  frozen.start();
  deaf.ignore_terminate().get();
  auto hanging = deaf.hang(Deadline::never());
  frozen.add(1, 2).get();
  ::kill(frozen.pid(), SIGSTOP);

  EXPECT_EQ(deaf.stop(Deadline::after(20ms)).error().code(), Errc::deadline_exceeded);
  EXPECT_EQ(frozen.stop(Deadline::after(20ms)).error().code(), Errc::deadline_exceeded);

  EXPECT_EQ(hanging.result().error().death()->signal, SIGKILL);
  EXPECT_EQ(deaf.state(), ProcessState::ended);
  EXPECT_EQ(frozen.state(), ProcessState::ended);
}

TEST_F(MessageProcess_, destructor_ends_a_backend_that_runs) {
  TestProcess{}.start();
}

TEST_F(MessageProcess_, backend_dies_with_its_frontend_however_that_went) {
  int pipe[2];
  ASSERT_EQ(::pipe2(pipe, O_CLOEXEC), 0);
  const os::UniqueFd read_end{pipe[0]};
  os::UniqueFd write_end{pipe[1]};
  auto frontend = os::ChildProcess::fork([&] {
                    TestProcess process;
                    process.start();
                    static_cast<void>(process.hang(Deadline::never()));
                    const int pid = process.backend_pid().valid() ? process.pid() : 0;
                    if (::write(write_end.get(), &pid, sizeof pid) != sizeof pid) return 1;
                    return ::pause();
                  }).value();
  int backend = 0;
  ASSERT_EQ(::read(read_end.get(), &backend, sizeof backend), static_cast<ssize_t>(sizeof backend));
  const os::UniqueFd end = os::open_pidfd(backend).value();

  ASSERT_TRUE(frontend.signal(SIGKILL));
  ASSERT_TRUE(frontend.wait(soon()));

  EXPECT_TRUE(os::wait_readable(end.get(), soon()));
}

class LivingProcess : public MessageProcess {
 public:
  explicit LivingProcess(bool fail_in_pre_run = false) : MessageProcess{"living"}, fail_in_pre_run_{fail_in_pre_run} {
    command<&LivingProcess::c__facts>("facts");
  }
  Future<std::vector<std::string>> facts() { return call<&LivingProcess::c__facts>(); }

 private:
  void pre_run() override {
    if (fail_in_pre_run_) throw std::runtime_error{"no camera"};
    facts_.push_back("pre_run");
  }
  void post_run() override { send_out({"post_run"}); }
  std::vector<std::string> c__facts() {
    std::vector<std::string> facts = facts_;
    std::ifstream comm{"/proc/self/comm"};
    std::string name;
    std::getline(comm, name);
    facts.push_back("name " + name);
    facts.push_back("threads " + std::to_string(os::other_threads().value().size() + 1));
    sigset_t mask;
    ::sigprocmask(SIG_SETMASK, nullptr, &mask);
    facts.push_back(::sigismember(&mask, SIGUSR1) != 0 ? "mask kept" : "mask empty");
    struct sigaction action {};
    ::sigaction(SIGUSR1, nullptr, &action);
    facts.push_back(action.sa_handler == SIG_DFL ? "default" : "handler kept");
    ::sigaction(SIGINT, nullptr, &action);
    facts.push_back(action.sa_handler == SIG_IGN ? "SIGINT ignored" : "SIGINT default");
    return facts;
  }

  bool fail_in_pre_run_;
  std::vector<std::string> facts_;
};

TEST_F(MessageProcess_, backend_starts_with_default_signals_an_empty_mask_its_own_name_and_one_thread) {
  sigset_t usr1;
  ::sigemptyset(&usr1);
  ::sigaddset(&usr1, SIGUSR1);
  ::sigprocmask(SIG_BLOCK, &usr1, nullptr);
  ::signal(SIGUSR1, [](int) {});
  LivingProcess process;
  process.ignore_sigint();
  process.start();
  ::signal(SIGUSR1, SIG_DFL);
  ::sigprocmask(SIG_UNBLOCK, &usr1, nullptr);

  EXPECT_EQ(process.facts().get(), (std::vector<std::string>{"pre_run", "name living", "threads 1", "mask empty",
                                                             "default", "SIGINT ignored"}));
}

TEST_F(MessageProcess_, what_post_run_sends_arrives_before_the_end) {
  LivingProcess process;
  process.start();

  EXPECT_TRUE(process.stop(soon()));

  EXPECT_EQ(process.pipe().receive(soon()).value()(), "post_run");
  EXPECT_EQ(process.pipe().receive(soon()).error().code(), Errc::stopped);
}

TEST_F(MessageProcess_, exception_in_pre_run_is_what_waiting_and_calling_end_with) {
  LivingProcess process{true};
  auto call = process.facts();
  process.start();

  const Error error = process.wait_ready(soon()).error();

  EXPECT_EQ(error.code(), Errc::handler_failed);
  EXPECT_EQ(error.remote()->what, "no camera");
  EXPECT_EQ(error.remote()->command, "pre_run");
  EXPECT_EQ(call.result().error().remote()->what, "no camera");
}

class ListeningProcess : public MessageProcess {
 public:
  explicit ListeningProcess(int by_watch, int by_select)
      : MessageProcess{"listening"}, by_watch_{by_watch}, by_select_{by_select} {}

 private:
  void pre_run() override {
    watch(by_watch_, [this] { hear("watch", by_watch_); });
  }
  void read_pipes(Deadline deadline) override {
    while (handle_intercom() && !stopping()) {
      pollfd entries[] = {{intercom_descriptor(), POLLIN, 0}, {by_select_, POLLIN, 0}};
      static_cast<void>(os::poll(entries, deadline));
      if (entries[1].revents != 0) hear("select", by_select_);
    }
  }
  void hear(const char* how, int descriptor) {
    char byte = 0;
    if (::read(descriptor, &byte, 1) == 1) send_out({how, {{"byte", std::string(1, byte)}}});
  }

  int by_watch_;
  int by_select_;
};

TEST_F(MessageProcess_, backend_listens_to_more_by_watch_and_by_its_own_select) {
  int watched[2];
  int selected[2];
  ASSERT_EQ(::pipe2(watched, O_CLOEXEC | O_NONBLOCK), 0);
  ASSERT_EQ(::pipe2(selected, O_CLOEXEC | O_NONBLOCK), 0);
  const os::UniqueFd ends[] = {os::UniqueFd{watched[0]}, os::UniqueFd{watched[1]}, os::UniqueFd{selected[0]},
                               os::UniqueFd{selected[1]}};
  ListeningProcess process{watched[0], selected[0]};
  process.inherit(watched[0]);
  process.inherit(selected[0]);
  process.start();

  for (int round = 0; round < 50; ++round) {
    ASSERT_EQ(::write(watched[1], "w", 1), 1);
    EXPECT_EQ(process.pipe().receive(soon()).value()(), "watch");
    ASSERT_EQ(::write(selected[1], "s", 1), 1);
    EXPECT_EQ(process.pipe().receive(soon()).value()(), "select");
    process.send_ping({round});
    EXPECT_EQ(process.pipe().receive(soon()).value()(), "pong");
  }
  EXPECT_TRUE(process.stop(soon()));
}

TEST_F(MessageProcess_, frontend_member_called_in_the_backend_is_an_error_that_says_so) {
  class Confused : public MessageProcess {
   public:
    Confused() : MessageProcess{"confused"} { command<&Confused::c__call>("call"); }
    Future<std::string> ask() { return call<&Confused::c__call>(); }

   private:
    std::string c__call() {
      try {
        send_message_to_back({"call"});
      } catch (const Exception& exception) {
        return exception.what();
      }
      return "nothing";
    }
  } process;
  process.start();

  EXPECT_NE(process.ask().get().find("wrong_process"), std::string::npos);
}

TEST_F(MessageProcess_, backend_has_no_descriptor_but_its_own) {
  class Lister : public MessageProcess {
   public:
    Lister() : MessageProcess{"lister"} { command<&Lister::c__list>("list"); }
    Future<std::vector<std::string>> list() { return call<&Lister::c__list>(); }

   private:
    std::vector<std::string> c__list() {
      std::vector<std::string> found;
      DIR* const directory = ::opendir("/proc/self/fd");
      while (const dirent* entry = ::readdir(directory)) {
        char target[256];
        const auto size = ::readlink((std::string{"/proc/self/fd/"} + entry->d_name).c_str(), target, sizeof target);
        if (size > 0 && std::stoi(entry->d_name) > 2) found.emplace_back(target, static_cast<std::size_t>(size));
      }
      ::closedir(directory);
      return found;
    }
  };
  TestProcess neighbour{"neighbour"};
  neighbour.start();
  const os::UniqueFd secret{::open("/etc/hostname", O_RDONLY)};
  Lister lister;
  lister.start();

  const std::vector<std::string> found = lister.list().get();

  for (const std::string& target : found) {
    EXPECT_EQ(target.find("hostname"), std::string::npos) << target;
    EXPECT_EQ(target.find("neighbour"), std::string::npos) << target;
    EXPECT_EQ(target.find("pidfd"), std::string::npos) << target;
  }
  EXPECT_LE(found.size(), 12U);
}

TEST_F(MessageProcess_, statistics_tell_messages_time_and_memory) {
  TestProcess process;
  process.start();
  for (int i = 0; i < 10; ++i) process.add(i, i).get();

  const ProcessStatistics running = process.statistics();
  EXPECT_TRUE(process.stop(soon()));
  const ProcessStatistics ended = process.statistics();

  EXPECT_EQ(running.messages_sent, 10U);
  EXPECT_GE(running.messages_received, 10U);
  EXPECT_EQ(running.calls_pending, 0U);
  EXPECT_GT(running.memory_peak_bytes, 0U);
  EXPECT_GT(ended.cpu_time.count(), 0);
}

}  // namespace
}  // namespace prong

#include "prong/base/crash_report.hpp"

#include "../os/crash_child.hpp"
#include "../os/guilty.hpp"
#include "log_capture.hpp"
#include "process_test.hpp"
#include "prong/process/fork_server.hpp"
#include "prong/process/message_process.hpp"
#include "prong/process/spawn.hpp"

#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdlib>
#include <fstream>
#include <map>
#include <random>

namespace prong {
namespace {

using namespace std::chrono_literals;
using CrashReport_ = tests::ProcessTest;
using tests::find_frame;

Deadline soon() {
  return Deadline::after(20s);
}

// A process that can be told what to be guilty of.
class Culprit : public MessageProcess {
 public:
  explicit Culprit(std::string name = "culprit") : MessageProcess{std::move(name)} {
    command<&Culprit::c__ping_pong>("ping_pong");
    command<&Culprit::c__be_guilty>("be_guilty", "of"_a);
    command<&Culprit::c__leave>("leave", "code"_a);
    command<&Culprit::c__ignore_terminate>("ignore_terminate");
    command<&Culprit::c__scribble>("scribble", "seed"_a);
  }

  Future<int> ping_pong() { return call<&Culprit::c__ping_pong>(); }
  Future<void> be_guilty(const std::string& of) { return call<&Culprit::c__be_guilty>(of, Deadline::never()); }
  Future<void> leave(int code) { return call<&Culprit::c__leave>(code); }
  Future<void> ignore_terminate() { return call<&Culprit::c__ignore_terminate>(); }
  Future<void> scribble(std::uint64_t seed) { return call<&Culprit::c__scribble>(seed); }

 protected:
  int c__ping_pong() { return 1; }
  void c__be_guilty(const std::string& of) {
    static const std::map<std::string, void (*)()> crimes{{"fault", tests::guilty_of_a_fault},
                                                          {"recursion", tests::guilty_of_endless_recursion},
                                                          {"throwing", tests::guilty_of_throwing_where_none_may_leave},
                                                          {"thread", tests::guilty_in_another_thread},
                                                          {"module", tests::guilty_in_a_loaded_module},
                                                          {"loop", tests::hang_in_a_loop},
                                                          {"read", tests::hang_in_a_read},
                                                          {"blocked", tests::hang_with_all_signals_blocked},
                                                          {"stopped", tests::hang_stopped},
                                                          {"threads", tests::hang_in_three_threads}};
    send_out({"begun", {}});
    crimes.at(of)();
  }
  void c__leave(int code) { ::_exit(code); }
  void c__ignore_terminate() { ::signal(SIGTERM, SIG_IGN); }
  // Writes all over its crash page, in parts that look right and in parts that do not, and is gone.
  void c__scribble(std::uint64_t seed) {
    std::mt19937_64 random{seed};
    std::ifstream maps{"/proc/self/maps"};
    for (std::string line; std::getline(maps, line);) {
      if (line.find("prong-crash-page") == line.npos) continue;
      char* end = nullptr;
      auto* const first = reinterpret_cast<std::uint64_t*>(std::strtoull(line.c_str(), &end, 16));
      auto* const last = reinterpret_cast<std::uint64_t*>(std::strtoull(end + 1, nullptr, 16));
      for (auto* word = first; word != last; ++word)
        if (random() % 4 == 0) *word = random() >> random() % 64;
    }
    ::raise(SIGKILL);
  }
};

void wait_begun(Culprit& process) {
  ASSERT_TRUE(process.pipe().receive(soon()));
}

// How a call ended whose backend died.
Error death_of(Future<void> call) {
  const auto result = call.result();
  EXPECT_FALSE(result);
  return result ? Error{} : result.error();
}

TEST_F(CrashReport_, call_that_killed_its_backend_fails_with_command_request_and_stack) {
  Culprit process;
  process.start();

  const Error error = death_of(process.be_guilty("fault"));

  ASSERT_NE(error.death(), nullptr) << to_string(error);
  EXPECT_EQ(error.death()->signal, SIGSEGV);
  EXPECT_EQ(error.death()->command, "be_guilty");
  EXPECT_NE(error.death()->request, 0U);
  EXPECT_NE(error.message().find("while it ran 'be_guilty'"), std::string::npos);
  const CrashReport* const report = error.crash_report();
  ASSERT_NE(report, nullptr);
  EXPECT_EQ(report->process, "culprit");
  EXPECT_EQ(report->pid, process.pid());
  EXPECT_EQ(report->command, "be_guilty");
  EXPECT_EQ(report->request, error.death()->request);
  EXPECT_EQ(report->cause, DeathCause::signal);
  EXPECT_EQ(report->fault_address, 16U);
  EXPECT_NE(find_frame(*report, "guilty_of_a_fault"), nullptr) << to_string(*report);
  EXPECT_NE(find_frame(*report, "c__be_guilty"), nullptr) << to_string(*report);
  ASSERT_NE(own_frame(*report), nullptr);
}

TEST_F(CrashReport_, exception_offers_it_too_and_it_outlives_the_process) {
  const CrashReport* report = nullptr;
  std::optional<Exception> kept;
  {
    Culprit process;
    process.start();
    try {
      process.be_guilty("fault").get();
    } catch (const ProcessExpired& expired) {
      kept.emplace(expired);
      report = expired.crash_report();
    }
  }

  ASSERT_NE(report, nullptr);
  EXPECT_EQ(report, kept->crash_report());
  EXPECT_NE(find_frame(*report, "guilty_of_a_fault"), nullptr);
}

TEST_F(CrashReport_, every_error_of_one_death_has_the_same_report) {
  Culprit process;
  process.start();
  auto first = process.be_guilty("fault");
  auto second = process.be_guilty("fault");

  const Error one = death_of(std::move(first));
  const Error two = death_of(std::move(second));

  EXPECT_EQ(one.crash_report(), two.crash_report());
  EXPECT_EQ(process.wait_stop(soon()).error().crash_report(), one.crash_report());
}

struct Crime {
  const char* of;
  const char* function;
  DeathCause cause;
  int signal;

  friend void PrintTo(const Crime& crime, std::ostream* out) { *out << crime.of; }
};

class CrashReportCrimes : public tests::ProcessTest, public ::testing::WithParamInterface<Crime> {};

TEST_P(CrashReportCrimes, are_reported_with_the_guilty_function) {
  Culprit process;
  process.start();

  const Error error = death_of(process.be_guilty(GetParam().of));

  ASSERT_NE(error.death(), nullptr) << to_string(error);
  EXPECT_EQ(error.death()->signal, GetParam().signal);
  EXPECT_EQ(error.death()->command, "be_guilty");
  ASSERT_NE(error.crash_report(), nullptr);
  EXPECT_EQ(error.crash_report()->cause, GetParam().cause);
  EXPECT_NE(find_frame(*error.crash_report(), GetParam().function), nullptr) << to_string(*error.crash_report());
}

INSTANTIATE_TEST_SUITE_P(All, CrashReportCrimes,
                         ::testing::Values(Crime{"fault", "guilty_of_a_fault", DeathCause::signal, SIGSEGV},
                                           Crime{"recursion", "guilty_of_endless_recursion", DeathCause::signal,
                                                 SIGSEGV},
                                           Crime{"throwing", "guilty_of_throwing", DeathCause::exception, SIGABRT},
                                           Crime{"thread", "guilty_of_a_fault", DeathCause::signal, SIGSEGV},
                                           Crime{"module", "guilty_in_module", DeathCause::signal, SIGSEGV}),
                         [](const auto& test) { return std::string{test.param.of}; });

TEST_F(CrashReport_, message_by_name_is_named_too) {
  Culprit process;
  process.start();

  process.send_message_to_back({"be_guilty", {{"of", "fault"}}});
  const auto ended = process.wait_stop(soon());

  ASSERT_FALSE(ended);
  ASSERT_NE(ended.error().death(), nullptr);
  EXPECT_EQ(ended.error().death()->command, "be_guilty");
  EXPECT_EQ(ended.error().death()->request, 0U);
}

TEST_F(CrashReport_, backend_that_leaves_in_a_command_is_told_as_that) {
  Culprit process;
  process.start();

  const Error error = death_of(process.leave(0));

  ASSERT_NE(error.death(), nullptr);
  EXPECT_EQ(error.death()->exit_code, 0);
  EXPECT_EQ(error.death()->command, "leave");
  ASSERT_NE(error.crash_report(), nullptr);
  EXPECT_EQ(error.crash_report()->cause, DeathCause::exit);
  EXPECT_TRUE(error.crash_report()->threads.empty());
  EXPECT_FALSE(error.crash_report()->no_stack.empty());
}

TEST_F(CrashReport_, kill_from_outside_tells_the_command_and_why_there_is_no_stack) {
  Culprit process;
  process.start();
  ASSERT_EQ(process.ping_pong().get(), 1);
  auto hanging = process.be_guilty("read");
  wait_begun(process);
  process.kill();

  const Error error = death_of(std::move(hanging));

  ASSERT_NE(error.death(), nullptr);
  EXPECT_EQ(error.death()->signal, SIGKILL);
  EXPECT_EQ(error.death()->command, "be_guilty");
  ASSERT_NE(error.crash_report(), nullptr);
  EXPECT_EQ(error.crash_report()->cause, DeathCause::ended);
  EXPECT_TRUE(error.crash_report()->threads.empty());
  EXPECT_NE(error.crash_report()->no_stack.find("SIGKILL"), std::string::npos);
}

TEST_F(CrashReport_, idle_backend_that_is_killed_ran_nothing) {
  Culprit process;
  process.start();
  ASSERT_EQ(process.ping_pong().get(), 1);
  ASSERT_TRUE(process.ping(soon()));
  process.kill();

  const auto ended = process.wait_stop(soon());

  ASSERT_NE(ended.error().death(), nullptr);
  EXPECT_EQ(ended.error().death()->command, "");
}

class CrashReportHangs : public tests::ProcessTest, public ::testing::WithParamInterface<Crime> {};

TEST_P(CrashReportHangs, are_reported_by_the_stop_and_by_the_calls) {
  Culprit process;
  process.start();
  ASSERT_EQ(process.ping_pong().get(), 1);
  auto hanging = process.be_guilty(GetParam().of);
  wait_begun(process);

  const auto stopped = process.stop(Deadline::after(500ms));

  ASSERT_FALSE(stopped);
  EXPECT_EQ(stopped.error().code(), Errc::deadline_exceeded);
  const CrashReport* const report = stopped.error().crash_report();
  ASSERT_NE(report, nullptr);
  EXPECT_EQ(report->cause, DeathCause::deadline);
  EXPECT_EQ(report->command, "be_guilty");
  EXPECT_EQ(report->signal, GetParam().signal);
  EXPECT_NE(find_frame(*report, GetParam().function), nullptr) << to_string(*report);
  EXPECT_EQ(death_of(std::move(hanging)).crash_report(), report);
}

INSTANTIATE_TEST_SUITE_P(All, CrashReportHangs,
                         ::testing::Values(Crime{"loop", "hang_in_a_loop", DeathCause::deadline, SIGTERM},
                                           Crime{"read", "hang_in_a_read", DeathCause::deadline, SIGTERM},
                                           Crime{"threads", "hang_in_three_threads", DeathCause::deadline, SIGTERM},
                                           Crime{"blocked", "hang_with_all_signals_blocked", DeathCause::deadline,
                                                 SIGKILL},
                                           Crime{"stopped", "hang_stopped", DeathCause::deadline, SIGKILL}),
                         [](const auto& test) { return std::string{test.param.of}; });

TEST_F(CrashReport_, twenty_backends_that_hang_are_all_reported) {
  std::vector<std::unique_ptr<Culprit>> processes;
  std::vector<MessageProcess*> list;
  std::vector<Future<void>> hanging;
  for (int i = 0; i < 20; ++i) {
    processes.push_back(std::make_unique<Culprit>("culprit " + std::to_string(i)));
    list.push_back(processes.back().get());
  }
  for (auto& process : processes) process->start();
  for (auto& process : processes) {
    process->ignore_terminate().get();
    hanging.push_back(process->be_guilty("loop"));
  }

  const auto outcomes = MessageProcess::stop_all(list, Deadline::after(1s));

  for (std::size_t i = 0; i < outcomes.size(); ++i) {
    ASSERT_FALSE(outcomes[i]);
    const CrashReport* const report = outcomes[i].error().crash_report();
    ASSERT_NE(report, nullptr);
    EXPECT_EQ(report->cause, DeathCause::deadline);
    EXPECT_FALSE(report->threads.empty() && report->no_stack.empty());
  }
}

TEST_F(CrashReport_, orderly_stop_has_none) {
  Culprit process;
  process.start();

  EXPECT_TRUE(process.stop(soon()));

  const auto late = process.ping_pong().result();
  ASSERT_FALSE(late);
  EXPECT_EQ(late.error().code(), Errc::stopped);
  EXPECT_EQ(late.error().crash_report(), nullptr);
}

TEST_F(CrashReport_, successor_has_a_report_of_its_own) {
  Culprit process;
  process.start();
  const Error first = death_of(process.be_guilty("fault"));
  ASSERT_TRUE(process.restart(soon()));

  const Error second = death_of(process.be_guilty("throwing"));

  ASSERT_NE(first.crash_report(), nullptr);
  ASSERT_NE(second.crash_report(), nullptr);
  EXPECT_EQ(first.crash_report()->cause, DeathCause::signal);
  EXPECT_EQ(second.crash_report()->cause, DeathCause::exception);
  EXPECT_EQ(second.crash_report()->exception_what, "the lens cap is on");
}

TEST_F(CrashReport_, backends_of_the_fork_server_are_reported_alike) {
  Culprit process;
  const ForkServer server;
  process.start();
  EXPECT_THROW(process.be_guilty("fault").get(), ProcessExpired);
  ASSERT_TRUE(process.restart(soon()));

  const Error crash = death_of(process.be_guilty("recursion"));
  ASSERT_TRUE(process.restart(soon()));
  ASSERT_EQ(process.ping_pong().get(), 1);
  auto hanging = process.be_guilty("threads");
  wait_begun(process);
  const auto stopped = process.stop(Deadline::after(500ms));

  ASSERT_NE(crash.crash_report(), nullptr);
  EXPECT_NE(find_frame(*crash.crash_report(), "guilty_of_endless_recursion"), nullptr);
  ASSERT_FALSE(stopped);
  ASSERT_NE(stopped.error().crash_report(), nullptr);
  EXPECT_NE(find_frame(*stopped.error().crash_report(), "hang_in_three_threads"), nullptr)
      << to_string(*stopped.error().crash_report());
}

TEST_F(CrashReport_, handler_that_pre_run_installs_stays) {
  class Stubborn : public Culprit {
   public:
    Stubborn() : Culprit{"stubborn"} {}

   private:
    void pre_run() override {
      struct sigaction mine {};
      mine.sa_handler = [](int) { ::_exit(44); };
      ::sigaction(SIGSEGV, &mine, nullptr);
    }
  };
  Stubborn process;
  process.start();

  const Error error = death_of(process.be_guilty("fault"));

  ASSERT_NE(error.death(), nullptr);
  EXPECT_EQ(error.death()->exit_code, 44);
}

TEST_F(CrashReport_, signal_handlers_of_the_frontend_are_its_own) {
  struct sigaction before {};
  ASSERT_EQ(::sigaction(SIGSEGV, nullptr, &before), 0);
  Culprit process;
  process.start();
  EXPECT_THROW(process.be_guilty("fault").get(), ProcessExpired);

  struct sigaction after {};
  ASSERT_EQ(::sigaction(SIGSEGV, nullptr, &after), 0);
  EXPECT_EQ(before.sa_sigaction, after.sa_sigaction);
  ASSERT_EQ(::sigaction(SIGURG, nullptr, &after), 0);
  EXPECT_EQ(after.sa_handler, SIG_DFL);
}

TEST_F(CrashReport_, log_names_the_own_function) {
  tests::LogCapture log;
  Culprit process;
  process.start();

  EXPECT_THROW(process.be_guilty("fault").get(), ProcessExpired);

  std::string lines;
  for (const tests::KeptRecord& record : log.take()) lines += record.text + "\n";
  EXPECT_NE(lines.find("(SIGSEGV) while it ran 'be_guilty': prong::tests::guilty_of_a_fault()"), std::string::npos)
      << lines;
}

TEST_F(CrashReport_, page_full_of_lies_harms_nobody) {
  const std::uint64_t seed = std::random_device{}();
  SCOPED_TRACE(seed);
  Culprit process;
  process.start();
  for (std::uint64_t i = 0; i < 20; ++i) {
    const Error error = death_of(process.scribble(seed + i));

    ASSERT_NE(error.death(), nullptr);
    EXPECT_EQ(error.death()->signal, SIGKILL);
    EXPECT_EQ(error.death()->cause, DeathCause::foreign_kill);
    ASSERT_NE(error.crash_report(), nullptr);
    EXPECT_FALSE(to_string(*error.crash_report()).empty());
    ASSERT_TRUE(process.restart(soon()));
  }
  EXPECT_EQ(process.ping_pong().get(), 1);
}

}  // namespace
}  // namespace prong

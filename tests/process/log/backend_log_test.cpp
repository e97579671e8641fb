#include "prong/log/backend_log.hpp"

#include "log_capture.hpp"
#include "log_ring_memory.hpp"
#include "process_test.hpp"
#include "prong/log/log_ring.hpp"
#include "prong/log/logger.hpp"
#include "prong/os/child_process.hpp"
#include "prong/os/signals.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <csignal>
#include <map>
#include <random>
#include <thread>

namespace prong {
namespace {

using namespace std::chrono_literals;
using os::ChildProcess;

class BackendLog : public tests::ProcessTest {
 protected:
  // Forks a backend that logs into `ring`.
  static ChildProcess fork_backend(LogRing& ring, const std::function<int()>& main) {
    auto child = ChildProcess::fork([&, parent = ::getpid()] {
      os::die_with_parent(parent);
      log_to(ring.shared_memory()).value();
      return main();
    });
    return std::move(child).value();
  }
  static os::ExitStatus end_of(ChildProcess& child) { return child.wait(Deadline::after(20s)).value(); }
};

// A pipe in the place of standard error or standard output of children.
class Redirection {
 public:
  explicit Redirection(int number) : number_{number} {
    int ends[2];
    EXPECT_EQ(::pipe2(ends, O_CLOEXEC), 0);
    read_ = os::UniqueFd{ends[0]};
    write_ = os::UniqueFd{ends[1]};
  }
  void take_effect() const { ::dup2(write_.get(), number_); }
  // Reads to the end: until no process has the other end any more.
  std::string text() {
    write_.reset();
    std::string text;
    char buffer[4096];
    for (ssize_t size = 0; (size = ::read(read_.get(), buffer, sizeof buffer)) > 0;)
      text.append(buffer, static_cast<std::size_t>(size));
    return text;
  }

 private:
  int number_;
  os::UniqueFd read_;
  os::UniqueFd write_;
};

TEST_F(BackendLog, reaches_the_sinks_of_the_frontend_with_pid_level_name_and_time) {
  tests::LogCapture capture;
  LogRing ring = LogRing::create("left").value();
  const Logger made_before_the_fork{"Detector.left"};
  const auto before = std::chrono::system_clock::now();
  auto backend = fork_backend(ring, [&] {
    made_before_the_fork.error("from {}", "here");
    const Logger made_after_the_fork{"other"};
    made_after_the_fork.info("from there");
    return 0;
  });
  ASSERT_TRUE(end_of(backend).success());

  EXPECT_EQ(ring.drain().value(), 2U);

  const auto records = capture.take();
  ASSERT_EQ(records.size(), 2U);
  EXPECT_EQ(records[0].text, "from here");
  EXPECT_EQ(records[0].logger, "Detector.left");
  EXPECT_EQ(records[0].level, spdlog::level::err);
  EXPECT_EQ(records[0].pid, static_cast<std::size_t>(backend.pid()));
  EXPECT_GE(records[0].time, before);
  EXPECT_LE(records[0].time, std::chrono::system_clock::now());
  EXPECT_EQ(records[1].logger, "other");
  EXPECT_EQ(records[1].text, "from there");
}

TEST_F(BackendLog, level_that_the_backend_sets_is_its_own) {
  tests::LogCapture capture;
  LogRing ring = LogRing::create("left").value();
  Logger logger{"Detector.left"};
  auto backend = fork_backend(ring, [&] {
    logger.set_level(LogLevel::error);
    logger.info("not this");
    Logger::format_logger(LogLevel::debug);
    logger.debug("but this");
    return 0;
  });
  ASSERT_TRUE(end_of(backend).success());

  ASSERT_TRUE(ring.drain());

  const auto records = capture.take();
  ASSERT_EQ(records.size(), 1U);
  EXPECT_EQ(records[0].text, "but this");
  EXPECT_EQ(logger.level(), LogLevel::info);
}

TEST_F(BackendLog, keeps_what_was_logged_before_a_crash) {
  for (const int signal : {SIGABRT, SIGSEGV, SIGKILL}) {
    tests::LogCapture capture;
    LogRing ring = LogRing::create("left").value();
    auto backend = fork_backend(ring, [&] {
      const Logger logger{"Detector.left"};
      for (int i = 0; i < 100; ++i) logger.info("{}", i);
      ::signal(signal, SIG_DFL);
      return ::raise(signal);
    });
    ASSERT_EQ(end_of(backend).signal, signal);

    EXPECT_EQ(ring.drain().value(), 100U);
    EXPECT_EQ(capture.take().at(99).text, "99");
  }
}

// Killed at any moment, in the middle of a record too.
TEST_F(BackendLog, has_no_gap_and_no_half_record_though_the_backend_is_killed_while_it_logs) {
  const auto seed = std::random_device{}();
  SCOPED_TRACE(seed);
  std::mt19937 random{seed};
  for (int life = 0; life < 20; ++life) {
    LogRing ring = LogRing::create("left").value();
    auto backend = fork_backend(ring, [] {
      const Logger logger{"Detector.left"};
      for (unsigned i = 0;; ++i) {
        const auto memory = tests::log_ring_memory();
        while (memory.control->producer_tail - memory.control->consumer_head > memory.capacity / 2)
          std::this_thread::yield();
        logger.info("{} {}", i, std::string(i % 1000, 'x'));
      }
      return 0;
    });

    unsigned next = 0;
    const auto in_order = [&](const LogRecord& record) {
      ASSERT_EQ(record.text, fmt::format("{} {}", next, std::string(next % 1000, 'x')));
      ++next;
    };
    const auto enough = 1 + random() % 300;
    while (next < enough) ASSERT_TRUE(ring.drain(in_order));
    ASSERT_TRUE(backend.signal(SIGKILL));
    ASSERT_EQ(end_of(backend).signal, SIGKILL);
    ASSERT_TRUE(ring.drain(in_order));
  }
}

TEST_F(BackendLog, keeps_the_order_of_each_thread_of_the_backend) {
  constexpr int threads = 4;
  constexpr int each = 50;
  tests::LogCapture capture;
  LogRing ring = LogRing::create("left").value();
  auto backend = fork_backend(ring, [] {
    std::vector<std::jthread> workers;
    for (int i = 0; i < threads; ++i)
      workers.emplace_back([i] {
        const Logger logger{std::to_string(i)};
        for (int n = 0; n < each; ++n) logger.info("{}", n);
      });
    return 0;
  });
  ASSERT_TRUE(end_of(backend).success());

  EXPECT_EQ(ring.drain().value(), static_cast<std::size_t>(threads * each));

  std::map<std::string, int> next;
  for (const auto& record : capture.take()) EXPECT_EQ(record.text, std::to_string(next[record.logger]++));
  EXPECT_EQ(next.size(), static_cast<std::size_t>(threads));
}

TEST_F(BackendLog, of_several_backends_joins_what_eight_threads_of_the_frontend_log) {
  constexpr int backends = 3;
  constexpr int threads = 8;
  constexpr int each = 200;
  tests::LogCapture capture;
  const Logger logger{"frontend"};
  std::vector<LogRing> rings;
  std::vector<ChildProcess> children;
  for (int i = 0; i < backends; ++i) rings.push_back(LogRing::create("backend").value());
  for (int i = 0; i < backends; ++i)
    children.push_back(fork_backend(rings[static_cast<std::size_t>(i)], [i] {
      const Logger own{fmt::format("backend.{}", i)};
      for (int n = 0; n < each; ++n) own.info("{}", n);
      return 0;
    }));
  std::vector<std::jthread> workers;
  for (int i = 0; i < threads; ++i)
    workers.emplace_back([&] {
      for (int n = 0; n < each; ++n) logger.info("x");
    });

  std::size_t drained = 0;
  while (drained < backends * each)
    for (LogRing& ring : rings) drained += ring.drain().value();
  workers.clear();
  for (ChildProcess& child : children) EXPECT_TRUE(end_of(child).success());

  std::map<std::string, int> count;
  for (const auto& record : capture.take()) {
    if (record.logger != "frontend") {
      EXPECT_EQ(record.text, std::to_string(count[record.logger]));
    }
    ++count[record.logger];
  }
  EXPECT_EQ(count["frontend"], threads * each);
  for (int i = 0; i < backends; ++i) EXPECT_EQ(count[fmt::format("backend.{}", i)], each);
}

TEST_F(BackendLog, that_floods_is_dropped_and_counted_but_for_its_warnings) {
  tests::LogCapture capture;
  LogRing ring = LogRing::create("left").value();
  Redirection standard_error{STDERR_FILENO};
  constexpr int flood = 5'000;
  auto backend = fork_backend(ring, [&] {
    standard_error.take_effect();
    const Logger logger{"Detector.left"};
    for (int i = 0; i < flood; ++i) logger.info("{:0>100}", i);
    logger.warning("{:0>100}", "short of room");
    return 0;
  });
  ASSERT_TRUE(end_of(backend).success());

  const auto read = ring.drain().value();

  const auto records = capture.take();
  ASSERT_EQ(records.size(), read + 1);
  EXPECT_LT(read, static_cast<std::size_t>(flood));
  EXPECT_EQ(records.back().text, fmt::format("{} records were dropped: the log ring was full", flood - read));
  EXPECT_EQ(records.back().logger, "left");
  EXPECT_EQ(records.back().pid, static_cast<std::size_t>(backend.pid()));
  EXPECT_TRUE(standard_error.text().ends_with(
      fmt::format("Z {} warning Detector.left: {:0>100}\n", backend.pid(), "short of room")));
}

TEST_F(BackendLog, writes_nothing_to_standard_output_or_standard_error) {
  LogRing ring = LogRing::create("left").value();
  Redirection standard_output{STDOUT_FILENO};
  Redirection standard_error{STDERR_FILENO};
  auto backend = fork_backend(ring, [&] {
    standard_output.take_effect();
    standard_error.take_effect();
    const Logger logger{"Detector.left"};
    logger.error("x");
    return 0;
  });
  ASSERT_TRUE(end_of(backend).success());

  EXPECT_EQ(standard_output.text(), "");
  EXPECT_EQ(standard_error.text(), "");
  EXPECT_EQ(ring.drain([](const LogRecord&) {}).value(), 1U);
}

TEST_F(BackendLog, of_a_process_forked_by_the_backend_goes_to_standard_error) {
  LogRing ring = LogRing::create("left").value();
  Redirection standard_error{STDERR_FILENO};
  auto backend = fork_backend(ring, [&] {
    standard_error.take_effect();
    const Logger logger{"Detector.left"};
    logger.info("from the backend");
    auto grandchild = ChildProcess::fork([&] {
                        logger.info("from its child");
                        return 0;
                      }).value();
    return end_of(grandchild).code;
  });
  ASSERT_TRUE(end_of(backend).success());

  std::vector<std::string> texts;
  ASSERT_TRUE(ring.drain([&](const LogRecord& record) { texts.emplace_back(record.text); }));
  EXPECT_EQ(texts, std::vector<std::string>{"from the backend"});
  EXPECT_TRUE(standard_error.text().ends_with(" info    Detector.left: from its child\n"));
}

TEST_F(BackendLog, of_a_child_without_a_ring_goes_to_standard_error_and_past_the_sinks_of_its_parent) {
  tests::LogCapture capture;
  Redirection standard_error{STDERR_FILENO};
  auto child = ChildProcess::fork([&] {
                 standard_error.take_effect();
                 const Logger logger{"A"};
                 logger.info("x");
                 return 0;
               }).value();
  ASSERT_TRUE(end_of(child).success());

  EXPECT_TRUE(standard_error.text().ends_with(fmt::format("Z {} info    A: x\n", child.pid())));
}

TEST_F(BackendLog, that_is_scribbled_on_never_harms_the_frontend) {
  const auto seed = std::random_device{}();
  SCOPED_TRACE(seed);
  LogRing ring = LogRing::create("left").value();
  std::size_t read = 0;
  for (unsigned life = 0; life < 50; ++life) {
    auto backend = fork_backend(ring, [seed, life] {
      std::mt19937_64 random{seed + life};
      const auto memory = tests::log_ring_memory();
      const Logger logger{"Detector.left"};
      for (;;) {
        if (memory.control->producer_tail - memory.control->consumer_head < memory.capacity / 2)
          logger.info("{}", std::string(random() % 100, 'x'));
        if (memory.control->consumer_head == 0) continue;  // Honest until it is believed.
        if (random() % 500 == 0) memory.records[random() % memory.capacity] = static_cast<std::byte>(random());
        if (random() % 5'000 == 0) memory.control->producer_tail = random() % 1'000'000 * 8;
        if (random() % 5'000 == 0) memory.control->consumer_head = random();
      }
      return 0;
    });
    const auto look = [&](const LogRecord& record) {
      ++read;
      ASSERT_LE(record.text.size(), 8192U);
      ASSERT_EQ(record.text.find('\x1b'), std::string_view::npos);
    };

    auto drained = ring.drain(look);
    while (drained) drained = ring.drain(look);

    // Sooner or later it breaks the format; then it is killed, and its successor finds everything in order.
    ASSERT_EQ(drained.error().code(), Errc::bad_message);
    ASSERT_TRUE(backend.signal(SIGKILL));
    ASSERT_EQ(end_of(backend).signal, SIGKILL);
    ASSERT_TRUE(ring.reset());
  }
  EXPECT_GE(read, 50U);
}

TEST_F(BackendLog, is_read_in_the_process_that_made_the_ring) {
  LogRing ring = LogRing::create("left").value();
  auto child = ChildProcess::fork([&] {
                 if (ring.drain().error().code() != Errc::wrong_process) return 1;
                 if (ring.reset().error().code() != Errc::wrong_process) return 2;
                 return 0;
               }).value();

  EXPECT_EQ(end_of(child).code, 0);
}

TEST_F(BackendLog, goes_into_one_ring) {
  LogRing ring = LogRing::create("left").value();
  Redirection standard_error{STDERR_FILENO};
  auto backend = fork_backend(ring, [&] {
    standard_error.take_effect();
    log_to(ring.shared_memory()).value();
    return 0;
  });

  EXPECT_EQ(end_of(backend).signal, SIGABRT);
  EXPECT_NE(standard_error.text().find("a backend has one log ring"), std::string::npos);
}

}  // namespace
}  // namespace prong

#include "prong/process/duplex.hpp"

#include "async_test_process.hpp"
#include "process_test.hpp"
#include "prong/context/safe_select.hpp"
#include "prong/os/poll.hpp"

#include <algorithm>
#include <thread>

namespace prong {
namespace {

using tests::awaitable;
using tests::sleep_for;
using DuplexTest = tests::ProcessTest;
using namespace std::chrono_literals;

Deadline soon() {
  return Deadline::after(20s);
}

// Sends back what it is told, waiting for room in its own queue; can be held up.
class Echo : public AsyncBackMessageProcess {
 public:
  explicit Echo(ProcessOptions options) : AsyncBackMessageProcess{"echo", options} {
    command<&Echo::c__echo>("echo", "number"_a, "bytes"_a);
    command<&Echo::c__hold>("hold");
  }
  SharedEvent release{SharedEvent::create().value()};

 private:
  awaitable<void> c__echo(int number, std::string bytes) {
    if (number % 7 == 0) co_await sleep_for(10us);
    const MessageObject answer{"echo", {{"number", number}, {"bytes", bytes}}};
    co_await async_send_out(answer);
  }
  void c__hold() { static_cast<void>(release.wait(soon())); }
};

MessageObject numbered(int number) {
  return {"echo", {{"number", number}, {"bytes", std::string(100, static_cast<char>('a' + number % 26))}}};
}

// Sends until there is no room, and returns how many were sent.
int fill(Duplex duplex) {
  for (int sent = 0;; ++sent) {
    const auto one = duplex.try_send(numbered(sent));
    if (one) continue;
    EXPECT_EQ(one.error().code(), Errc::overloaded);
    return sent;
  }
}

TEST_F(DuplexTest, program_in_a_select_loop_sends_and_receives_more_than_the_queues_hold_and_never_waits_elsewhere) {
  constexpr int messages = 5'000;
  Echo echo{{.queue_bytes = 4096, .out_queue_bytes = 4096}};
  Duplex duplex = echo.duplex();
  const int read_fd = duplex.read_fd();
  const int write_fd = duplex.write_fd();
  echo.start();
  int sent = 0;
  int received = 0;
  int times_full = 0;

  while (received < messages) {
    std::vector<int> reading{read_fd};
    if (sent < messages) reading.push_back(write_fd);
    const std::vector<int> ready = safe_select(reading, {}, {}, soon()).value().readable;
    ASSERT_FALSE(ready.empty());
    if (std::find(ready.begin(), ready.end(), write_fd) != ready.end()) {
      Result<void> one{};
      while (sent < messages && (one = duplex.try_send(numbered(sent)))) ++sent;
      ASSERT_TRUE(one || one.error().code() == Errc::overloaded);
      if (!one) ++times_full;
    }
    if (std::find(ready.begin(), ready.end(), read_fd) != ready.end()) {
      while (const auto message = duplex.try_receive().value()) {
        ASSERT_EQ((*message)["number"].as<int>(), received);
        ASSERT_EQ((*message)["bytes"].as<std::string>(), numbered(received)["bytes"].as<std::string>());
        ++received;
      }
    }
  }

  EXPECT_EQ(sent, messages);
  EXPECT_GT(times_full, 10);
  EXPECT_TRUE(echo.stop(soon()));
}

TEST_F(DuplexTest, write_fd_tells_whether_there_is_room) {
  Echo echo{{.queue_bytes = 4096}};
  Duplex duplex = echo.duplex();
  const int write_fd = duplex.write_fd();
  EXPECT_TRUE(os::readable(write_fd));
  EXPECT_EQ(duplex.write_fd(), write_fd);
  echo.start();
  echo.send_message_to_back({"hold"});
  ASSERT_TRUE(echo.wait_ready(soon()));

  const int sent = fill(duplex);
  EXPECT_GT(sent, 5);
  while (os::readable(write_fd)) fill(duplex);  // the backend may have taken the first one out meanwhile
  echo.release.set();

  EXPECT_TRUE(echo.wait_readable(write_fd, soon()));
  EXPECT_TRUE(duplex.send(numbered(sent), soon()));
}

TEST_F(DuplexTest, write_fd_is_full_before_the_start_and_has_room_after_it) {
  Echo echo{{.queue_bytes = 4096}};
  Duplex duplex{echo};
  const int write_fd = duplex.write_fd();
  const int sent = fill(duplex);
  EXPECT_FALSE(os::readable(write_fd));

  echo.start();

  EXPECT_TRUE(os::wait_readable(write_fd, soon()));
  for (int i = 0; i < sent; ++i) EXPECT_EQ(duplex.receive(soon()).value()["number"].as<int>(), i);
}

TEST_F(DuplexTest, message_larger_than_a_record_is_sent_by_send_alone) {
  Echo echo{{.queue_bytes = 4096}};
  Duplex duplex{echo};
  echo.start();
  const MessageObject large{"echo", {{"number", 1}, {"bytes", std::string(10'000, 'x')}}};

  EXPECT_EQ(duplex.try_send(large).error().code(), Errc::too_large);
  EXPECT_TRUE(duplex.send(large, soon()));

  EXPECT_EQ(duplex.receive(soon()).value()["bytes"].as<std::string>().size(), 10'000U);
}

TEST_F(DuplexTest, death_wakes_whoever_waits_for_room_and_a_restart_has_room) {
  Echo echo{{.queue_bytes = 4096}};
  Duplex duplex{echo};
  const int write_fd = duplex.write_fd();
  for (int round = 0; round < 5; ++round) {
    if (round == 0)
      echo.start();
    else
      ASSERT_TRUE(echo.restart(soon()));
    EXPECT_TRUE(os::readable(write_fd));
    echo.send_message_to_back({"hold"});
    while (os::readable(write_fd)) fill(duplex);

    echo.kill();

    EXPECT_TRUE(os::wait_readable(write_fd, soon()));
    ASSERT_FALSE(echo.wait_stop(soon()));
    EXPECT_EQ(duplex.try_send(numbered(0)).error().code(), Errc::process_expired);
  }
}

TEST_F(DuplexTest, several_threads_send_and_wait_for_room_at_once) {
  constexpr int threads = 4;
  constexpr int messages = 500;
  Echo echo{{.queue_bytes = 4096, .when_full = QueuePolicy::block}};
  Duplex duplex{echo};
  const int write_fd = duplex.write_fd();
  echo.start();
  std::vector<std::thread> senders;
  for (int i = 0; i < threads; ++i)
    senders.emplace_back([&, i] {
      for (int number = 0; number < messages;) {
        if (i % 2 == 0 ? duplex.try_send(numbered(number)) : duplex.send(numbered(number), soon())) {
          ++number;
          continue;
        }
        ASSERT_TRUE(os::wait_readable(write_fd, soon()));
      }
    });

  for (int received = 0; received < threads * messages; ++received) ASSERT_TRUE(duplex.receive(soon()));

  for (std::thread& sender : senders) sender.join();
  EXPECT_TRUE(echo.stop(soon()));
}

}  // namespace
}  // namespace prong

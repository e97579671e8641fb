// However a backend of coroutines ends, and whatever waits in it then: each call has one outcome, and after an orderly
// end nothing is left that had begun, and everything has arrived that was sent at the end.
//
// More rounds: PRONG_TEST_ROUNDS=500; the same again: PRONG_TEST_SEED.
#include "process_test.hpp"
#include "prong/asio.hpp"
#include "random_rounds.hpp"

#include <boost/asio/cancellation_state.hpp>
#include <boost/asio/steady_timer.hpp>

#include <sched.h>
#include <sys/mman.h>
#include <unistd.h>

#include <atomic>
#include <iostream>
#include <map>
#include <new>
#include <random>
#include <thread>

namespace prong {
namespace {

using boost::asio::awaitable;
using boost::asio::use_awaitable;
using namespace std::chrono_literals;
using Random = std::mt19937_64;

Deadline soon() {
  return Deadline::after(20s);
}

// What the backend notes as it happens, in memory that both share.
struct Ledger {
  std::atomic<int> begun{0};  // handlers and tasks
  std::atomic<int> left{0};
  std::atomic<int> alive_at_post{-1};
  std::atomic<int> posts{0};  // how many times async_post() was reached
};

class SharedLedger {
 public:
  SharedLedger()
      : memory_{::mmap(nullptr, sizeof(Ledger), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0)},
        ledger_{new (memory_) Ledger} {}
  SharedLedger(const SharedLedger&) = delete;
  SharedLedger& operator=(const SharedLedger&) = delete;
  ~SharedLedger() { ::munmap(memory_, sizeof(Ledger)); }
  Ledger* operator->() const noexcept { return ledger_; }

 private:
  void* memory_;
  Ledger* ledger_;
};

enum class Work : std::uint8_t { at_once, timer, until_cancelled, slow_to_leave, fail, say, spawn, last = spawn };
enum class Ending : std::uint8_t { stop, stop_itself, kill, leave, fail_post, last = fail_post };

constexpr int posted = 40;

class Worker : public AsyncBackMessageProcess {
 public:
  Worker(const SharedLedger& ledger, std::chrono::nanoseconds grace, ProcessOptions options)
      : AsyncBackMessageProcess{"worker", options}, ledger_{ledger}, grace_{grace} {
    command<&Worker::c__in_order>("in_order", "kind"_a, "amount"_a);
    command<&Worker::c__beside>("beside", Concurrent{4}, "kind"_a, "amount"_a);
    command<&Worker::c__end>("end", Concurrent{1}, "how"_a);
  }
  Future<void> in_order(Work kind, std::uint32_t amount, Deadline deadline) {
    return call<&Worker::c__in_order>(kind, amount, deadline);
  }
  Future<void> beside(Work kind, std::uint32_t amount, Deadline deadline) {
    return call<&Worker::c__beside>(kind, amount, deadline);
  }
  Future<void> end(Ending how) { return call<&Worker::c__end>(how, soon()); }

 private:
  [[nodiscard]] std::chrono::nanoseconds stop_grace() const override { return grace_; }

  awaitable<void> async_post() override {
    ledger_->alive_at_post = ledger_->begun - ledger_->left;
    ++ledger_->posts;
    if (fails_post_) throw std::runtime_error{"as asked"};
    for (int number = 0; number < posted; ++number) {
      if (number % 10 == 0) co_await sleep(50);
      const MessageObject post{"post", {{"number", number}}};
      co_await async_send_out(post);
    }
  }

  awaitable<void> c__in_order(Work kind, std::uint32_t amount) { return work(kind, amount); }
  awaitable<void> c__beside(Work kind, std::uint32_t amount) { return work(kind, amount); }
  awaitable<void> c__end(Ending how) {
    switch (how) {
      case Ending::stop_itself: stop_backend(); break;
      case Ending::leave: ::_exit(3);
      case Ending::fail_post: fails_post_ = true; break;
      case Ending::stop:
      case Ending::kill: break;
    }
    co_return;
  }

  static awaitable<void> sleep(std::uint32_t microseconds) {
    boost::asio::steady_timer timer{co_await boost::asio::this_coro::executor, std::chrono::microseconds{microseconds}};
    co_await timer.async_wait(use_awaitable);
  }

  static awaitable<void> leave_slowly(std::uint32_t amount) {
    try {
      co_await sleep(20'000'000);
    } catch (const boost::system::system_error&) {
    }
    co_await boost::asio::this_coro::reset_cancellation_state(boost::asio::disable_cancellation());
    co_await sleep(amount);  // it cleans up
  }

  awaitable<void> work(Work kind, std::uint32_t amount) {
    ++ledger_->begun;
    const struct Leaving {
      const SharedLedger& ledger;
      ~Leaving() { ++ledger->left; }
    } leaving{ledger_};
    switch (kind) {
      case Work::at_once: break;
      case Work::timer: co_await sleep(amount); break;
      case Work::until_cancelled: co_await sleep(20'000'000); break;
      case Work::slow_to_leave: co_await leave_slowly(amount); break;
      case Work::fail: co_await sleep(amount); throw std::runtime_error{"as asked"};
      case Work::say: {
        const MessageObject said{"said", {{"bytes", std::string(amount, 'x')}}};
        for (int i = 0; i < 10; ++i) co_await async_send_out(said);
        break;
      }
      case Work::spawn: create_task("task", work(static_cast<Work>(amount % 5), amount)); break;
    }
  }

  const SharedLedger& ledger_;
  std::chrono::nanoseconds grace_;
  bool fails_post_ = false;
};

// What arrives on the pipe until its end.
struct Received {
  std::vector<int> posts;
  std::optional<Error> end;

  void receive_all(Worker& worker) {
    for (;;) {
      auto message = worker.pipe().receive(soon());
      if (!message) {
        end = message.error();
        return;
      }
      if ((*message)() == "post") posts.push_back((*message)["number"].as<int>());
    }
  }
};

void run_round(Random random, std::map<std::string, int>& totals) {
  const auto pick = [&random](std::uint64_t bound) { return random() % bound; };
  const SharedLedger ledger;
  const auto ending = static_cast<Ending>(pick(static_cast<std::uint64_t>(Ending::last) + 1));
  Worker worker{ledger,
                std::chrono::microseconds{pick(2'000)},
                {.queue_bytes = std::size_t{4096} << pick(3),
                 .out_queue_bytes = 5'000 + pick(10'000),
                 .when_full = QueuePolicy::block}};
  worker.start();
  Received received;
  std::thread receiver{[&] { received.receive_all(worker); }};
  std::vector<Future<void>> calls;
  for (auto count = pick(60); count > 0; --count) {
    const auto kind = static_cast<Work>(pick(static_cast<std::uint64_t>(Work::last) + 1));
    const auto amount = static_cast<std::uint32_t>(pick(300));
    const Deadline deadline = pick(3) == 0 ? Deadline::after(std::chrono::microseconds{pick(3'000)}) : soon();
    calls.push_back(pick(4) == 0 ? worker.in_order(kind, amount, deadline) : worker.beside(kind, amount, deadline));
    if (pick(6) == 0) calls[pick(calls.size())].cancel();
    if (pick(20) == 0) ::sched_yield();
  }
  if (ending != Ending::stop && ending != Ending::kill) {
    auto asked = worker.end(ending);
    if (ending == Ending::leave)
      EXPECT_EQ(asked.result().error().code(), Errc::process_expired);
    else
      EXPECT_TRUE(asked.result());
  }
  if (ending == Ending::kill) worker.kill();
  const Result<void> end =
      ending == Ending::stop || ending == Ending::fail_post ? worker.stop(soon()) : worker.wait_stop(soon());
  receiver.join();

  const bool in_order = ending == Ending::stop || ending == Ending::stop_itself;
  EXPECT_EQ(static_cast<bool>(end), in_order) << (end ? "" : end.error().message());
  for (Future<void>& call : calls) {
    const auto result = call.result(soon());  // it has come to an end by now
    const Outcome outcome = outcome_of(result);
    EXPECT_FALSE(in_order && outcome == Outcome::outcome_unknown) << result.error().message();
    ++totals[std::string{name_of(outcome)}];
  }
  if (in_order) {
    EXPECT_EQ(ledger->alive_at_post, 0);
    EXPECT_EQ(received.end->code(), Errc::stopped);
    EXPECT_EQ(received.posts.size(), static_cast<std::size_t>(posted));
    for (std::size_t i = 0; i < received.posts.size(); ++i) EXPECT_EQ(received.posts[i], static_cast<int>(i));
  }
  if (ending == Ending::fail_post) {
    EXPECT_EQ(ledger->alive_at_post, 0);
    EXPECT_EQ(end.error().remote()->command, "async_post");
  }
  EXPECT_TRUE(ledger->begun == ledger->left || ending == Ending::kill || ending == Ending::leave);
  EXPECT_LE(ledger->posts, 1);
}

using AsyncEnd = tests::ProcessTest;

TEST_F(AsyncEnd, nothing_is_left_and_nothing_is_lost_however_it_comes) {
  const std::uint64_t seed = tests::random_seed();
  const int rounds = tests::random_rounds(60);
  std::cout << "seed " << seed << ", " << rounds << " rounds\n";
  std::map<std::string, int> totals;

  for (int round = 0; round < rounds && !HasFailure(); ++round) {
    SCOPED_TRACE("seed " + std::to_string(seed) + ", round " + std::to_string(round));
    run_round(Random{seed + static_cast<std::uint64_t>(round)}, totals);
  }

  for (const auto& [outcome, count] : totals) std::cout << outcome << ": " << count << '\n';
  for (const char* const outcome : {"value", "failed", "cancelled", "deadline_exceeded", "outcome_unknown"})
    EXPECT_GT(totals[outcome], 0) << outcome;
}

}  // namespace
}  // namespace prong

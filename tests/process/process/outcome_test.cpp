// How calls end, each way once: what the caller is told, and what the backend really did.
#include "prong/process/message_process.hpp"

#include "process_test.hpp"
#include "prong/base/exception.hpp"

#include <sched.h>
#include <sys/mman.h>
#include <unistd.h>

#include <csignal>
#include <latch>
#include <thread>

namespace prong {
namespace {

using namespace std::chrono_literals;

Deadline soon() {
  return Deadline::after(20s);
}

// Counters that both sides see, whatever happens to the backend.
struct Ledger {
  std::atomic<int> ran{0};
  std::atomic<int> ended{0};
  std::atomic<int> released{0};
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

class Worker : public MessageProcess {
 public:
  explicit Worker(ProcessOptions options = {}) : MessageProcess{"worker", options} {
    command<&Worker::c__hold>("hold");
    command<&Worker::c__heed>("heed");
    command<&Worker::c__ask>("ask");
    command<&Worker::c__stop_seen>("stop_seen");
    command<&Worker::c__count>("count", "by"_a = 1);
    command<&Worker::c__give>("give", "size"_a);
    command<&Worker::c__give_deep>("give_deep");
    command<&Worker::c__cancel_unasked>("cancel_unasked");
    command<&Worker::c__refuse>("refuse");
  }

  Future<int> hold(Deadline deadline) { return call<&Worker::c__hold>(deadline); }
  Future<int> heed(Deadline deadline) { return call<&Worker::c__heed>(deadline); }
  Future<bool> ask(Deadline deadline) { return call<&Worker::c__ask>(deadline); }
  Future<bool> stop_seen() { return call<&Worker::c__stop_seen>(Deadline::never()); }
  Future<int> count(Deadline deadline) { return call<&Worker::c__count>(1, deadline); }
  Future<int> count() { return count(soon()); }
  Future<std::string> give(std::size_t size, Deadline deadline) { return call<&Worker::c__give>(size, deadline); }
  Future<void> cancel_unasked() { return call<&Worker::c__cancel_unasked>(); }
  Future<void> refuse() { return call<&Worker::c__refuse>(); }

  /// Waits until the handler of hold() or heed() runs.
  void wait_begun() { EXPECT_EQ(pipe().receive(soon()).value()(), "begun"); }

  SharedLedger ledger;

 private:
  // Runs until it is released, whatever the caller wants.
  int c__hold() {
    send_out({"begun"});
    while (ledger->released == 0) ::sched_yield();
    return ++ledger->ended;
  }
  // Runs until the caller wants no more.
  int c__heed() {
    send_out({"begun"});
    for (;;) {
      throw_if_cancelled();
      ::sched_yield();
    }
  }
  // Waits until cancelled() says so, in a helper thread, and still returns a value.
  bool c__ask() {
    send_out({"begun"});
    bool seen = false;
    std::thread helper{[&seen, token = cancel_token()] {
      while (!token.cancelled()) ::sched_yield();
      seen = true;
    }};
    helper.join();
    ++ledger->ended;
    return seen && cancelled_or_stopping();
  }
  // Runs until it is released; tells whether a stop was asked for by then.
  bool c__stop_seen() {
    send_out({"begun"});
    while (ledger->released == 0) ::sched_yield();
    return stop_requested();
  }
  int c__count(int by) { return ledger->ran += by; }
  std::string c__give(std::size_t size) {
    ++ledger->ran;
    return std::string(size, 'x');
  }
  Value c__give_deep() {
    Value value;
    for (int level = 0; level < 100; ++level) value = Value{Value::List{value}};
    return value;
  }
  void c__cancel_unasked() { throw Cancelled{Error{Errc::cancelled, "for no reason"}}; }
  void c__refuse() { throw std::logic_error{"no"}; }
};

using Outcome_ = tests::ProcessTest;

TEST_F(Outcome_, death_tells_each_call_whether_it_had_begun_and_both_are_process_expired) {
  Worker worker;
  worker.start();
  auto running = worker.hold(Deadline::never());
  std::vector<Future<int>> queued;
  for (int i = 0; i < 20; ++i) queued.push_back(worker.count());
  worker.wait_begun();

  worker.kill();

  try {
    running.get();
    FAIL() << "nothing was thrown";
  } catch (const ProcessExpired& expired) {
    EXPECT_EQ(expired.code(), Errc::process_expired);
    EXPECT_EQ(expired.signal(), SIGKILL);
    EXPECT_EQ(expired.outcome(), Outcome::outcome_unknown);
    EXPECT_TRUE(expired.may_have_run());
  }
  for (Future<int>& call : queued) {
    const Error error = call.result().error();
    EXPECT_EQ(error.code(), Errc::process_expired);
    EXPECT_EQ(error.death()->signal, SIGKILL);
    EXPECT_EQ(error.outcome(), Outcome::not_delivered);
    EXPECT_FALSE(error.may_have_run());
  }
  EXPECT_EQ(worker.ledger->ran, 0);
  const Error later = worker.count().result().error();
  EXPECT_EQ(later.code(), Errc::process_expired);
  EXPECT_EQ(later.outcome(), Outcome::not_delivered);
}

TEST_F(Outcome_, call_that_comes_after_a_stop_is_not_delivered) {
  Worker worker;
  worker.start();
  worker.count().get();
  ASSERT_TRUE(worker.stop(soon()));

  const Error error = worker.count().result().error();

  EXPECT_EQ(error.code(), Errc::stopped);
  EXPECT_EQ(error.outcome(), Outcome::not_delivered);
  EXPECT_EQ(worker.ledger->ran, 1);
}

TEST_F(Outcome_, call_that_was_waited_for_before_the_start_never_runs) {
  Worker worker;
  auto early = worker.count();
  auto patient = worker.count();

  const Error error = early.result().error();
  worker.start();

  EXPECT_EQ(error.code(), Errc::not_started);
  EXPECT_EQ(error.outcome(), Outcome::not_delivered);
  EXPECT_EQ(patient.get(), 1);
  EXPECT_EQ(worker.ledger->ran, 1);
}

TEST_F(Outcome_, error_that_the_backend_answers_with_is_failed_and_tells_whether_the_handler_ran) {
  Worker worker;
  worker.start();

  const Error thrown = worker.refuse().result().error();
  const Error unknown = worker.request({"nothing"}).result().error();
  const Error unknown_argument = worker.request({"count", {{"to", 3}}}).result().error();
  const Error ill_typed = worker.request({"count", {{"by", "much"}}}).result().error();
  const Error too_deep = worker.request({"give_deep"}).result().error();

  EXPECT_EQ(thrown.outcome(), Outcome::failed);
  EXPECT_TRUE(thrown.may_have_run());
  for (const Error& error : {unknown, unknown_argument, ill_typed}) {
    EXPECT_EQ(error.outcome(), Outcome::failed) << to_string(error);
    EXPECT_FALSE(error.may_have_run()) << to_string(error);
  }
  EXPECT_EQ(too_deep.outcome(), Outcome::failed);
  EXPECT_TRUE(too_deep.may_have_run());
  EXPECT_EQ(worker.count().get(), 1);
}

TEST_F(Outcome_, value_above_the_limit_is_an_error_of_a_call_that_ran) {
  Worker worker{{.max_message_bytes = 100'000}};
  worker.start();

  const Error error = worker.give(200'000, soon()).result().error();

  EXPECT_EQ(error.code(), Errc::too_large);
  EXPECT_EQ(error.outcome(), Outcome::failed);
  EXPECT_TRUE(error.may_have_run());
}

TEST_F(Outcome_, queued_call_whose_deadline_passes_never_runs) {
  Worker worker;
  worker.start();
  auto running = worker.hold(soon());
  worker.wait_begun();

  const Error error = worker.count(Deadline::after(5ms)).result().error();
  worker.ledger->released = 1;

  EXPECT_EQ(error.outcome(), Outcome::deadline_exceeded);
  EXPECT_FALSE(error.may_have_run());
  EXPECT_EQ(running.get(), 1);
  EXPECT_EQ(worker.count().get(), 1);
  EXPECT_EQ(worker.statistics().calls_pending, 0U);
}

TEST_F(Outcome_, running_call_ends_at_its_deadline_and_its_late_value_is_dropped) {
  Worker worker;
  worker.start();
  for (int round = 1; round <= 2; ++round) {
    worker.ledger->released = 0;
    auto running = worker.hold(Deadline::after(500ms));
    worker.wait_begun();

    const Error error = running.result().error();
    EXPECT_EQ(error.outcome(), Outcome::deadline_exceeded);
    EXPECT_TRUE(error.may_have_run());
    EXPECT_EQ(worker.statistics().calls_pending, 0U);
    worker.ledger->released = 1;

    EXPECT_EQ(worker.count().get(), round);
    EXPECT_EQ(worker.ledger->ended, round);
  }
  EXPECT_TRUE(worker.stop(soon()));
}

TEST_F(Outcome_, value_that_found_no_room_until_its_deadline_leaves_no_call_behind) {
  Worker worker{{.queue_bytes = 4096}};
  worker.start();
  std::vector<Future<std::string>> unread;
  for (int i = 0; i < 60; ++i) unread.push_back(worker.give(900, Deadline::after(300ms)));

  // Nobody reads until all deadlines have passed: values fill the ring, and most calls never begin.
  while (!unread.back().ready()) ::sched_yield();
  for (auto& call : unread) {
    EXPECT_TRUE(call.ready());
    const auto result = call.result();
    EXPECT_TRUE(result || result.error().code() == Errc::deadline_exceeded);
  }

  EXPECT_EQ(worker.statistics().calls_pending, 0U);
  EXPECT_GE(worker.count().get(), 1);
  EXPECT_TRUE(worker.stop(soon()));
}

TEST_F(Outcome_, future_that_nobody_waits_for_expires_when_it_is_asked) {
  Worker worker;
  worker.start();
  auto running = worker.hold(Deadline::after(10ms));

  while (!running.ready()) ::sched_yield();

  EXPECT_EQ(running.result().error().code(), Errc::deadline_exceeded);
  EXPECT_EQ(worker.statistics().calls_pending, 0U);
  worker.kill();
}

TEST_F(Outcome_, any_waiting_thread_ends_the_calls_of_others_at_their_deadlines) {
  Worker worker;
  worker.start();
  auto running = worker.hold(Deadline::never());
  worker.wait_begun();
  std::latch expired{2};
  std::thread reader{[&] { EXPECT_EQ(worker.pipe().receive(soon()).error().code(), Errc::process_expired); }};

  for (const auto time : {30ms, 10ms})
    worker.count(Deadline::after(time)).then([&](const Result<int>& result) {
      EXPECT_EQ(result.error().code(), Errc::deadline_exceeded);
      EXPECT_FALSE(result.error().may_have_run());
      expired.count_down();
    });

  expired.wait();
  worker.kill();
  reader.join();
}

TEST_F(Outcome_, cancelled_in_the_queue_it_never_runs_and_ends_at_once) {
  Worker worker;
  worker.start();
  auto running = worker.hold(soon());
  worker.wait_begun();
  auto queued = worker.count();
  auto later = worker.count();

  EXPECT_TRUE(queued.cancel());
  EXPECT_TRUE(queued.ready());
  EXPECT_FALSE(queued.cancel());

  try {
    queued.get();
    FAIL() << "nothing was thrown";
  } catch (const Cancelled& cancelled) {
    EXPECT_EQ(cancelled.outcome(), Outcome::cancelled);
    EXPECT_FALSE(cancelled.may_have_run());
  }
  worker.ledger->released = 1;
  EXPECT_EQ(later.get(), 1);
  EXPECT_EQ(worker.ledger->ran, 1);
  EXPECT_EQ(running.get(), 1);
}

TEST_F(Outcome_, cancelled_before_the_start_or_while_the_backend_is_stopped_it_never_runs) {
  Worker worker;
  auto early = worker.count();
  EXPECT_TRUE(early.cancel());
  worker.start();
  EXPECT_EQ(worker.count().get(), 1);
  ASSERT_EQ(::kill(worker.pid(), SIGSTOP), 0);

  auto frozen = worker.count();
  // A signal is on its way for a moment: usually the call finds the backend stopped, and cancel() says so.
  const bool ended = frozen.cancel();
  ASSERT_EQ(::kill(worker.pid(), SIGCONT), 0);

  EXPECT_EQ(outcome_of(frozen.result()), ended ? Outcome::cancelled : Outcome::value);
  EXPECT_EQ(early.result().error().code(), Errc::cancelled);
  EXPECT_EQ(worker.count().get(), ended ? 2 : 3);
}

TEST_F(Outcome_, running_handler_that_heeds_a_cancel_ends_its_call_with_cancelled) {
  Worker worker;
  worker.start();
  auto running = worker.heed(Deadline::never());
  worker.wait_begun();

  EXPECT_FALSE(running.cancel());

  const Error error = running.result().error();
  EXPECT_EQ(error.outcome(), Outcome::cancelled);
  EXPECT_TRUE(error.may_have_run());
  EXPECT_EQ(worker.count().get(), 1);
}

TEST_F(Outcome_, running_handler_that_finishes_all_the_same_gives_its_value) {
  Worker worker;
  worker.start();
  auto running = worker.ask(Deadline::never());
  worker.wait_begun();

  EXPECT_FALSE(running.cancel());

  EXPECT_TRUE(running.get());
}

TEST_F(Outcome_, running_handler_sees_that_its_deadline_has_passed) {
  Worker worker;
  worker.start();
  auto running = worker.ask(Deadline::after(500ms));
  worker.wait_begun();

  // It returns at once then: its value comes just before or just after the caller looks at the clock.
  const auto result = running.result();

  EXPECT_TRUE(result ? *result : result.error().outcome() == Outcome::deadline_exceeded);
  EXPECT_EQ(worker.count().get(), 1);
  EXPECT_EQ(worker.ledger->ended, 1);
}

TEST_F(Outcome_, handler_that_throws_cancelled_unasked_has_failed) {
  Worker worker;
  worker.start();

  const Error error = worker.cancel_unasked().result().error();

  EXPECT_EQ(error.code(), Errc::handler_failed);
  EXPECT_EQ(error.outcome(), Outcome::failed);
}

TEST_F(Outcome_, cancel_from_another_thread_wakes_whoever_waits_as_reader_or_beside_it) {
  Worker worker;
  worker.start();
  auto running = worker.hold(Deadline::never());
  worker.wait_begun();
  std::stop_source source;
  std::latch waiting{4};
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i)
    threads.emplace_back([&] {
      auto queued = worker.count(Deadline::never());
      queued.cancel_on(source.get_token());
      waiting.count_down();
      const Error error = queued.result().error();
      EXPECT_EQ(error.outcome(), Outcome::cancelled);
      EXPECT_FALSE(error.may_have_run());
    });
  waiting.wait();

  source.request_stop();

  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(worker.ledger->ran, 0);
  worker.ledger->released = 1;
  EXPECT_EQ(running.get(), 1);
}

TEST_F(Outcome_, handler_sees_a_stop_that_was_asked_for_but_takes_no_ping_for_one) {
  Worker worker;
  worker.start();
  auto pinged = worker.stop_seen();
  worker.wait_begun();
  ASSERT_TRUE(worker.ask_alive());
  worker.ledger->released = 1;
  EXPECT_FALSE(pinged.get());

  worker.ledger->released = 0;
  auto stopped = worker.stop_seen();
  worker.wait_begun();
  worker.request_stop();
  worker.ledger->released = 1;
  EXPECT_TRUE(stopped.get());
}

TEST_F(Outcome_, call_on_a_full_queue_is_overloaded_and_never_runs) {
  Worker worker{{.queue_bytes = 4096}};
  std::vector<Future<int>> taken;
  for (;;) {
    auto call = worker.count();
    if (call.ready()) {
      const Error error = call.result().error();
      EXPECT_EQ(error.outcome(), Outcome::overloaded);
      EXPECT_FALSE(error.may_have_run());
      break;
    }
    taken.push_back(std::move(call));
  }

  worker.start();

  for (Future<int>& call : taken) EXPECT_TRUE(call.result());
  EXPECT_EQ(worker.ledger->ran, static_cast<int>(taken.size()));
}

TEST_F(Outcome_, more_calls_than_there_are_slots_are_refused_or_wait_as_the_policy_says) {
  // Replies that nobody reads hold their slots: 128 of them with a queue of a page.
  for (const QueuePolicy policy : {QueuePolicy::reject, QueuePolicy::block}) {
    Worker worker{{.queue_bytes = 4096, .when_full = policy}};
    worker.start();
    std::vector<Future<int>> calls;
    while (calls.size() < 1'000) {
      calls.push_back(worker.count());
      if (policy == QueuePolicy::reject && calls.back().ready()) break;
    }

    int refused = 0;
    int values = 0;
    for (Future<int>& call : calls) {
      const auto result = call.result();
      values += result ? 1 : 0;
      refused += outcome_of(result) == Outcome::overloaded ? 1 : 0;
    }

    EXPECT_EQ(refused, policy == QueuePolicy::reject ? 1 : 0);
    EXPECT_EQ(values + refused, static_cast<int>(calls.size()));
    EXPECT_EQ(worker.ledger->ran, values);
    EXPECT_EQ(worker.statistics().calls_pending, 0U);
  }
}

}  // namespace
}  // namespace prong

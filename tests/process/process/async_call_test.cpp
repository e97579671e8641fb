#include "prong/process/async_call.hpp"

#include "async_test_process.hpp"
#include "process_test.hpp"
#include "test_process.hpp"

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/bind_executor.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/experimental/awaitable_operators.hpp>
#include <boost/asio/strand.hpp>
#include <boost/asio/thread_pool.hpp>
#include <boost/asio/use_future.hpp>

#include <algorithm>
#include <csignal>
#include <future>
#include <thread>

namespace prong {
namespace {

using boost::asio::io_context;
using boost::asio::use_awaitable;
using tests::awaitable;
using tests::sleep_for;
using tests::TestProcess;
using namespace boost::asio::experimental::awaitable_operators;
using namespace std::chrono_literals;

Deadline soon() {
  return Deadline::after(20s);
}

class Caller : public MessageProcess {
 public:
  Caller() : MessageProcess{"caller"} {
    command<&Caller::c__add>("add", "a"_a, "b"_a = 10);
    command<&Caller::c__nothing>("nothing");
  }
  int c__add(int a, int b) { return a + b; }
  void c__nothing() {}
};

using AsyncCall = tests::ProcessTest;

// Runs `body` to its end and until there is nothing else to do.
template <class Body>
void run(io_context& context, Body body) {
  boost::asio::co_spawn(context, std::move(body), [](std::exception_ptr thrown) {
    if (thrown) std::rethrow_exception(thrown);
  });
  context.restart();
  context.run();
}

template <class T>
awaitable<Errc> code_of(awaitable<T> wait) {
  try {
    co_await std::move(wait);
  } catch (const Exception& exception) {
    co_return exception.code();
  }
  co_return Errc{};
}

TEST_F(AsyncCall, member_template_takes_arguments_defaults_a_deadline_and_a_token) {
  io_context context;
  Caller caller;
  caller.start();
  IoContextReader reader{context};
  reader.attach(caller);
  int done = 0;

  run(context, [&]() -> awaitable<void> {
    EXPECT_EQ(co_await caller.async_call<&Caller::c__add>(1, 2, use_awaitable), 3);
    EXPECT_EQ(co_await caller.async_call<&Caller::c__add>(1, use_awaitable), 11);
    EXPECT_EQ(co_await caller.async_call<&Caller::c__add>(1, 2, soon(), use_awaitable), 3);
    co_await caller.async_call<&Caller::c__nothing>(use_awaitable);
    ++done;
  });
  std::future<int> future = caller.async_call<&Caller::c__add>(4, 5, boost::asio::use_future);
  caller.async_call<&Caller::c__add>(6, 7, boost::asio::bind_executor(context, [&](std::exception_ptr thrown, int sum) {
                                       EXPECT_FALSE(thrown);
                                       EXPECT_EQ(sum, 13);
                                       ++done;
                                     }));
  context.restart();
  context.run();

  EXPECT_EQ(done, 2);
  EXPECT_EQ(future.get(), 9);
}

TEST_F(AsyncCall, futures_give_values_exceptions_and_results) {
  TestProcess process;
  io_context context;
  process.start();
  IoContextReader reader{context};
  reader.attach(process);

  run(context, [&]() -> awaitable<void> {
    EXPECT_EQ(co_await async_get(process.add(2, 3)), 5);
    co_await async_get(process.note("x"));
    try {
      co_await async_get(process.fail("not like this"));
      ADD_FAILURE() << "nothing was thrown";
    } catch (const std::invalid_argument& exception) {
      EXPECT_STREQ(exception.what(), "not like this");
      EXPECT_EQ(origin_of(exception)->command, "fail");
    }
    const Result<int> sum = co_await async_result(process.add(4));
    EXPECT_EQ(sum.value(), 14);
    const Result<void> failed = co_await async_result(process.fail("again"));
    EXPECT_EQ(failed.error().code(), Errc::handler_failed);
    auto request = process.request({"add", {{"a", 1}}});  // not in the co_await: docs/traps/braces_in_co_await.md
    const Value value = co_await async_get(std::move(request));
    EXPECT_EQ(value.as<int>(), 11);
    Promise<std::string> promise;
    auto kept = promise.future();
    promise.set_value("kept");
    EXPECT_EQ(co_await async_get(std::move(kept)), "kept");
  });
}

TEST_F(AsyncCall, many_at_once_come_back_each_with_its_own) {
  TestProcess process;
  io_context context;
  process.start();
  IoContextReader reader{context};
  reader.attach(process);
  int done = 0;
  for (int i = 0; i < 500; ++i)
    boost::asio::co_spawn(
        context,
        [&, i]() -> awaitable<void> {
          for (int j = 0; j < 5; ++j) EXPECT_EQ(co_await async_get(process.add_until(i, j, soon())), i + j);
          ++done;
        },
        boost::asio::detached);

  context.run();

  EXPECT_EQ(done, 500);
}

TEST_F(AsyncCall, reading_does_not_keep_the_io_context_running_and_it_can_run_again) {
  TestProcess process;
  io_context context;
  process.start();
  IoContextReader reader{context};
  reader.attach(process);

  for (int round = 0; round < 3; ++round) {
    int sum = 0;
    run(context, [&]() -> awaitable<void> { sum = co_await async_get(process.add(round, 1)); });
    EXPECT_EQ(sum, round + 1);
    // Between two runs this thread may wait by itself.
    EXPECT_EQ(process.add(round, 2).get(), round + 2);
  }
  EXPECT_TRUE(process.stop(soon()));
}

TEST_F(AsyncCall, waits_in_a_handler_of_the_io_context_do_not_put_the_reader_to_sleep) {
  TestProcess process;
  io_context context;
  process.start();
  IoContextReader reader{context};
  reader.attach(process);

  run(context, [&]() -> awaitable<void> {
    for (int i = 0; i < 200; ++i) {
      auto later = process.add(i, 1);
      EXPECT_EQ(process.add(i, 2).get(), i + 2);  // in the loop's thread, which drives the link itself
      EXPECT_EQ(co_await async_get(std::move(later)), i + 1);
    }
  });
}

TEST_F(AsyncCall, call_ends_at_its_own_deadline) {
  TestProcess process;
  io_context context;
  process.start();
  IoContextReader reader{context};
  reader.attach(process);

  run(context, [&]() -> awaitable<void> {
    EXPECT_EQ(co_await code_of(async_get(process.hang(Deadline::after(20ms)))), Errc::deadline_exceeded);
  });
  process.kill();
}

TEST_F(AsyncCall, death_ends_what_is_awaited) {
  TestProcess process;
  io_context context;
  process.start();
  IoContextReader reader{context};
  reader.attach(process);
  std::vector<Errc> ends;
  const auto note = [&](awaitable<void> wait) -> awaitable<void> { ends.push_back(co_await code_of(std::move(wait))); };
  for (int i = 0; i < 5; ++i)
    boost::asio::co_spawn(context, note(async_get(process.hang(Deadline::never()))), boost::asio::detached);
  boost::asio::co_spawn(context, note(async_wait_stop(process, Deadline::never())), boost::asio::detached);

  run(context, [&]() -> awaitable<void> {
    co_await sleep_for(1ms);
    process.kill();
    EXPECT_EQ(co_await code_of(async_receive(process.pipe(), soon())), Errc::process_expired);
  });

  EXPECT_EQ(ends, std::vector<Errc>(6, Errc::process_expired));
}

TEST_F(AsyncCall, cancelling_ends_the_wait_and_later_outcomes_harm_nobody) {
  TestProcess process;
  io_context context;
  process.start();
  IoContextReader reader{context};
  reader.attach(process);

  run(context, [&]() -> awaitable<void> {
    for (int i = 0; i < 50; ++i) {
      auto first = co_await (async_get(process.add_until(i, 1, soon())) || sleep_for(std::chrono::microseconds{i}));
      EXPECT_TRUE(first.index() == 1 || std::get<0>(first) == i + 1);
    }
    boost::asio::cancellation_signal signal;
    std::exception_ptr end;
    async_get(process.hang(soon()), boost::asio::bind_cancellation_slot(
                                        signal.slot(), boost::asio::bind_executor(
                                                           context, [&](std::exception_ptr thrown) { end = thrown; })));
    signal.emit(boost::asio::cancellation_type::total);
    while (!end) co_await sleep_for(100us);
    EXPECT_THROW(std::rethrow_exception(end), Exception);
    signal.emit(boost::asio::cancellation_type::terminal);
  });
  process.kill();
}

TEST_F(AsyncCall, handler_runs_in_its_executor_never_inside_the_call) {
  boost::asio::thread_pool pool{2};
  const auto strand = boost::asio::make_strand(pool);
  std::promise<bool> in_strand;
  bool begun = false;
  Promise<int> kept;
  auto ready = kept.future();
  kept.set_value(7);

  async_get(std::move(ready), boost::asio::bind_executor(strand, [&](std::exception_ptr, int value) {
              EXPECT_EQ(value, 7);
              in_strand.set_value(strand.running_in_this_thread());
            }));
  begun = true;

  EXPECT_TRUE(in_strand.get_future().get());
  EXPECT_TRUE(begun);
  // A handler without an executor has no other place than this.
  bool called = false;
  Promise<int> other;
  auto future = other.future();
  async_get(std::move(future), [&](std::exception_ptr, int value) { called = value == 8; });
  EXPECT_FALSE(called);
  other.set_value(8);
  EXPECT_TRUE(called);
  pool.join();
}

TEST_F(AsyncCall, process_that_nobody_reads_for_is_an_error_at_once) {
  TestProcess process;
  io_context context;
  process.start();

  run(context, [&]() -> awaitable<void> {
    EXPECT_EQ(co_await code_of(async_get(process.hang(Deadline::never()))), Errc::invalid_state);
    EXPECT_EQ(co_await code_of(async_receive(process.pipe(), Deadline::never())), Errc::invalid_state);
    EXPECT_EQ(co_await code_of(async_wait_ready(process, Deadline::never())), Errc::invalid_state);
    EXPECT_EQ(co_await code_of(async_wait_stop(process, Deadline::never())), Errc::invalid_state);
  });
  process.kill();
}

TEST_F(AsyncCall, messages_are_received_in_order_by_one_or_by_several) {
  TestProcess process;
  io_context context;
  process.start();
  IoContextReader reader{context};
  reader.attach(process);
  std::vector<int> numbers;
  const auto receive_some = [&](int count) -> awaitable<void> {
    for (int i = 0; i < count; ++i)
      numbers.push_back((co_await async_receive(process.pipe(), soon()))["number"].as<int>());
  };

  run(context, [&]() -> awaitable<void> {
    process.send_message_to_back({"say", {{"text", "x"}, {"times", 300}}});
    co_await receive_some(300);
  });
  for (int i = 0; i < 300; ++i) EXPECT_EQ(numbers[static_cast<std::size_t>(i)], i);

  numbers.clear();
  run(context, [&]() -> awaitable<void> {
    process.send_message_to_back({"say", {{"text", "x"}, {"times", 300}}});
    co_await (receive_some(100) && receive_some(100) && receive_some(100));
  });
  std::sort(numbers.begin(), numbers.end());
  for (int i = 0; i < 300; ++i) EXPECT_EQ(numbers[static_cast<std::size_t>(i)], i);
}

TEST_F(AsyncCall, cancelling_a_wait_cancels_the_call) {
  io_context context;
  tests::AsyncTestProcess process;
  process.start();
  IoContextReader reader{context};
  reader.attach(process);

  run(context, [&]() -> awaitable<void> {
    auto behind = process.note_after("behind", 1);  // is sent first, and begins
    const auto first = co_await (async_get(process.wait_in_order(Deadline::never())) || async_get(std::move(behind)));
    EXPECT_EQ(first.index(), 1U);
    // It would not end by itself, and the next would wait for it.
    EXPECT_EQ(co_await async_get(process.add(1, 1)), 2);
    co_await async_get(process.note("done"));
  });

  const auto notes = process.notes().get();
  EXPECT_EQ(notes.back(), "done");
  EXPECT_EQ(std::count(notes.begin(), notes.end(), "wait_in_order begins"),
            std::count(notes.begin(), notes.end(), "wait_in_order left"));
}

TEST_F(AsyncCall, receive_has_a_deadline_and_loses_no_message_by_being_cancelled) {
  TestProcess process;
  io_context context;
  process.start();
  IoContextReader reader{context};
  reader.attach(process);
  int received = 0;

  run(context, [&]() -> awaitable<void> {
    EXPECT_EQ(co_await code_of(async_receive(process.pipe(), Deadline::after(5ms))), Errc::deadline_exceeded);
    EXPECT_EQ(co_await code_of(async_return_from_back(process, Deadline::after(1ms))), Errc::deadline_exceeded);
    process.send_message_to_back({"say", {{"text", "x"}, {"times", 100}}});
    while (received < 100) {
      auto got = co_await (async_receive(process.pipe(), soon()) || sleep_for(20us));
      if (got.index() == 1) continue;
      EXPECT_EQ(std::get<0>(got)["number"].as<int>(), received++);
    }
    process.send_message_to_back({"return", {{"text", "back"}}});
    const MessageObject back = co_await async_return_from_back(process, soon());
    EXPECT_EQ(back["text"].as<std::string>(), "back");
  });
}

TEST_F(AsyncCall, ready_and_stop_are_awaited) {
  TestProcess process;
  io_context context;
  IoContextReader reader{context};

  run(context, [&]() -> awaitable<void> {
    EXPECT_EQ(co_await code_of(async_wait_ready(process, soon())), Errc::not_started);
    process.start();
    reader.attach(process);
    co_await async_wait_ready(process, soon());
    EXPECT_EQ(co_await code_of(async_wait_stop(process, Deadline::after(1ms))), Errc::deadline_exceeded);
    process.request_stop();
    co_await async_wait_stop(process, soon());
    co_await async_wait_stop(process, soon());
    EXPECT_EQ(co_await code_of(async_get(process.add(1, 1))), Errc::stopped);
  });
}

TEST_F(AsyncCall, io_context_that_is_destroyed_takes_the_coroutines_that_wait_with_it) {
  TestProcess process;
  process.start();
  int destroyed = 0;
  {
    io_context gone;
    IoContextReader reader{gone};
    reader.attach(process);
    const auto wait = [&](awaitable<void> forever) -> awaitable<void> {
      const std::shared_ptr<void> leaving{nullptr, [&](void*) { ++destroyed; }};
      co_await std::move(forever);
    };
    boost::asio::co_spawn(gone, wait(async_get(process.hang(Deadline::never()))), boost::asio::detached);
    boost::asio::co_spawn(gone, wait(async_wait_stop(process, soon())), boost::asio::detached);
    gone.poll();
    EXPECT_EQ(destroyed, 0);
  }
  EXPECT_EQ(destroyed, 2);

  process.kill();
  EXPECT_EQ(process.wait_stop(soon()).error().code(), Errc::process_expired);
}

TEST_F(AsyncCall, process_that_is_destroyed_ends_the_waits_for_it) {
  io_context context;
  auto other = std::make_unique<TestProcess>("other");
  other->start();
  IoContextReader reader{context};
  reader.attach(*other);
  std::vector<Errc> ends;
  const auto note = [&](awaitable<void> wait) -> awaitable<void> { ends.push_back(co_await code_of(std::move(wait))); };
  boost::asio::co_spawn(context, note(async_wait_stop(*other, Deadline::never())), boost::asio::detached);
  boost::asio::co_spawn(
      context,
      [&]() -> awaitable<void> { ends.push_back(co_await code_of(async_receive(other->pipe(), Deadline::never()))); },
      boost::asio::detached);

  run(context, [&]() -> awaitable<void> {
    co_await sleep_for(1ms);
    reader.detach(*other);
    other.reset();
  });

  ASSERT_EQ(ends.size(), 2U);
  EXPECT_TRUE(std::find(ends.begin(), ends.end(), Errc::stopped) != ends.end());
}

TEST_F(AsyncCall, other_threads_wait_beside_the_io_context_that_reads) {
  TestProcess process;
  io_context context;
  process.start();
  auto work = boost::asio::make_work_guard(context);
  std::promise<void> attached;
  std::thread runner{[&] {
    IoContextReader reader{context};
    reader.attach(process);
    boost::asio::post(context, [&] { attached.set_value(); });
    context.run();
  }};
  attached.get_future().get();
  std::vector<std::thread> threads;
  for (int thread = 0; thread < 3; ++thread)
    threads.emplace_back([&, thread] {
      for (int i = 0; i < 200; ++i) EXPECT_EQ(process.add_until(thread, i, soon()).get(), thread + i);
    });
  for (int i = 0; i < 200; ++i)
    EXPECT_EQ(boost::asio::co_spawn(
                  context, [&]() -> awaitable<int> { return async_get(process.add_until(i, 1, soon())); },
                  boost::asio::use_future)
                  .get(),
              i + 1);
  for (std::thread& thread : threads) thread.join();

  work.reset();
  runner.join();
  EXPECT_TRUE(process.stop(soon()));
}

TEST_F(AsyncCall, process_is_attached_once) {
  TestProcess process;
  io_context context;
  process.start();
  IoContextReader reader{context};
  IoContextReader second{context};
  reader.attach(process);
  second.attach(process);

  EXPECT_THROW(context.run(), Exception);
}

}  // namespace
}  // namespace prong

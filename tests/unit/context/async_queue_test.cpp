#include "prong/context/async_queue.hpp"

#include "random_rounds.hpp"
#include "run_coroutine.hpp"

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/detached.hpp>

#include <gtest/gtest.h>

#include <iostream>
#include <map>
#include <random>

namespace prong {
namespace {

using boost::asio::co_spawn;
using boost::asio::detached;
using tests::awaitable;
using tests::run_coroutine;
using tests::sleep_for;
using tests::yield;
using namespace std::chrono_literals;
using Ints = std::vector<int>;

awaitable<Errc> code_of(awaitable<void> operation) {
  try {
    co_await std::move(operation);
  } catch (const Exception& exception) {
    co_return exception.code();
  } catch (const boost::system::system_error& error) {
    co_return error.code() == boost::asio::error::operation_aborted ? Errc::cancelled : Errc::system;
  }
  co_return Errc{};
}

TEST(AsyncQueue, gives_items_in_their_order_and_knows_its_bound) {
  boost::asio::io_context context;
  run_coroutine(context, []() -> awaitable<void> {
    AsyncQueue<int> queue{3};
    for (int item = 0; item < 3; ++item) EXPECT_TRUE(queue.try_put(item));
    int fourth = 3;
    EXPECT_FALSE(queue.try_put(fourth));
    EXPECT_TRUE(queue.full());
    EXPECT_EQ(queue.size(), 3U);

    for (int item = 0; item < 3; ++item) EXPECT_EQ(co_await queue.take(Deadline::now()), item);

    EXPECT_FALSE(queue.try_take());
  }());
}

TEST(AsyncQueue, those_who_wait_for_room_are_served_in_their_order_and_not_overtaken) {
  boost::asio::io_context context;
  run_coroutine(context, []() -> awaitable<void> {
    AsyncQueue<int> queue{1};
    const auto executor = co_await boost::asio::this_coro::executor;
    for (int item = 0; item < 5; ++item) co_spawn(executor, queue.put(item, Deadline::never()), detached);
    co_await yield(3);
    int hasty = 99;
    EXPECT_FALSE(queue.try_put(hasty));

    Ints taken;
    for (int i = 0; i < 5; ++i) {
      taken.push_back((co_await queue.take(Deadline::now())).value());
      EXPECT_EQ(queue.try_put(hasty), i == 4);
    }

    EXPECT_EQ(taken, (Ints{0, 1, 2, 3, 4}));
  }());
}

TEST(AsyncQueue, those_who_wait_for_items_get_one_each) {
  boost::asio::io_context context;
  run_coroutine(context, []() -> awaitable<void> {
    AsyncQueue<int> queue{5};
    const auto executor = co_await boost::asio::this_coro::executor;
    Ints taken;
    for (int i = 0; i < 5; ++i)
      co_spawn(
          executor, [&]() -> awaitable<void> { taken.push_back((co_await queue.take(Deadline::never())).value()); },
          detached);
    co_await yield(3);

    for (int item = 0; item < 5; ++item) EXPECT_TRUE(queue.try_put(item));
    co_await yield(5);

    EXPECT_EQ(taken, (Ints{0, 1, 2, 3, 4}));
  }());
}

TEST(AsyncQueue, deadline_ends_a_wait_and_nothing_is_put_or_lost) {
  boost::asio::io_context context;
  run_coroutine(context, []() -> awaitable<void> {
    AsyncQueue<int> queue{1};
    EXPECT_EQ(co_await code_of([&]() -> awaitable<void> { co_await queue.take(Deadline::after(1ms)); }()),
              Errc::deadline_exceeded);
    co_await queue.put(1, Deadline::now());
    EXPECT_EQ(co_await code_of(queue.put(2, Deadline::after(1ms))), Errc::deadline_exceeded);
    EXPECT_EQ(co_await code_of(queue.put(3, Deadline::now())), Errc::deadline_exceeded);

    EXPECT_EQ(co_await queue.take(Deadline::now()), 1);
    EXPECT_FALSE(queue.try_take());
  }());
}

TEST(AsyncQueue, close_refuses_those_who_wait_for_room_and_what_is_inside_can_be_taken) {
  boost::asio::io_context context;
  run_coroutine(context, []() -> awaitable<void> {
    AsyncQueue<int> queue{1};
    const auto executor = co_await boost::asio::this_coro::executor;
    co_await queue.put(1, Deadline::now());
    Errc refused{};
    co_spawn(
        executor, [&]() -> awaitable<void> { refused = co_await code_of(queue.put(2, Deadline::never())); }, detached);
    co_await yield(3);

    queue.close();
    co_await yield(3);

    EXPECT_EQ(refused, Errc::closed);
    EXPECT_EQ(co_await code_of(queue.put(3, Deadline::never())), Errc::closed);
    EXPECT_EQ(co_await queue.take(Deadline::never()), 1);
    EXPECT_EQ(co_await queue.take(Deadline::never()), std::nullopt);
  }());
}

TEST(AsyncQueue, close_wakes_who_waits_for_items) {
  boost::asio::io_context context;
  run_coroutine(context, []() -> awaitable<void> {
    AsyncQueue<int> queue{1};
    const auto executor = co_await boost::asio::this_coro::executor;
    int ended = 0;
    for (int i = 0; i < 3; ++i)
      co_spawn(
          executor,
          [&]() -> awaitable<void> {
            EXPECT_EQ(co_await queue.take(Deadline::never()), std::nullopt);
            ++ended;
          },
          detached);
    co_await yield(3);

    queue.close();
    co_await yield(5);

    EXPECT_EQ(ended, 3);
  }());
}

TEST(AsyncQueue, those_who_wait_may_outlive_it_and_its_context) {
  boost::asio::io_context context;
  auto queue = std::make_unique<AsyncQueue<std::string>>(1);
  co_spawn(
      context, [&]() -> awaitable<void> { co_await queue->take(Deadline::never()); }, detached);
  context.poll();
  std::string item(100, 'x');
  EXPECT_TRUE(queue->try_put(item));
  co_spawn(context, queue->put(std::string(100, 'y'), Deadline::never()), detached);
  co_spawn(context, queue->put(std::string(100, 'z'), Deadline::never()), detached);

  queue.reset();
}  // nothing may leak or crash; the address sanitizer looks

// Producers put numbers in, consumers take them out; both are cancelled, and give up at deadlines, all the time.
TEST(AsyncQueue, every_item_that_was_put_is_taken_once_in_its_producers_order_whoever_gives_up) {
  const std::uint64_t seed = tests::random_seed();
  const int rounds = tests::random_rounds(50);
  std::cout << "seed " << seed << ", " << rounds << " rounds\n";
  for (int round = 0; round < rounds && !testing::Test::HasFailure(); ++round) {
    SCOPED_TRACE("seed " + std::to_string(seed) + ", round " + std::to_string(round));
    std::mt19937_64 random{seed + static_cast<std::uint64_t>(round)};
    const auto pick = [&](std::uint64_t bound) { return random() % bound; };
    boost::asio::io_context context;
    AsyncQueue<std::pair<int, int>> queue{1 + pick(4)};
    std::map<int, Ints> put;
    std::map<int, Ints> taken;
    int producing = 4;
    const auto deadline = [&] {
      return pick(3) == 0 ? Deadline::after(std::chrono::microseconds{pick(200)}) : Deadline::never();
    };

    // Each operation is a coroutine of its own, which may be cancelled at any moment.
    const auto some = [&](awaitable<void> operation) -> awaitable<void> {
      const auto cancel = std::make_shared<boost::asio::cancellation_signal>();
      const auto over = std::make_shared<bool>(false);
      co_spawn(
          context, std::move(operation),
          boost::asio::bind_cancellation_slot(cancel->slot(), [cancel, over](std::exception_ptr) { *over = true; }));
      const auto patience = pick(4) == 0 ? pick(6) : 1'000'000;
      for (std::uint64_t i = 0; !*over; ++i) {
        if (i == patience) cancel->emit(boost::asio::cancellation_type::all);
        co_await yield();
      }
    };
    for (int producer = 0; producer < 4; ++producer)
      co_spawn(
          context,
          [&, producer]() -> awaitable<void> {
            for (int number = 0; number < 100; ++number)
              co_await some([&]() -> awaitable<void> {
                co_await queue.put({producer, number}, deadline());
                put[producer].push_back(number);
              }());
            if (--producing == 0) queue.close();
          },
          detached);
    for (int consumer = 0; consumer < 3; ++consumer)
      co_spawn(
          context,
          [&]() -> awaitable<void> {
            while (!queue.closed() || queue.size() > 0)
              co_await some([&]() -> awaitable<void> {
                const auto item = co_await queue.take(deadline());
                if (item) taken[item->first].push_back(item->second);
              }());
          },
          detached);
    context.run();

    for (int producer = 0; producer < 4; ++producer) {
      EXPECT_TRUE(std::is_sorted(taken[producer].begin(), taken[producer].end()));
      EXPECT_EQ(taken[producer], put[producer]);
    }
  }
}

}  // namespace
}  // namespace prong

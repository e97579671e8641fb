#include "prong/reply/future.hpp"

#include <gtest/gtest.h>

#include <latch>
#include <thread>

namespace prong {
namespace {

using namespace std::chrono_literals;

TEST(Promise, gives_its_future_the_value_or_the_error_once) {
  Promise<int> kept;
  Promise<int> broken;
  Future<int> value = kept.future();
  Future<int> error = broken.future();

  EXPECT_FALSE(value.ready());
  EXPECT_TRUE(kept.set_value(3));
  EXPECT_FALSE(kept.set_value(4));
  EXPECT_TRUE(broken.set_error(Error{Errc::closed, "gone"}));

  EXPECT_EQ(value.get(), 3);
  EXPECT_FALSE(value.valid());
  EXPECT_EQ(error.result().error().code(), Errc::closed);
}

TEST(Promise, given_up_ends_its_future) {
  Future<int> future = Promise<int>{}.future();

  EXPECT_THROW(static_cast<void>(future.get()), Cancelled);
}

TEST(Future, cancelled_takes_no_value_any_more) {
  Promise<int> promise;
  Future<int> future = promise.future();

  EXPECT_TRUE(future.cancel());
  EXPECT_FALSE(future.cancel());

  EXPECT_FALSE(promise.set_value(1));
  EXPECT_EQ(outcome_of(future.result()), Outcome::cancelled);
}

TEST(Future, is_cancelled_by_a_request_to_stop_before_and_after) {
  std::stop_source source;
  Promise<int> before;
  Promise<int> after;
  Future<int> waiting = before.future();
  waiting.cancel_on(source.get_token());
  EXPECT_FALSE(waiting.ready());

  source.request_stop();
  Future<int> late = after.future();
  late.cancel_on(source.get_token());

  EXPECT_EQ(waiting.result().error().code(), Errc::cancelled);
  EXPECT_EQ(late.result().error().code(), Errc::cancelled);
}

TEST(Future, that_was_taken_does_not_hear_a_request_to_stop) {
  std::stop_source source;
  Promise<int> promise;
  Future<int> future = promise.future();
  future.cancel_on(source.get_token());
  promise.set_value(5);

  EXPECT_EQ(future.get(), 5);

  EXPECT_TRUE(source.request_stop());
}

TEST(Future, cancelled_inside_its_own_continuation_by_a_stop_request_ends_once) {
  std::stop_source source;
  Promise<int> promise;
  Future<int> future = promise.future();
  future.cancel_on(source.get_token());
  int ends = 0;
  std::move(future).then([&](Result<int> result) {
    EXPECT_EQ(result.error().code(), Errc::cancelled);
    ++ends;
  });

  source.request_stop();

  EXPECT_EQ(ends, 1);
}

TEST(Future, wait_without_time_does_not_wait) {
  Promise<int> promise;
  Future<int> future = promise.future();

  EXPECT_FALSE(future.wait(Deadline::now()));
  EXPECT_EQ(future.result(Deadline::now()).error().code(), Errc::deadline_exceeded);
  EXPECT_THROW(static_cast<void>(future.get(Deadline::now())), DeadlineExceeded);
  EXPECT_TRUE(future.valid());
}

TEST(Future, ends_exactly_once_however_many_threads_end_it) {
  for (int round = 0; round < 2'000; ++round) {
    Promise<int> promise;
    Future<int> future = promise.future();
    std::stop_source source;
    future.cancel_on(source.get_token());
    std::atomic<int> winners{0};
    std::latch ready{3};
    const auto race = [&](auto end) {
      return std::thread{[&, end] {
        ready.arrive_and_wait();
        winners += end() ? 1 : 0;
      }};
    };
    std::thread value = race([&] { return promise.set_value(round); });
    std::thread error = race([&] { return promise.set_error(Error{Errc::closed, "gone"}); });
    std::thread stop = race([&] {
      source.request_stop();
      return false;  // whether it came first is seen in the outcome
    });
    const Result<int> result = future.result();
    value.join();
    error.join();
    stop.join();

    EXPECT_EQ(winners + (outcome_of(result) == Outcome::cancelled ? 1 : 0), 1);
  }
}

}  // namespace
}  // namespace prong

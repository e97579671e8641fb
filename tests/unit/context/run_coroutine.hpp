// Running a test's coroutines to their end, in the thread of the test.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/basic_waitable_timer.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <chrono>
#include <exception>

namespace prong::tests {

template <class T>
using awaitable = boost::asio::awaitable<T>;

/// Runs `coroutine`, and what it has begun, until there is nothing left to do; throws what it threw.
inline void run_coroutine(boost::asio::io_context& context, awaitable<void> coroutine) {
  std::exception_ptr failure;
  boost::asio::co_spawn(context, std::move(coroutine), [&](std::exception_ptr thrown) { failure = std::move(thrown); });
  context.restart();
  context.run();
  if (failure) std::rethrow_exception(failure);
}

/// Lets all that is ready now go first, and what becomes ready by that, so many times.
inline awaitable<void> yield(int times = 1) {
  for (int i = 0; i < times; ++i) co_await boost::asio::post(boost::asio::use_awaitable);
}

inline awaitable<void> sleep_for(std::chrono::nanoseconds time) {
  boost::asio::steady_timer timer{co_await boost::asio::this_coro::executor, time};
  co_await timer.async_wait(boost::asio::use_awaitable);
}

/// Waits until it is cancelled.
inline awaitable<void> sleep_for_ever() {
  boost::asio::steady_timer timer{co_await boost::asio::this_coro::executor};
  timer.expires_at(boost::asio::steady_timer::time_point::max());
  co_await timer.async_wait(boost::asio::use_awaitable);
}

}  // namespace prong::tests

#include "prong/process/async_tasks.hpp"

#include "log_capture.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <gtest/gtest.h>

namespace prong {
namespace {

using boost::asio::awaitable;
using boost::asio::use_awaitable;

awaitable<void> wait_for(boost::asio::steady_timer& timer, int& left) {
  const struct Leaving {
    int& count;
    ~Leaving() { ++count; }
  } leaving{left};
  co_await timer.async_wait(use_awaitable);
}

TEST(AsyncTasks, are_cancelled_and_awaited_together) {
  boost::asio::io_context context;
  Logger logger{"test"};
  AsyncTasks tasks{context.get_executor(), logger};
  boost::asio::steady_timer never{context, boost::asio::steady_timer::time_point::max()};
  int left = 0;
  bool joined = false;
  for (int i = 0; i < 5; ++i) tasks.create("task", wait_for(never, left));
  boost::asio::co_spawn(
      context,
      [&]() -> awaitable<void> {
        co_await tasks.join();
        joined = true;
      },
      boost::asio::detached);
  context.poll();
  EXPECT_EQ(tasks.size(), 5U);
  EXPECT_FALSE(joined);

  tasks.cancel_all();
  context.run();

  EXPECT_EQ(left, 5);
  EXPECT_TRUE(joined);
  EXPECT_EQ(tasks.size(), 0U);
}

TEST(AsyncTasks, one_that_is_created_after_cancel_all_is_cancelled_when_it_waits) {
  boost::asio::io_context context;
  Logger logger{"test"};
  AsyncTasks tasks{context.get_executor(), logger};
  boost::asio::steady_timer never{context, boost::asio::steady_timer::time_point::max()};
  int left = 0;

  tasks.cancel_all();
  context.run();
  context.restart();
  tasks.create("late", wait_for(never, left));
  context.run();

  EXPECT_EQ(left, 1);
}

TEST(AsyncTasks, a_task_that_ends_while_it_is_cancelled_from_outside) {
  boost::asio::io_context context;
  Logger logger{"test"};
  AsyncTasks tasks{context.get_executor(), logger};
  boost::asio::steady_timer gate{context, boost::asio::steady_timer::time_point::max()};
  int left = 0;
  const auto wait_quietly = [&]() -> awaitable<void> {
    boost::system::error_code woken;
    co_await gate.async_wait(boost::asio::redirect_error(use_awaitable, woken));
    ++left;
  };
  for (int i = 0; i < 5; ++i) tasks.create("task", wait_quietly());
  context.poll();
  // What ends them is queued before what cancels them.
  gate.cancel();

  tasks.cancel_all();
  context.run();

  EXPECT_EQ(left, 5);
  EXPECT_EQ(tasks.size(), 0U);
}

TEST(AsyncTasks, exceptions_are_logged_with_the_tasks_name_but_for_those_of_a_cancellation) {
  tests::LogCapture log;
  boost::asio::io_context context;
  Logger logger{"test"};
  AsyncTasks tasks{context.get_executor(), logger};
  boost::asio::steady_timer never{context, boost::asio::steady_timer::time_point::max()};
  int left = 0;
  tasks.create("thrower", []() -> awaitable<void> {
    co_await boost::asio::post(use_awaitable);
    throw std::runtime_error{"no more"};
  }());
  tasks.create("waiter", wait_for(never, left));
  context.poll();

  tasks.cancel_all();
  context.run();

  const auto records = log.take();
  ASSERT_EQ(records.size(), 1U);
  EXPECT_NE(records[0].text.find("'thrower'"), std::string::npos) << records[0].text;
  EXPECT_NE(records[0].text.find("no more"), std::string::npos) << records[0].text;
}

TEST(AsyncTasks, may_be_destroyed_before_the_tasks_have_ended) {
  boost::asio::io_context context;
  Logger logger{"test"};
  boost::asio::steady_timer never{context, boost::asio::steady_timer::time_point::max()};
  int left = 0;
  {
    AsyncTasks tasks{context.get_executor(), logger};
    for (int i = 0; i < 5; ++i) tasks.create("task", wait_for(never, left));
  }

  context.run();

  EXPECT_EQ(left, 5);
}

}  // namespace
}  // namespace prong

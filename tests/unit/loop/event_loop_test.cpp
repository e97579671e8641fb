#include "prong/loop/event_loop.hpp"

#include "prong/loop/asio_guest.hpp"
#include "prong/os/event_fd.hpp"

#include <gtest/gtest.h>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <stdexcept>
#include <thread>

namespace prong::loop {
namespace {

using namespace std::chrono_literals;

TEST(EventLoop, sleeps_until_the_deadline_and_says_that_nothing_was_done) {
  const auto loop = EventLoop::create().value();
  const auto deadline = Deadline::after(5ms);

  const bool done = loop->run_once(deadline).value();

  EXPECT_FALSE(done);
  EXPECT_TRUE(deadline.has_passed());
}

TEST(EventLoop, calls_a_level_watch_as_long_as_it_is_readable_and_an_edge_watch_once_per_write) {
  const auto loop = EventLoop::create().value();
  const auto level_event = os::EventFd::create().value();
  const auto edge_event = os::EventFd::create().value();
  int levels = 0;
  int edges = 0;
  const auto level = loop->watch(level_event.descriptor(), Trigger::level, [&] { ++levels; }).value();
  const auto edge = loop->watch(edge_event.descriptor(), Trigger::edge, [&] { ++edges; }).value();

  level_event.set();
  edge_event.set();
  for (int i = 0; i < 3; ++i) ASSERT_TRUE(loop->run_once(Deadline::now()));
  edge_event.set();
  ASSERT_TRUE(loop->run_once(Deadline::now()));

  EXPECT_EQ(levels, 4);
  EXPECT_EQ(edges, 2);
}

TEST(EventLoop, a_handler_may_end_its_own_watch_and_that_of_a_neighbour_in_the_same_batch) {
  const auto loop = EventLoop::create().value();
  const auto a = os::EventFd::create().value();
  const auto b = os::EventFd::create().value();
  int calls = 0;
  Watch first;
  Watch second;
  const auto handler = [&] {
    ++calls;
    first = Watch{};
    second = Watch{};
  };
  first = loop->watch(a.descriptor(), Trigger::level, handler).value();
  second = loop->watch(b.descriptor(), Trigger::level, handler).value();

  a.set();
  b.set();
  ASSERT_TRUE(loop->run_once(Deadline::now()));
  ASSERT_TRUE(loop->run_once(Deadline::now()));

  EXPECT_EQ(calls, 1);
}

TEST(EventLoop, an_exception_of_a_handler_leaves_the_loop_and_loses_neither_watch_nor_posted_work) {
  const auto loop = EventLoop::create().value();
  const auto event = os::EventFd::create().value();
  int calls = 0;
  bool posted = false;
  const auto watch = loop->watch(event.descriptor(), Trigger::level,
                                 [&] {
                                   if (++calls == 1) throw std::runtime_error{"x"};
                                 })
                         .value();
  event.set();

  EXPECT_THROW(static_cast<void>(loop->run_once(Deadline::now())), std::runtime_error);
  loop->post([] { throw std::runtime_error{"y"}; });
  loop->post([&] { posted = true; });
  EXPECT_THROW(static_cast<void>(loop->run_once(Deadline::now())), std::runtime_error);
  ASSERT_TRUE(loop->run_once(Deadline::now()));

  EXPECT_TRUE(posted);
  EXPECT_GE(calls, 2);
}

TEST(EventLoop, timers_run_in_the_order_of_their_time_and_a_cancelled_one_does_not) {
  const auto loop = EventLoop::create().value();
  std::string order;
  loop->add_timer(Deadline::after(2ms), [&] { order += "b"; });
  loop->add_timer(Deadline::after(1ms), [&] { order += "a"; });
  const TimerId cancelled = loop->add_timer(Deadline::after(1ms), [&] { order += "x"; });
  loop->add_timer(Deadline::after(3ms), [&] {
    order += "c";
    loop->stop();
  });

  loop->cancel_timer(cancelled);
  ASSERT_TRUE(loop->run());

  EXPECT_EQ(order, "abc");
}

TEST(EventLoop, work_posted_from_another_thread_wakes_the_sleeper_every_time) {
  const auto loop = EventLoop::create().value();
  constexpr int rounds = 20'000;
  int count = 0;

  std::thread poster{[&] {
    for (int i = 0; i < rounds; ++i) loop->post([&] { ++count; });
    loop->post([&] { loop->stop(); });
  }};
  ASSERT_TRUE(loop->run());
  poster.join();

  EXPECT_EQ(count, rounds);
}

TEST(AsioGuest, runs_timers_posts_of_any_thread_and_coroutines_beside_the_loops_own_watches) {
  const auto loop = EventLoop::create().value();
  AsioGuest guest{*loop};
  const auto event = os::EventFd::create().value();
  std::string order;
  const auto watch = loop->watch(event.descriptor(), Trigger::edge, [&] { order += "w"; }).value();

  boost::asio::co_spawn(
      guest.context(),
      [&]() -> boost::asio::awaitable<void> {
        boost::asio::steady_timer timer{co_await boost::asio::this_coro::executor};
        timer.expires_after(1ms);
        co_await timer.async_wait(boost::asio::use_awaitable);
        order += "c";
        event.set();
        timer.expires_after(5ms);
        co_await timer.async_wait(boost::asio::use_awaitable);
        loop->stop();
      },
      boost::asio::detached);
  ASSERT_TRUE(loop->run());

  EXPECT_EQ(order, "cw");
}

TEST(AsioGuest, a_post_from_another_thread_wakes_the_sleeping_loop_every_time) {
  const auto loop = EventLoop::create().value();
  AsioGuest guest{*loop};
  constexpr int rounds = 5'000;
  int count = 0;

  std::thread poster{[&] {
    for (int i = 0; i < rounds; ++i) boost::asio::post(guest.context(), [&] { ++count; });
    boost::asio::post(guest.context(), [&] { loop->stop(); });
  }};
  ASSERT_TRUE(loop->run());
  poster.join();

  EXPECT_EQ(count, rounds);
}

TEST(AsioGuest, loop_work_posted_from_another_thread_wakes_the_sleeping_io_context) {
  const auto loop = EventLoop::create().value();
  AsioGuest guest{*loop};
  int count = 0;

  for (int i = 0; i < 200; ++i) {
    std::thread poster{[&] { loop->post([&] { ++count; }); }};
    while (count == i) ASSERT_TRUE(loop->run_once(Deadline::never()));
    poster.join();
  }

  EXPECT_EQ(count, 200);
}

}  // namespace
}  // namespace prong::loop

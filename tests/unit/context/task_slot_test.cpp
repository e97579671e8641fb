#include "prong/context/task_slot.hpp"

#include "log_capture.hpp"
#include "prong/base/exception.hpp"
#include "run_coroutine.hpp"

#include <boost/asio/cancellation_state.hpp>

#include <gtest/gtest.h>

namespace prong {
namespace {

using tests::awaitable;
using tests::run_coroutine;
using tests::sleep_for;
using tests::sleep_for_ever;
using tests::yield;
using namespace std::chrono_literals;
using Strings = std::vector<std::string>;

class Noting {
 public:
  awaitable<void> wait(std::string name) {
    notes.push_back(name + " begins");
    const struct Leaving {
      Strings& notes;
      std::string name;
      ~Leaving() { notes.push_back(name + " left"); }
    } leaving{notes, name};
    co_await sleep_for_ever();
  }
  awaitable<void> count_to(int last, TaskSlot& slot) {
    notes.push_back(std::to_string(++number));
    co_await yield();
    if (number < last) slot.reschedule(count_to(last, slot));
  }

  Strings notes;
  int number = 0;
  Logger logger{"test"};
};

TEST(TaskSlot, recreate_cancels_the_task_awaits_its_end_and_begins_the_next) {
  boost::asio::io_context context;
  Noting noting;
  run_coroutine(context, [](Noting& own) -> awaitable<void> {
    TaskSlot slot{co_await boost::asio::this_coro::executor, own.logger, "slot"};
    co_await slot.recreate(own.wait("one"));
    co_await yield();
    co_await slot.recreate(own.wait("two"));
    EXPECT_TRUE(slot.running());
    co_await slot.remove();
    EXPECT_FALSE(slot.running());
    co_await slot.remove();
  }(noting));

  EXPECT_EQ(noting.notes, (Strings{"one begins", "one left", "two begins", "two left"}));
}

TEST(TaskSlot, task_that_reschedules_itself_runs_again_after_its_end) {
  boost::asio::io_context context;
  Noting noting;
  run_coroutine(context, [](Noting& own) -> awaitable<void> {
    TaskSlot slot{co_await boost::asio::this_coro::executor, own.logger, "slot"};
    slot.reschedule(own.count_to(4, slot));
    while (slot.running()) co_await yield();
  }(noting));

  EXPECT_EQ(noting.notes, (Strings{"1", "2", "3", "4"}));
}

TEST(TaskSlot, one_that_was_removed_does_not_come_again) {
  boost::asio::io_context context;
  Noting noting;
  run_coroutine(context, [](Noting& own) -> awaitable<void> {
    TaskSlot slot{co_await boost::asio::this_coro::executor, own.logger, "slot"};
    slot.reschedule(own.count_to(1'000'000, slot));
    co_await yield(10);
    co_await slot.remove();
    EXPECT_FALSE(slot.running());
  }(noting));

  EXPECT_LT(noting.number, 1'000);
}

TEST(TaskSlot, task_that_heeds_no_cancellation_holds_its_place) {
  boost::asio::io_context context;
  Noting noting;
  run_coroutine(context, [](Noting& own) -> awaitable<void> {
    const auto stubborn = [](bool& let_go) -> awaitable<void> {
      co_await boost::asio::this_coro::reset_cancellation_state(boost::asio::disable_cancellation());
      while (!let_go) co_await yield();
    };
    bool let_go = false;
    TaskSlot slot{co_await boost::asio::this_coro::executor, own.logger, "slot"};
    co_await slot.recreate(stubborn(let_go));

    bool refused = false;
    try {
      co_await slot.recreate(own.wait("never"), Deadline::after(1ms));
    } catch (const DeadlineExceeded&) {
      refused = true;
    }
    EXPECT_TRUE(refused);
    EXPECT_TRUE(slot.running());
    let_go = true;
    co_await slot.recreate(own.wait("then"));
    co_await slot.remove();
  }(noting));

  EXPECT_EQ(noting.notes, (Strings{"then begins", "then left"}));
}

TEST(TaskSlot, exception_of_a_task_is_logged_and_the_slot_is_free) {
  tests::LogCapture log;
  boost::asio::io_context context;
  Noting noting;
  run_coroutine(context, [](Noting& own) -> awaitable<void> {
    TaskSlot slot{co_await boost::asio::this_coro::executor, own.logger, "slot"};
    slot.reschedule([]() -> awaitable<void> {
      co_await yield();
      throw std::runtime_error{"no more"};
    }());
    while (slot.running()) co_await yield();
    slot.reschedule(own.count_to(1, slot));
    while (slot.running()) co_await yield();
  }(noting));

  EXPECT_EQ(noting.number, 1);
  const auto records = log.take();
  ASSERT_EQ(records.size(), 1U);
  EXPECT_NE(records[0].text.find("'slot'"), std::string::npos) << records[0].text;
  EXPECT_NE(records[0].text.find("no more"), std::string::npos) << records[0].text;
}

TEST(TaskSlot, destroying_it_cancels_its_task) {
  boost::asio::io_context context;
  Noting noting;
  run_coroutine(context, [](Noting& own) -> awaitable<void> {
    TaskSlot slot{co_await boost::asio::this_coro::executor, own.logger, "slot"};
    co_await slot.recreate(own.wait("one"));
    co_await yield();
  }(noting));

  EXPECT_EQ(noting.notes, (Strings{"one begins", "one left"}));
}

}  // namespace
}  // namespace prong

#include "prong/context/task_thread.hpp"

#include "log_capture.hpp"
#include "prong/base/exception.hpp"
#include "random_rounds.hpp"
#include "run_coroutine.hpp"

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/cancellation_state.hpp>

#include <gtest/gtest.h>

#include <csignal>
#include <iostream>
#include <random>

namespace prong {
namespace {

using tests::awaitable;
using tests::run_coroutine;
using tests::sleep_for;
using tests::sleep_for_ever;
using tests::yield;
using namespace std::chrono_literals;
using Strings = std::vector<std::string>;

Deadline soon() {
  return Deadline::after(20s);
}

// An actor that notes what happens to it in a list that all share, and can be told what to do.
class Actor : public TaskThread {
 public:
  Actor(Strings& notes, std::string name, TaskThreadOptions options = {.stop_grace = 20s})
      : TaskThread{std::move(name), std::move(options)}, notes_{notes} {}

  Actor& add(const std::string& child, TaskThreadOptions options = {.stop_grace = 20s}) {
    return add_child<Actor>(notes_, child, std::move(options));
  }
  using TaskThread::child_ids;
  using TaskThread::create_task;
  using TaskThread::find_child;
  using TaskThread::send_to_child;
  using TaskThread::send_to_children;
  using TaskThread::send_to_parent;
  using TaskThread::stop;
  using TaskThread::try_send_to_child;
  using TaskThread::try_send_to_parent;

  int overflows = 0;
  bool enters = true;

 protected:
  awaitable<void> enter() override {
    note("enters");
    if (!enters) throw std::runtime_error{"there is no way in"};
    co_await yield();
  }
  awaitable<void> exit() override {
    co_await yield();
    note("exits");
    if (says_goodbye_) {
      const MessageObject goodbye{"goodbye", {{"from", name()}}};
      co_await send_to_parent(goodbye);
    }
  }
  awaitable<void> from_parent(MessageObject message) override {
    note("hears " + message());
    if (message() == "sleep") co_await sleep_for(std::chrono::microseconds{message["microseconds"].as<int>()});
    if (message() == "hang") co_await sleep_for_ever();
    if (message() == "throw") throw std::invalid_argument{"by " + name()};
    if (message() == "stop") stop();
    if (message() == "say_goodbye") says_goodbye_ = true;
    if (message() == "echo") co_await send_to_parent(message);
    if (message() == "pass_on") co_await send_to_children(MessageObject{"echo"});
  }
  awaitable<void> from_child(TaskThread& child, MessageObject message) override {
    note("hears " + message() + " of " + child.name());
    if (slow_) co_await sleep_for(100us);
    co_await send_to_parent(std::move(message));
  }
  awaitable<void> child_ended(TaskThread& child, Result<void> how) override {
    note("knows that " + child.name() + (how ? " ended" : " failed: " + how.error().message()));
    co_return;
  }
  void input_overflow(const MessageObject&) override { ++overflows; }
  void output_overflow(const MessageObject&) override { ++overflows; }

 private:
  void note(const std::string& what) { notes_.push_back(name() + " " + what); }

  Strings& notes_;
  bool says_goodbye_ = false;

 public:
  bool slow_ = false;
};

// Runs a tree of an Actor named "root" while `body(root)` uses it; then terminates it.
template <class Body>
void with_root(Strings& notes, Body body, TaskThreadOptions options = {.stop_grace = 20s}) {
  boost::asio::io_context context;
  Actor root{notes, "root", std::move(options)};
  boost::asio::co_spawn(context, root.run(), [](std::exception_ptr thrown) {
    if (thrown) std::rethrow_exception(thrown);
  });
  run_coroutine(context, [](Actor& own, Body& use) -> awaitable<void> {
    while (!own.running()) co_await yield();
    co_await use(own);
    own.terminate();
  }(root, body));
  EXPECT_FALSE(root.running());
}

bool comes_before(const Strings& notes, const std::string& first, const std::string& second) {
  const auto at = [&](const std::string& note) { return std::find(notes.begin(), notes.end(), note); };
  EXPECT_NE(at(first), notes.end()) << first;
  EXPECT_NE(at(second), notes.end()) << second;
  return at(first) < at(second);
}

TEST(TaskThread, messages_go_down_and_up_in_their_order) {
  Strings notes;
  with_root(notes, [](Actor& root) -> awaitable<void> {
    Actor& child = root.add("child");
    EXPECT_FALSE(child.terminating());
    for (int number = 0; number < 20; ++number)
      co_await root.send_to_child(child, MessageObject{"echo"}.set("number", number));

    for (int number = 0; number < 20; ++number) {
      const MessageObject echo = co_await root.receive(soon());
      EXPECT_EQ(echo["number"].as<int>(), number);
    }
  });
  EXPECT_EQ(notes.front(), "root enters");
  EXPECT_EQ(notes.back(), "root exits");
}

TEST(TaskThread, a_message_to_all_reaches_each_child) {
  Strings notes;
  with_root(notes, [](Actor& root) -> awaitable<void> {
    for (const char* const name : {"a", "b", "c"}) root.add(name);
    co_await root.send(MessageObject{"pass_on"}, soon());
    for (int i = 0; i < 3; ++i) co_await root.receive(soon());
  });
  for (const char* const note : {"a hears echo", "b hears echo", "c hears echo"})
    EXPECT_EQ(std::count(notes.begin(), notes.end(), note), 1) << note;
}

TEST(TaskThread, children_are_found_by_their_id_and_class) {
  class Other : public TaskThread {};
  Strings notes;
  with_root(notes, [](Actor& root) -> awaitable<void> {
    Actor& a = root.add("a");
    Actor& b = root.add("b");
    EXPECT_EQ(root.child_ids(), (std::vector<TaskThreadId>{a.id(), b.id()}));
    EXPECT_EQ(root.find_child<Actor>(a.id()), &a);
    EXPECT_EQ(root.find_child(b.id()), &b);
    EXPECT_EQ(root.find_child<Other>(a.id()), nullptr);
    EXPECT_EQ(root.find_child(root.id()), nullptr);

    const TaskThreadId gone = a.id();
    co_await root.send_to_child(a, MessageObject{"stop"});
    while (root.find_child(gone) != nullptr) co_await yield();

    EXPECT_EQ(root.child_ids(), (std::vector<TaskThreadId>{b.id()}));
  });
  EXPECT_TRUE(comes_before(notes, "a hears stop", "a exits"));
  EXPECT_TRUE(comes_before(notes, "a exits", "root knows that a ended"));
}

TEST(TaskThread, terminating_a_parent_ends_all_below_it_first_and_what_they_send_at_the_end_arrives) {
  Strings notes;
  with_root(notes, [](Actor& root) -> awaitable<void> {
    for (const char* const name : {"a", "b"}) {
      Actor& child = root.add(name);
      while (!child.running()) co_await yield();
      for (const char* const below : {"1", "2"}) {
        Actor& grandchild = child.add(std::string{name} + below);
        co_await child.send_to_child(grandchild, MessageObject{"say_goodbye"});
      }
    }
    co_await yield(5);
    root.terminate();
    EXPECT_TRUE(root.terminating());
    for (int i = 0; i < 4; ++i) EXPECT_EQ((co_await root.receive(soon()))(), "goodbye");
    bool closed = false;
    try {
      co_await root.receive(soon());
    } catch (const Exception& exception) {
      closed = exception.code() == Errc::closed;
    }
    EXPECT_TRUE(closed);
  });
  for (const std::string name : {"a", "b"}) {
    for (const std::string below : {"1", "2"}) {
      EXPECT_TRUE(comes_before(notes, name + below + " exits", name + " knows that " + name + below + " ended"));
      EXPECT_TRUE(comes_before(notes, name + " knows that " + name + below + " ended", name + " exits"));
    }
    EXPECT_TRUE(comes_before(notes, name + " exits", "root knows that " + name + " ended"));
  }
  EXPECT_EQ(notes.back(), "root exits");
}

TEST(TaskThread, what_was_sent_before_is_handled_before_the_end) {
  Strings notes;
  with_root(notes,
            [](Actor& root) -> awaitable<void> {
              Actor& child = root.add("child");
              for (int i = 0; i < 50; ++i)
                co_await root.send_to_child(child, MessageObject{"sleep"}.set("microseconds", 10));
              child.terminate();
              bool refused = false;
              try {
                co_await root.send_to_child(child, MessageObject{"late"});
              } catch (const Exception& exception) {
                refused = exception.code() == Errc::closed;
              }
              EXPECT_TRUE(refused);
              EXPECT_FALSE(root.try_send_to_child(child, MessageObject{"late"}));
              EXPECT_EQ(child.overflows, 0);
            },
            {.stop_grace = 20s});
  EXPECT_EQ(std::count(notes.begin(), notes.end(), "child hears sleep"), 50);
  EXPECT_EQ(std::count(notes.begin(), notes.end(), "child hears late"), 0);
}

TEST(TaskThread, full_input_queue_tells_its_owner_and_the_sender_waits) {
  Strings notes;
  with_root(notes, [](Actor& root) -> awaitable<void> {
    Actor& child = root.add("child", {.input_limit = 4, .stop_grace = 20s});
    for (int i = 0; i < 20; ++i) co_await root.send_to_child(child, MessageObject{"sleep"}.set("microseconds", 100));
    EXPECT_GE(child.overflows, 10);
    EXPECT_EQ(root.overflows, 0);
  });
  EXPECT_EQ(std::count(notes.begin(), notes.end(), "child hears sleep"), 20);
}

TEST(TaskThread, full_queue_refuses_at_the_deadline_and_at_once) {
  Strings notes;
  with_root(notes, [](Actor& root) -> awaitable<void> {
    Actor& child = root.add("child", {.input_limit = 2, .stop_grace = 0ns});
    for (int i = 0; i < 3; ++i) co_await root.send_to_child(child, MessageObject{"hang"});  // one is taken out
    while (!root.try_send_to_child(child, MessageObject{"hang"}) && child.overflows == 0) co_await yield();
    child.overflows = 0;

    EXPECT_FALSE(root.try_send_to_child(child, MessageObject{"dropped"}));
    bool refused = false;
    try {
      co_await root.send_to_child(child, MessageObject{"dropped"}, Deadline::after(1ms));
    } catch (const DeadlineExceeded&) {
      refused = true;
    }
    EXPECT_TRUE(refused);
    EXPECT_EQ(child.overflows, 2);
  });
}

TEST(TaskThread, full_output_queue_tells_the_actor_itself_and_holds_it_up) {
  Strings notes;
  with_root(notes, [](Actor& root) -> awaitable<void> {
    root.slow_ = true;
    Actor& child = root.add("child", {.output_limit = 2, .stop_grace = 20s});
    for (int i = 0; i < 20; ++i) co_await root.send_to_child(child, MessageObject{"echo"});
    for (int i = 0; i < 20; ++i) co_await root.receive(soon());
    EXPECT_GT(child.overflows, 5);
    EXPECT_EQ(root.overflows, 0);
  });
}

TEST(TaskThread, default_handlers_log_what_overflows_and_what_is_not_handled) {
  class Plain : public TaskThread {
   public:
    Plain() : TaskThread{"plain", {.input_limit = 1}} {}
    using TaskThread::add_child;
    using TaskThread::try_send_to_child;
  };
  tests::LogCapture log;
  boost::asio::io_context context;
  Plain root;
  boost::asio::co_spawn(context, root.run(), [](const std::exception_ptr&) {});
  run_coroutine(context, [](Plain& own) -> awaitable<void> {
    while (!own.running()) co_await yield();
    Plain& child = own.add_child<Plain>();
    EXPECT_TRUE(own.try_send_to_child(child, MessageObject{"hello"}));
    EXPECT_FALSE(own.try_send_to_child(child, MessageObject{"dropped"}));
    own.terminate();
  }(root));

  const auto records = log.take();
  ASSERT_EQ(records.size(), 2U);
  EXPECT_EQ(records[0].logger, "TaskThread.plain");
  EXPECT_NE(records[0].text.find("'dropped'"), std::string::npos) << records[0].text;
  EXPECT_NE(records[1].text.find("'hello'"), std::string::npos) << records[1].text;
}

TEST(TaskThread, exception_of_a_handler_is_logged_and_the_actor_lives) {
  tests::LogCapture log;
  Strings notes;
  with_root(notes, [](Actor& root) -> awaitable<void> {
    Actor& child = root.add("child");
    co_await root.send_to_child(child, MessageObject{"throw"});
    co_await root.send_to_child(child, MessageObject{"echo"});
    co_await root.receive(soon());
  });
  const auto records = log.take();
  ASSERT_EQ(records.size(), 1U);
  EXPECT_EQ(records[0].level, spdlog::level::err);
  EXPECT_EQ(records[0].logger, "TaskThread.child");
  EXPECT_NE(records[0].text.find("by child"), std::string::npos) << records[0].text;
}

TEST(TaskThread, exception_of_enter_ends_a_child_and_its_parent_is_told) {
  Strings notes;
  with_root(notes, [](Actor& root) -> awaitable<void> {
    Actor& child = root.add("child");
    child.enters = false;
    const TaskThreadId id = child.id();
    while (root.find_child(id) != nullptr) co_await yield();
  });
  const auto told = std::find_if(notes.begin(), notes.end(), [](const std::string& note) {
    return note.starts_with("root knows that child failed") && note.find("there is no way in") != std::string::npos;
  });
  EXPECT_NE(told, notes.end());
}

TEST(TaskThread, exception_of_a_roots_enter_is_what_run_throws) {
  Strings notes;
  Actor root{notes, "root"};
  root.enters = false;
  boost::asio::io_context context;

  EXPECT_THROW(run_coroutine(context, root.run()), std::runtime_error);

  EXPECT_EQ(notes, (Strings{"root enters", "root exits"}));
}

TEST(TaskThread, handler_that_does_not_end_is_cancelled_after_the_grace_and_what_is_left_is_told) {
  tests::LogCapture log;
  Strings notes;
  with_root(notes,
            [](Actor& root) -> awaitable<void> {
              Actor& child = root.add("child", {.stop_grace = 1ms});
              co_await root.send_to_child(child, MessageObject{"hang"});
              for (int i = 0; i < 3; ++i) co_await root.send_to_child(child, MessageObject{"behind"});
            },
            {.stop_grace = 1ms});

  EXPECT_EQ(notes.back(), "root exits");
  EXPECT_EQ(std::count(notes.begin(), notes.end(), "child hears behind"), 0);
  const auto records = log.take();
  ASSERT_EQ(records.size(), 1U);
  EXPECT_NE(records[0].text.find("3 messages"), std::string::npos) << records[0].text;
}

TEST(TaskThread, tasks_are_cancelled_and_awaited_before_exit) {
  Strings notes;
  with_root(notes, [&](Actor& root) -> awaitable<void> {
    root.create_task("task", [](Strings& all) -> awaitable<void> {
      const struct Leaving {
        Strings& notes;
        ~Leaving() { notes.emplace_back("the task left"); }
      } leaving{all};
      co_await sleep_for_ever();
    }(notes));
    co_await yield();
  });
  EXPECT_TRUE(comes_before(notes, "the task left", "root exits"));
}

TEST(TaskThread, cancelling_run_terminates_the_tree_in_order) {
  Strings notes;
  Actor root{notes, "root"};
  boost::asio::io_context context;
  boost::asio::cancellation_signal cancel;
  bool returned = false;
  boost::asio::co_spawn(context, root.run(),
                        boost::asio::bind_cancellation_slot(cancel.slot(), [&](const std::exception_ptr& thrown) {
                          returned = !thrown && notes.back() == "root exits";
                        }));
  run_coroutine(context, [](Actor& own, boost::asio::cancellation_signal& signal) -> awaitable<void> {
    while (!own.running()) co_await yield();
    Actor& child = own.add("child");
    co_await own.send_to_child(child, MessageObject{"sleep"}.set("microseconds", 500));
    signal.emit(boost::asio::cancellation_type::all);
  }(root, cancel));

  EXPECT_TRUE(returned);
  EXPECT_TRUE(comes_before(notes, "child hears sleep", "child exits"));
}

TEST(TaskThread, root_ends_on_a_signal_that_it_was_given_and_no_other_handler_stays) {
  struct sigaction before {};
  ::sigaction(SIGUSR1, nullptr, &before);
  Strings notes;
  boost::asio::io_context context;
  Actor root{notes, "root", {.end_on_signals = {SIGUSR1}}};
  boost::asio::co_spawn(context, root.run(), [](const std::exception_ptr&) {});
  run_coroutine(context, [](Actor& own) -> awaitable<void> {
    while (!own.running()) co_await yield();
    co_await yield();
    std::raise(SIGUSR1);
  }(root));

  EXPECT_EQ(notes.back(), "root exits");
  struct sigaction after {};
  ::sigaction(SIGUSR1, nullptr, &after);
  EXPECT_EQ(after.sa_handler, before.sa_handler);
}

TEST(TaskThread, one_that_is_to_end_makes_no_children) {
  Strings notes;
  with_root(notes, [](Actor& root) -> awaitable<void> {
    root.terminate();
    EXPECT_THROW(root.add("late"), Exception);
    co_return;
  });
}

TEST(TaskThread, tree_may_be_dropped_with_its_context_at_any_moment) {
  for (int steps = 0; steps < 60; ++steps) {
    Strings notes;
    Actor root{notes, "root"};
    boost::asio::io_context context;
    boost::asio::co_spawn(context, root.run(), [](const std::exception_ptr&) {});
    boost::asio::co_spawn(
        context,
        [&]() -> awaitable<void> {
          while (!root.running()) co_await yield();
          Actor& child = root.add("child", {.input_limit = 1});
          co_await root.send_to_child(child, MessageObject{"hang"});
          for (int i = 0; i < 3; ++i) co_await root.send_to_child(child, MessageObject{"more"});
        },
        [](const std::exception_ptr&) {});
    for (int step = 0; step < steps; ++step) context.poll_one();
  }
}  // nothing may leak or crash; the address sanitizer looks

// Actors of random shape are told random things, and some are terminated at random. Whatever happens, each that has
// entered exits once, after all below it, and the root ends.
TEST(TaskThread, every_actor_that_enters_exits_after_its_children_whatever_they_do) {
  const std::uint64_t seed = tests::random_seed();
  const int rounds = tests::random_rounds(40);
  std::cout << "seed " << seed << ", " << rounds << " rounds\n";
  tests::LogCapture log;
  for (int round = 0; round < rounds && !testing::Test::HasFailure(); ++round) {
    SCOPED_TRACE("seed " + std::to_string(seed) + ", round " + std::to_string(round));
    std::mt19937_64 random{seed + static_cast<std::uint64_t>(round)};
    const auto pick = [&](std::uint64_t bound) { return random() % bound; };
    Strings notes;
    std::map<std::string, Strings> children;
    with_root(notes,
              [&](Actor& root) -> awaitable<void> {
                root.create_task("drain", [](Actor& own) -> awaitable<void> {
                  for (;;) co_await own.receive(Deadline::never());
                }(root));
                int made = 0;
                // All by id, for any may be gone at any moment.
                std::vector<std::vector<TaskThreadId>> paths{{}};
                const auto at = [&](const std::vector<TaskThreadId>& path) {
                  Actor* one = &root;
                  for (const TaskThreadId id : path) one = one == nullptr ? nullptr : one->find_child<Actor>(id);
                  return one;
                };
                for (int step = 0; step < 200; ++step) {
                  const auto path = paths[pick(paths.size())];
                  Actor* const one = at(path);
                  if (one == nullptr || !one->running()) continue;
                  const char* const words[] = {"echo", "sleep", "hang", "throw", "stop", "say_goodbye"};
                  switch (pick(8)) {
                    case 0:
                    case 1: {
                      if (one->terminating() || path.size() > 3) break;
                      const std::string name = "n" + std::to_string(++made);
                      Actor& child = one->add(name, {.input_limit = 1 + pick(3),
                                                     .output_limit = 1 + pick(3),
                                                     .stop_grace = std::chrono::microseconds{pick(500)}});
                      children[one->name()].push_back(name);
                      auto longer = path;
                      longer.push_back(child.id());
                      paths.push_back(longer);
                      break;
                    }
                    case 2:
                      if (!path.empty() && pick(4) == 0) one->terminate();
                      break;
                    case 3: co_await yield(static_cast<int>(pick(5))); break;
                    default:
                      if (path.empty()) break;
                      Actor* const parent = at({path.begin(), path.end() - 1});
                      parent->try_send_to_child(
                          *one, MessageObject{words[pick(100) < 90 ? pick(2) : pick(6)]}.set("microseconds", 50));
                  }
                }
              },
              {.stop_grace = 1ms});

    for (const auto& [parent, names] : children)
      for (const std::string& name : names) {
        const auto entered = std::count(notes.begin(), notes.end(), name + " enters");
        EXPECT_EQ(entered, 1) << name;
        EXPECT_EQ(std::count(notes.begin(), notes.end(), name + " exits"), entered) << name;
        EXPECT_TRUE(comes_before(notes, name + " exits", parent + " exits"));
      }
    EXPECT_EQ(notes.back(), "root exits");
  }
}

}  // namespace
}  // namespace prong

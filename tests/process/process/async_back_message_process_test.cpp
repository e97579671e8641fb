#include "prong/process/async_back_message_process.hpp"

#include "async_test_process.hpp"
#include "log_capture.hpp"
#include "process_test.hpp"
#include "prong/sync/shared_event.hpp"

#include <algorithm>
#include <random>

namespace prong {
namespace {

using tests::AsyncTestProcess;
using tests::awaitable;
using tests::sleep_for;
using tests::sleep_for_ever;
using AsyncBackMessageProcess_ = tests::ProcessTest;
using namespace std::chrono_literals;
using Strings = std::vector<std::string>;

Deadline soon() {
  return Deadline::after(20s);
}

// --- Commands --------------------------------------------------------------------------------------------------------

TEST_F(AsyncBackMessageProcess_, calls_and_messages_by_name_reach_coroutines_and_plain_handlers_alike) {
  AsyncTestProcess process;
  process.start();

  EXPECT_EQ(process.add(2, 3).get(), 5);
  EXPECT_EQ(process.add(2).get(), 12);
  EXPECT_EQ(process.add_at_once(2, 3).get(), 5);
  EXPECT_EQ(process.request({"add", {{"b", 3}, {"a", 2}}}).get().as<int>(), 5);
  EXPECT_EQ(process.request({"add", {{"a", 2}}}).get().as<int>(), 12);
  EXPECT_EQ(process.request({"add_at_once", {{"b", 3}, {"a", 2}}}).get().as<int>(), 5);
  EXPECT_TRUE(process.request({"note_after", {{"text", "x"}, {"microseconds", 1}}}).get().is_null());
  EXPECT_TRUE(process.stop(soon()));
}

TEST_F(AsyncBackMessageProcess_, what_is_wrong_with_a_message_is_an_error_reply_that_names_it_and_the_backend_lives) {
  AsyncTestProcess process;
  process.start();

  EXPECT_EQ(process.request({"subtract"}).result().error().code(), Errc::unknown_command);
  EXPECT_EQ(process.request({"add", {{"a", 1}, {"c", 2}}}).result().error().code(), Errc::unknown_argument);
  EXPECT_EQ(process.request({"add", {{"b", 1}}}).result().error().code(), Errc::missing_argument);
  const Error ill_typed = process.request({"add", {{"a", "one"}}}).result().error();
  EXPECT_EQ(ill_typed.code(), Errc::ill_typed_argument);
  EXPECT_NE(ill_typed.message().find("'a'"), std::string::npos);
  EXPECT_EQ(process.add(1, 1).get(), 2);
}

TEST_F(AsyncBackMessageProcess_, exception_of_a_coroutine_is_the_callers_before_and_after_it_has_waited) {
  AsyncTestProcess process;
  process.start();

  for (const int microseconds : {0, 100}) {
    try {
      process.fail_after("not like this", microseconds).get();
      FAIL() << "nothing was thrown";
    } catch (const std::invalid_argument& exception) {
      const auto origin = origin_of(exception);
      EXPECT_STREQ(exception.what(), "not like this");
      ASSERT_TRUE(origin);
      EXPECT_EQ(origin->command, "fail_after");
      EXPECT_EQ(origin->process, "test");
    }
  }
  EXPECT_EQ(process.add(1, 1).get(), 2);
}

TEST_F(AsyncBackMessageProcess_, commands_begin_in_their_order_each_when_the_one_before_has_ended) {
  AsyncTestProcess process;
  process.start();
  std::mt19937 random{7};
  std::vector<Future<void>> calls;
  Strings expected;

  for (int i = 0; i < 60; ++i) {
    const std::string text = "n" + std::to_string(i);
    if (i % 3 == 2) {
      calls.push_back(process.note(text));
      expected.push_back(text);
    } else if (i % 3 == 1) {
      process.send_message_to_back({"note_after", {{"text", text}, {"microseconds", random() % 300}}});
      expected.insert(expected.end(), {text + " begins", text + " ends"});
    } else {
      calls.push_back(process.note_after(text, static_cast<int>(random() % 300)));
      expected.insert(expected.end(), {text + " begins", text + " ends"});
    }
  }

  for (Future<void>& call : calls) call.get();
  EXPECT_EQ(process.notes().get(), expected);
}

TEST_F(AsyncBackMessageProcess_, messages_before_start_are_handled_after_it_in_their_order) {
  AsyncTestProcess process;
  process.send_message_to_back({"note", {{"text", "first"}}});
  auto second = process.note_after("second", 10);

  process.start();
  process.send_message_to_back({"note", {{"text", "third"}}});

  EXPECT_TRUE(second.result());
  EXPECT_EQ(process.notes().get(), (Strings{"first", "second begins", "second ends", "third"}));
}

TEST_F(AsyncBackMessageProcess_, concurrent_command_runs_beside_the_others_up_to_its_bound_and_queues_behind) {
  AsyncTestProcess process;
  process.start();
  std::vector<Future<int>> held;

  for (int i = 0; i < 8; ++i) held.push_back(process.hold());

  EXPECT_EQ(process.add(1, 1).get(), 2);  // not held up
  EXPECT_EQ(process.release().get(), 3);
  for (int i = 0; i < 3; ++i) EXPECT_LE(held[static_cast<std::size_t>(i)].get(), 3);
  EXPECT_EQ(process.release().get(), 3);
  for (int i = 3; i < 6; ++i) EXPECT_LE(held[static_cast<std::size_t>(i)].get(), 3);
  EXPECT_EQ(process.release().get(), 2);
  for (int i = 6; i < 8; ++i) EXPECT_LE(held[static_cast<std::size_t>(i)].get(), 3);
  EXPECT_TRUE(process.stop(soon()));
}

TEST_F(AsyncBackMessageProcess_, the_loop_answers_a_ping_and_reads_a_stop_while_a_handler_waits) {
  AsyncTestProcess process;
  process.start();
  auto waiting = process.wait_in_order(Deadline::never());

  for (int i = 0; i < 10; ++i) EXPECT_TRUE(process.ping(soon()));

  EXPECT_TRUE(process.stop(soon()));
  EXPECT_EQ(waiting.result().error().code(), Errc::cancelled);
}

TEST_F(AsyncBackMessageProcess_, backend_is_one_thread) {
  AsyncTestProcess process;
  process.start();
  process.note_after("x", 100).get();

  EXPECT_EQ(process.threads().get(), 1);
}

TEST_F(AsyncBackMessageProcess_, coroutine_is_cancelled_at_the_deadline_of_its_call_and_the_next_command_begins) {
  AsyncTestProcess process;
  process.start();

  // On a busy machine a deadline may pass before its handler begins.
  std::ptrdiff_t begun = 0;
  std::ptrdiff_t left = 0;
  while (begun < 6 || left < begun) {
    EXPECT_EQ(process.wait_in_order(Deadline::after(3ms)).result().error().code(), Errc::deadline_exceeded);
    EXPECT_EQ(process.wait(Deadline::after(3ms)).result().error().code(), Errc::deadline_exceeded);
    EXPECT_EQ(process.add(1, 1).get(), 2);  // behind the one that waited in order
    const Strings notes = process.notes().get();
    begun = std::count_if(notes.begin(), notes.end(), [](const auto& note) { return note.ends_with(" begins"); });
    left = std::count_if(notes.begin(), notes.end(), [](const auto& note) { return note.ends_with(" left"); });
  }
  EXPECT_TRUE(process.stop(soon()));
}

TEST_F(AsyncBackMessageProcess_, command_whose_deadline_passes_while_it_waits_for_its_turn_is_not_run) {
  AsyncTestProcess process;
  process.start();
  auto first = process.wait_in_order(Deadline::after(200ms));
  auto late = process.request({"note", {{"text", "late"}}}, Deadline::after(1ms));
  auto late_coroutine = process.request({"note_after", {{"text", "late"}, {"microseconds", 1}}}, Deadline::after(1ms));

  EXPECT_EQ(late.result().error().code(), Errc::deadline_exceeded);
  EXPECT_EQ(late_coroutine.result().error().code(), Errc::deadline_exceeded);
  EXPECT_EQ(first.result().error().code(), Errc::deadline_exceeded);

  for (const std::string& note : process.notes().get()) EXPECT_TRUE(note.starts_with("wait_in_order")) << note;
}

TEST_F(AsyncBackMessageProcess_, cancelling_a_call_that_has_begun_reaches_the_coroutine_that_waits) {
  AsyncTestProcess process;
  process.start();
  for (int i = 0; i < 50; ++i) {
    auto waiting = process.wait_in_order(Deadline::never());
    auto beside = process.wait(Deadline::never());
    ASSERT_TRUE(process.ping(soon()));  // behind both

    EXPECT_FALSE(beside.cancel());
    const Error error = beside.result().error();
    EXPECT_EQ(error.code(), Errc::cancelled);
    EXPECT_EQ(error.outcome(), Outcome::cancelled);
    EXPECT_TRUE(error.may_have_run());
    EXPECT_FALSE(waiting.ready());
    EXPECT_FALSE(waiting.cancel());
    EXPECT_EQ(waiting.result().error().code(), Errc::cancelled);
  }

  const Strings notes = process.notes().get();
  EXPECT_EQ(std::count(notes.begin(), notes.end(), "wait left"), 50);
  EXPECT_EQ(std::count(notes.begin(), notes.end(), "wait_in_order left"), 50);
}

TEST_F(AsyncBackMessageProcess_, command_that_is_cancelled_while_it_waits_for_its_turn_never_runs) {
  AsyncTestProcess process;
  process.start();
  auto first = process.wait_in_order(Deadline::never());
  auto second = process.note_after("second", 1);
  auto third = process.note_after("third", 1);
  ASSERT_TRUE(process.ping(soon()));

  EXPECT_TRUE(second.cancel());
  EXPECT_FALSE(second.result().error().may_have_run());
  EXPECT_FALSE(first.cancel());
  EXPECT_TRUE(third.result());

  EXPECT_EQ(process.notes().get(),
            (Strings{"wait_in_order begins", "wait_in_order left", "third begins", "third ends"}));
}

TEST_F(AsyncBackMessageProcess_, coroutine_has_the_token_of_its_own_call_whatever_ran_in_between) {
  AsyncTestProcess process;
  process.start();
  std::vector<Future<void>> asking;
  for (int i = 0; i < 5; ++i) asking.push_back(process.ask_token());
  while (process.notes().get().size() < 5) {
  }

  for (std::size_t i = 0; i < 5; ++i) {
    asking[i].cancel();
    EXPECT_EQ(asking[i].result().error().outcome(), Outcome::cancelled);
    EXPECT_EQ(process.add(1, 1).get(), 2);
    for (std::size_t other = i + 1; other < 5; ++other) EXPECT_FALSE(asking[other].ready());
  }
}

TEST_F(AsyncBackMessageProcess_, what_a_cancelled_coroutine_returns_or_throws_by_itself_is_its_outcome) {
  AsyncTestProcess process;
  process.start();
  for (const bool failing : {false, true}) {
    auto cleaning = process.clean_up(failing);
    ASSERT_TRUE(process.ping(soon()));

    EXPECT_FALSE(cleaning.cancel());

    if (failing)
      EXPECT_THROW(cleaning.get(), std::runtime_error);
    else
      EXPECT_EQ(cleaning.get(), "clean");
  }
}

TEST_F(AsyncBackMessageProcess_, crash_in_a_coroutine_is_told_with_its_command_and_one_beside_it_is_not_blamed) {
  AsyncTestProcess process;
  process.start();
  auto beside = process.wait(Deadline::never());
  ASSERT_TRUE(process.ping(soon()));

  const Error error = process.crash_after(100).result().error();

  ASSERT_NE(error.death(), nullptr);
  EXPECT_EQ(error.death()->signal, SIGSEGV);
  EXPECT_EQ(error.death()->command, "crash_after");
  EXPECT_TRUE(error.may_have_run());
  EXPECT_EQ(beside.result().error().death()->command, "crash_after");
}

TEST_F(AsyncBackMessageProcess_, coroutine_that_keeps_the_thread_past_its_deadline_is_ended_where_that_was_asked_for) {
  AsyncTestProcess process{"spinning", {.when_late = LatePolicy::kill, .term_grace = 5ms}};
  process.start();
  auto beside = process.wait(Deadline::never());

  EXPECT_EQ(process.spin(Deadline::after(500ms)).result().error().code(), Errc::deadline_exceeded);

  const Error error = beside.result().error();
  EXPECT_EQ(error.code(), Errc::process_expired);
  ASSERT_NE(error.death(), nullptr);
  EXPECT_EQ(error.death()->command, "spin");
}

TEST_F(AsyncBackMessageProcess_, death_fails_the_calls_that_wait_inside_the_backend) {
  AsyncTestProcess process;
  process.start();
  std::vector<Future<void>> waiting;
  for (int i = 0; i < 20; ++i) waiting.push_back(process.wait(Deadline::never()));
  waiting.push_back(process.wait_in_order(Deadline::never()));
  ASSERT_TRUE(process.ping(soon()));

  process.kill();

  for (auto& call : waiting) EXPECT_EQ(call.result().error().code(), Errc::process_expired);
}

// --- Big messages, full queues ---------------------------------------------------------------------------------------

TEST_F(AsyncBackMessageProcess_, messages_larger_than_the_queue_pass_both_ways) {
  AsyncTestProcess process;
  process.start();
  std::mt19937 random{1};
  for (const std::size_t size : {0UL, 1UL, 30'000UL, 32'700UL, 33'000UL, 131'072UL, 5'000'000UL, 64'000'000UL}) {
    std::vector<std::uint8_t> bytes(size);
    for (std::size_t i = 0; i < size; i += 4096) bytes[i] = static_cast<std::uint8_t>(random());
    const std::vector<std::uint8_t> expected{bytes.rbegin(), bytes.rend()};

    EXPECT_EQ(process.reverse(bytes).get(), expected) << size;
  }
}

TEST_F(AsyncBackMessageProcess_, many_replies_larger_than_the_queue_keep_their_order_and_their_bytes) {
  AsyncTestProcess process{"many", {.when_full = QueuePolicy::block}};
  process.start();
  std::vector<Future<std::vector<std::uint8_t>>> replies;
  for (std::size_t i = 0; i < 3; ++i) {
    std::vector<std::uint8_t> bytes(200'000 + i * 77'777, static_cast<std::uint8_t>(i));
    bytes.back() = 99;
    replies.push_back(process.reverse(bytes));
  }

  for (std::size_t i = 0; i < 3; ++i) {
    const auto bytes = replies[i].get();
    ASSERT_EQ(bytes.size(), 200'000 + i * 77'777);
    EXPECT_EQ(bytes.front(), 99);
    EXPECT_TRUE(std::all_of(bytes.begin() + 1, bytes.end(), [&](std::uint8_t byte) { return byte == i; }));
  }
}

TEST_F(AsyncBackMessageProcess_, flooding_each_other_with_blocking_queues_does_not_deadlock) {
  AsyncTestProcess process{"flood", {.queue_bytes = 4096, .when_full = QueuePolicy::block}};
  process.start();

  std::thread receiver{[&] {
    for (int i = 0; i < 10'000; ++i) ASSERT_TRUE(process.pipe().receive(soon())) << i;
  }};
  for (int i = 0; i < 2'000; ++i)
    process.send_message_to_back({"say_waiting", {{"text", std::string(200, 'x')}, {"times", 5}}});
  receiver.join();

  EXPECT_TRUE(process.stop(soon()));
}

TEST_F(AsyncBackMessageProcess_, commands_that_wait_are_bounded_and_further_ones_are_refused) {
  AsyncTestProcess process{"full", {.queue_bytes = 4096}};
  process.start();
  auto first = process.wait_in_order(Deadline::never());
  int taken = 0;
  Result<void> sent{};
  // The backend takes some of them out of the queue to where they wait; at the end both are full.
  for (int refused = 0; refused < 3; refused += sent ? 0 : 1) {
    sent = process.try_send_message_to_back({"note", {{"text", std::string(100, 'x')}}}, soon());
    if (sent) ++taken;
    ASSERT_TRUE(sent || sent.error().code() == Errc::overloaded);
    ASSERT_LT(taken, 10'000);
    if (!sent) std::this_thread::yield();
  }

  EXPECT_GT(taken, 20);
  process.kill();
}

TEST_F(AsyncBackMessageProcess_, sending_more_than_anybody_receives_suspends_the_coroutine_and_nothing_else) {
  constexpr int messages = 300;
  AsyncTestProcess process{"talkative", {.out_queue_bytes = 20'000}};
  process.start();
  auto said = process.request({"say_waiting", {{"text", "x"}, {"times", messages}, {"bytes", 500}}}, soon());

  // As long as the coroutine gets on, a plain handler may find room, too.
  Result<Value> plain{};
  while (plain) plain = process.request({"say", {{"text", "y"}, {"times", 1}}}).result();
  for (int i = 0; i < 50; ++i) EXPECT_EQ(process.add(i, 1).get(), i + 1);

  EXPECT_FALSE(said.ready());
  EXPECT_EQ(plain.error().code(), Errc::handler_failed);
  EXPECT_NE(plain.error().message().find("overloaded"), std::string::npos) << plain.error().message();
  for (int received = 0; received < messages;) {
    const MessageObject message = process.pipe().receive(soon()).value();
    if (message["text"].as<std::string>() == "y") continue;
    EXPECT_EQ(message["number"].as<int>(), received++);
  }
  EXPECT_TRUE(said.result());
}

TEST_F(AsyncBackMessageProcess_, message_that_never_fits_fails_and_one_whose_deadline_passes_is_not_sent) {
  AsyncTestProcess process{"small", {.out_queue_bytes = 5'000, .default_deadline = 30ms}};
  process.start();

  const Error too_large =
      process.request({"say_waiting", {{"text", "x"}, {"times", 1}, {"bytes", 6'000}}}, soon()).result().error();
  const Error late =
      process.request({"say_waiting", {{"text", "x"}, {"times", 10}, {"bytes", 900}}}, soon()).result().error();

  EXPECT_NE(too_large.message().find("too_large"), std::string::npos) << too_large.message();
  EXPECT_NE(late.message().find("deadline_exceeded"), std::string::npos) << late.message();
  int received = 0;
  while (process.pipe().try_receive().value()) ++received;
  EXPECT_GT(received, 2);
  EXPECT_LT(received, 10);
}

// A big answer that nobody reads must not stop the loop: a timer behind it sets an event that is seen without reading.
class TickingProcess : public AsyncBackMessageProcess {
 public:
  explicit TickingProcess() : AsyncBackMessageProcess{"ticking"}, ticked{SharedEvent::create().value()} {
    command<&TickingProcess::c__tick_later>("tick_later");
    command<&TickingProcess::c__much>("much", "bytes"_a);
  }
  Future<void> tick_later() { return call<&TickingProcess::c__tick_later>(); }
  Future<std::string> much(std::size_t bytes) { return call<&TickingProcess::c__much>(bytes); }

  SharedEvent ticked;

 private:
  awaitable<void> c__tick_later() {
    create_task("tick", [](SharedEvent& event) -> awaitable<void> {
      co_await sleep_for(20ms);
      event.set();
    }(ticked));
    co_return;
  }
  awaitable<std::string> c__much(std::size_t bytes) { co_return std::string(bytes, 'x'); }
};

TEST_F(AsyncBackMessageProcess_, answer_that_nobody_reads_does_not_stop_the_loop) {
  TickingProcess process;
  process.start();
  process.tick_later().get();

  auto much = process.much(3'000'000);

  EXPECT_TRUE(process.ticked.wait(soon()));
  EXPECT_EQ(much.get().size(), 3'000'000U);
}

// --- Life ------------------------------------------------------------------------------------------------------------

class LivingProcess : public AsyncBackMessageProcess {
 public:
  explicit LivingProcess(std::string fails = {}) : AsyncBackMessageProcess{"living"}, fails_{std::move(fails)} {
    command<&LivingProcess::c__order>("order");
    command<&LivingProcess::c__spawn>("spawn", "name"_a, "throws"_a = false);
    command<&LivingProcess::c__post_many>("post_many", "count"_a);
    command<&LivingProcess::c__guarded>("guarded");
    command<&LivingProcess::c__until_stop>("until_stop");
  }
  Future<Strings> order() { return call<&LivingProcess::c__order>(); }
  Future<void> until_stop() { return call<&LivingProcess::c__until_stop>(Deadline::never()); }

 private:
  void pre_run() override { pass("pre_run"); }
  awaitable<void> async_pre() override {
    co_await sleep_for(1ms);
    pass("async_pre");
    co_await sleep_for(1ms);
  }
  awaitable<void> async_post() override {
    for (int i = 0; i < post_many_; ++i) {
      const MessageObject many{"many", {{"number", i}, {"bytes", std::string(1'000, 'x')}}};
      co_await async_send_out(many);
    }
    co_await sleep_for(1ms);
    pass("async_post");
    say(order_);
  }
  void post_run() override {
    pass("post_run");
    say(order_);
  }
  void pass(const std::string& stage) {
    if (fails_ == stage) throw std::runtime_error{"no " + stage};
    order_.push_back(stage);
  }
  void say(const Strings& order) { send_out({"order", {{"stages", order}}}); }

  awaitable<Strings> c__order() { co_return order_; }
  awaitable<void> c__spawn(std::string name, bool throws) {
    create_task(name, task(name, throws));
    co_return;
  }
  awaitable<void> task(std::string name, bool throws) {
    const struct Leaving {
      LivingProcess& process;
      std::string name;
      ~Leaving() { process.order_.push_back(name + " left"); }
    } leaving{*this, name};
    co_await sleep_for(std::chrono::microseconds{100});
    if (throws) throw std::invalid_argument{"by " + name};
    co_await sleep_for_ever();
  }
  void c__post_many(int count) { post_many_ = count; }
  awaitable<void> c__guarded() { co_await exclogmsg("guarded", 7, task("guarded task", true)); }
  awaitable<void> c__until_stop() {
    co_await async_stop_requested();
    pass("stop was seen");
  }

  std::string fails_;
  Strings order_;
  int post_many_ = 0;
};

TEST_F(AsyncBackMessageProcess_, stages_follow_each_other_as_in_the_seed_and_what_the_last_ones_send_arrives) {
  LivingProcess process;
  process.start();
  process.send_message_to_back({"post_many", {{"count", 40}}});

  EXPECT_EQ(process.order().get(), (Strings{"pre_run", "async_pre"}));
  EXPECT_TRUE(process.stop(soon()));

  for (int i = 0; i < 40; ++i) EXPECT_EQ(process.pipe().receive(soon()).value()["number"].as<int>(), i);
  EXPECT_EQ(process.pipe().receive(soon()).value()["stages"].as<Strings>(),
            (Strings{"pre_run", "async_pre", "async_post"}));
  EXPECT_EQ(process.pipe().receive(soon()).value()["stages"].as<Strings>(),
            (Strings{"pre_run", "async_pre", "async_post", "post_run"}));
  EXPECT_EQ(process.pipe().receive(soon()).error().code(), Errc::stopped);
}

TEST_F(AsyncBackMessageProcess_, exception_of_a_stage_ends_the_backend_and_the_frontend_is_told_which) {
  for (const char* stage : {"pre_run", "async_pre", "async_post", "post_run"}) {
    LivingProcess process{stage};
    process.start();
    const bool gets_ready = std::string_view{stage}.ends_with("post") || stage == std::string_view{"post_run"};
    EXPECT_EQ(static_cast<bool>(process.wait_ready(soon())), gets_ready) << stage;

    const Error error = process.stop(soon()).error();

    EXPECT_EQ(error.code(), Errc::handler_failed) << stage;
    EXPECT_EQ(error.remote()->command, stage);
    EXPECT_EQ(error.remote()->what, std::string{"no "} + stage);
  }
}

TEST_F(AsyncBackMessageProcess_, tasks_are_cancelled_and_awaited_at_a_stop_before_async_post) {
  LivingProcess process;
  process.start();
  for (const char* name : {"one", "two"}) process.request({"spawn", {{"name", name}}}).get();

  EXPECT_TRUE(process.stop(soon()));

  auto stages = process.pipe().receive(soon()).value()["stages"].as<Strings>();
  ASSERT_EQ(stages.size(), 5U);
  EXPECT_EQ(stages[4], "async_post");
  std::sort(stages.begin() + 2, stages.begin() + 4);
  EXPECT_EQ(stages[2], "one left");
  EXPECT_EQ(stages[3], "two left");
}

TEST_F(AsyncBackMessageProcess_, exception_of_a_task_is_logged_with_its_name_and_that_of_a_cancelled_one_is_not) {
  tests::LogCapture log;
  LivingProcess process;
  process.start();
  process.request({"spawn", {{"name", "thrower"}, {"throws", true}}}).get();
  process.request({"spawn", {{"name", "waiter"}}}).get();
  while (process.order().get().back() != "thrower left") {
  }

  EXPECT_TRUE(process.stop(soon()));

  const auto records = log.take();
  ASSERT_EQ(records.size(), 1U);
  EXPECT_EQ(records[0].level, spdlog::level::err);
  EXPECT_EQ(records[0].logger, "LivingProcess.living");
  EXPECT_NE(records[0].text.find("'thrower'"), std::string::npos) << records[0].text;
  EXPECT_NE(records[0].text.find("by thrower"), std::string::npos) << records[0].text;
}

TEST_F(AsyncBackMessageProcess_, exclogmsg_tells_the_frontend_as_in_the_seed) {
  tests::LogCapture log;
  LivingProcess process;
  process.start();

  EXPECT_TRUE(process.request({"guarded"}).result());

  const MessageObject error = process.pipe().receive(soon()).value();
  EXPECT_EQ(error(), "error");
  EXPECT_EQ(error["slot"].as<int>(), 7);
  EXPECT_EQ(error["name"].as<std::string>(), "guarded");
  EXPECT_NE(error["what"].as<std::string>().find("by guarded task"), std::string::npos);
  EXPECT_EQ(log.take().size(), 1U);
}

TEST_F(AsyncBackMessageProcess_, stop_lets_what_was_sent_before_it_end) {
  AsyncTestProcess process;
  process.grace = 20s;
  process.start();
  std::vector<Future<void>> notes;
  for (int i = 0; i < 100; ++i) notes.push_back(process.note_after("n", 100));

  EXPECT_TRUE(process.stop(soon()));

  for (Future<void>& note : notes) EXPECT_TRUE(note.result());
  EXPECT_EQ(process.add(1, 1).result().error().code(), Errc::stopped);
}

TEST_F(AsyncBackMessageProcess_, stop_cancels_what_does_not_end_by_itself_begun_or_not) {
  AsyncTestProcess process;
  process.start();
  std::vector<Future<void>> waiting;
  for (int i = 0; i < 10; ++i) waiting.push_back(process.wait(Deadline::never()));
  for (int i = 0; i < 10; ++i) waiting.push_back(process.wait_in_order(Deadline::never()));
  auto behind = process.note("behind");

  EXPECT_TRUE(process.stop(soon()));

  for (Future<void>& call : waiting) EXPECT_EQ(call.result().error().code(), Errc::cancelled);
  EXPECT_EQ(behind.result().error().code(), Errc::cancelled);
}

TEST_F(AsyncBackMessageProcess_, handler_that_waits_for_the_stop_ends_with_it) {
  LivingProcess process;
  process.start();
  auto until_stop = process.until_stop();

  EXPECT_TRUE(process.stop(soon()));

  EXPECT_TRUE(until_stop.result());
  EXPECT_EQ(process.pipe().receive(soon()).value()["stages"].as<Strings>()[2], "stop was seen");
}

TEST_F(AsyncBackMessageProcess_, backend_may_stop_itself_in_a_coroutine) {
  AsyncTestProcess process;
  process.start();

  process.send_message_to_back({"leave_in_order"});

  EXPECT_TRUE(process.wait_stop(soon()));
}

TEST_F(AsyncBackMessageProcess_, leaving_with_code_0_inside_a_coroutine_is_a_crash) {
  AsyncTestProcess process;
  process.start();

  EXPECT_EQ(process.exit(0).result().error().code(), Errc::process_expired);
}

TEST_F(AsyncBackMessageProcess_, restart_gives_it_a_new_io_context) {
  AsyncTestProcess process;
  process.start();
  auto waiting = process.wait_in_order(Deadline::never());
  ASSERT_TRUE(process.ping(soon()));
  process.kill();
  ASSERT_FALSE(waiting.result());

  ASSERT_TRUE(process.restart(soon()));

  EXPECT_EQ(process.add(1, 2).get(), 3);
  process.note_after("again", 100).get();
  EXPECT_TRUE(process.stop(soon()));
}

TEST_F(AsyncBackMessageProcess_, stops_in_order_at_any_moment_of_its_work) {
  std::mt19937 random{11};
  for (int round = 0; round < 20; ++round) {
    AsyncTestProcess process;
    process.grace = 20s;
    process.start();
    std::vector<Future<void>> calls;
    const auto count = random() % 40;
    for (std::size_t i = 0; i < count; ++i) calls.push_back(process.note_after("n", static_cast<int>(random() % 200)));
    if (count > 0) static_cast<void>(calls[random() % count].wait(soon()));

    EXPECT_TRUE(process.stop(soon()));

    for (Future<void>& call : calls) EXPECT_TRUE(call.result());
  }
}

}  // namespace
}  // namespace prong

#include "prong/supervise/supervisor.hpp"

#include "fake_child.hpp"
#include "log_capture.hpp"
#include "prong/loop/event_loop.hpp"
#include "prong/supervise/supervisor_thread.hpp"
#include "prong/testing/manual_clock.hpp"

#include <gtest/gtest.h>

#include <future>

namespace prong {
namespace {

using namespace std::chrono_literals;
using supervise::ChildState;
using tests::FakeChild;
using Lines = std::vector<std::string>;

constexpr Backoff no_jitter{.initial = 100ms, .factor = 2, .max = 1s, .jitter = 0};

// A supervisor of fakes, in a time that only the test moves.
class Supervisor_ : public ::testing::Test {
 protected:
  std::unique_ptr<Supervisor> supervisor(SupervisorSpec spec) {
    spec.backoff = no_jitter;
    auto made = std::make_unique<Supervisor>(std::move(spec), clock);
    made->on_event([this](const SupervisionEvent& event) { events.push_back(to_string(event)); });
    return made;
  }
  Lines take_notes() { return std::exchange(notes, {}); }
  Lines take_events() { return std::exchange(events, {}); }

  testing::ManualClock clock;
  Lines notes;
  Lines events;
  FakeChild a{"a", notes};
  FakeChild b{"b", notes};
  FakeChild c{"c", notes};
  const tests::LogCapture log;
};

TEST_F(Supervisor_, starts_children_in_turn_and_tells_what_happens) {
  const auto s = supervisor({});
  s->add({.name = "a"}, a);
  s->add({.name = "b"}, b);
  a.ready_when_asked = false;

  ASSERT_TRUE(s->start());
  EXPECT_EQ(take_notes(), (Lines{"start a", "ask_ready a"}));
  EXPECT_FALSE(s->ready());
  EXPECT_EQ(s->state_of("a"), ChildState::starting);
  EXPECT_EQ(s->state_of("b"), ChildState::waiting);
  a.last.ready();

  EXPECT_EQ(take_notes(), (Lines{"start b", "ask_ready b"}));
  EXPECT_TRUE(s->ready());
  EXPECT_EQ(take_events(), (Lines{"a#1 started", "a#1 ready", "b#1 started", "b#1 ready"}));
}

TEST_F(Supervisor_, restarts_after_the_backoff_and_tells_cause_and_delay) {
  const auto s = supervisor({});
  s->add({.name = "a"}, a);
  ASSERT_TRUE(s->start());
  take_events();

  a.dies_of("signal 11");
  EXPECT_EQ(take_events(),
            (Lines{"a#1 down: process_expired: signal 11", "a#1 restarting in 100 ms: process_expired: signal 11"}));
  clock.advance(99ms);
  EXPECT_EQ(s->state_of("a"), ChildState::waiting);
  clock.advance(1ms);

  EXPECT_EQ(take_events(), (Lines{"a#2 started", "a#2 ready"}));
  EXPECT_EQ(s->incarnation_of("a"), 2U);
}

TEST_F(Supervisor_, logs_each_event_with_the_level_it_deserves) {
  const auto s = supervisor({.name = "video", .intensity = 1});
  s->add({.name = "a"}, a);
  tests::LogCapture capture;
  ASSERT_TRUE(s->start());
  a.dies_of("signal 11");
  clock.advance(100ms);
  a.dies_of("signal 6");

  Lines lines;
  for (const tests::KeptRecord& record : capture.take()) {
    EXPECT_EQ(record.logger, "Supervisor.video");
    lines.push_back(std::string{spdlog::level::to_string_view(record.level).data()} + " " + record.text);
  }

  EXPECT_EQ(lines,
            (Lines{"info a#1 ready", "info a#1 down: process_expired: signal 11",
                   "info a#1 restarting in 100 ms: process_expired: signal 11", "info a#2 ready",
                   "info a#2 down: process_expired: signal 6",
                   "error a#2 gave_up: process_expired: supervisor 'video' gave up after 1 restarts within 10 s: "
                   "signal 6"}));
}

TEST_F(Supervisor_, what_a_child_reports_within_its_start_comes_after_the_start) {
  const auto s = supervisor({});
  s->add({.name = "a"}, a);
  a.ready_within_start = true;

  ASSERT_TRUE(s->start());

  EXPECT_EQ(take_events(), (Lines{"a#1 started", "a#1 ready"}));
}

TEST_F(Supervisor_, a_start_that_fails_or_throws_is_a_failure_of_the_child) {
  const auto s = supervisor({.intensity = 1});
  s->add({.name = "a"}, a);
  a.start_result = fail(Errc::system, "fork: no memory");

  ASSERT_TRUE(s->start());
  EXPECT_EQ(take_events(), (Lines{"a#1 down: system: 'a' could not be started: fork: no memory",
                                  "a#1 restarting in 100 ms: system: 'a' could not be started: fork: no memory"}));
  a.throw_at_start = a.ready_within_start = true;
  clock.advance(100ms);

  EXPECT_FALSE(s->running());
  EXPECT_EQ(s->outcome().error().code(), Errc::invalid_state);
  EXPECT_EQ(take_notes(), (Lines{"start a", "start a"}));
}

TEST_F(Supervisor_, kills_a_child_that_does_not_answer_a_ping) {
  const auto s = supervisor({});
  s->add({.name = "a", .liveness = Liveness{.interval = 1s, .deadline = 2s}}, a);
  ASSERT_TRUE(s->start());
  clock.advance(3s);
  EXPECT_EQ(take_notes(), (Lines{"start a", "ask_ready a", "ping a", "ping a", "ping a"}));
  take_events();

  a.answers_pings = false;
  clock.advance(1s);
  a.last = {};  // so hung that it cannot even say that it is gone: that is told by the test
  a.dies = false;
  clock.advance(2s);

  EXPECT_EQ(take_notes(), (Lines{"ping a", "kill a"}));
  EXPECT_EQ(take_events(), (Lines{"a#1 hung: deadline_exceeded: 'a' did not answer a ping within 2 s and was killed"}));
  EXPECT_EQ(s->state_of("a"), ChildState::killed);
}

TEST_F(Supervisor_, a_hung_child_comes_back_with_the_hang_as_cause) {
  const auto s = supervisor({});
  s->add({.name = "a", .liveness = Liveness{.interval = 1s, .deadline = 2s}}, a);
  ASSERT_TRUE(s->start());
  a.answers_pings = false;
  take_events();

  clock.advance(3s);

  const std::string why = "deadline_exceeded: 'a' did not answer a ping within 2 s and was killed";
  EXPECT_EQ(take_events(), (Lines{"a#1 hung: " + why, "a#1 down: " + why, "a#1 restarting in 100 ms: " + why}));
}

TEST_F(Supervisor_, recycles_a_child_that_uses_too_much) {
  const auto s = supervisor({.intensity = 0});
  s->add({.name = "a", .recycle = {.memory_growth_bytes = 1000, .check_interval = 1s}}, a);
  a.used.memory_bytes = 5000;
  ASSERT_TRUE(s->start());
  a.used.memory_bytes = 6001;
  take_events();

  clock.advance(1s);

  const std::string why = "stopped: 'a' has grown by 1001 bytes since it was ready, more than 1000";
  EXPECT_EQ(take_events(),
            (Lines{"a#1 recycled: " + why, "a#1 down", "a#1 restarting in 0 ms: " + why, "a#2 started", "a#2 ready"}));
}

TEST_F(Supervisor_, ignores_what_a_former_incarnation_reports) {
  const auto s = supervisor({});
  s->add({.name = "a"}, a);
  ASSERT_TRUE(s->start());
  const ChildReport former = a.last;
  a.dies_of("signal 11");
  clock.advance(100ms);
  take_events();

  former.ended(fail(Errc::process_expired, "an old story"));
  former.ready();

  EXPECT_TRUE(take_events().empty());
  EXPECT_EQ(s->state_of("a"), ChildState::ready);
}

TEST_F(Supervisor_, that_is_destroyed_kills_what_runs_and_hears_no_more) {
  auto s = supervisor({});
  s->add({.name = "a"}, a);
  s->add({.name = "b"}, b);
  s->add({.name = "c", .restart = RestartType::temporary}, c);
  ASSERT_TRUE(s->start());
  c.dies_of("x");
  take_notes();
  take_events();

  s.reset();
  a.dies_of("x");
  clock.advance(1h);

  EXPECT_EQ(take_notes(), (Lines{"kill b", "kill a"}));
  EXPECT_TRUE(take_events().empty());
}

TEST_F(Supervisor_, goes_on_when_a_handler_throws) {
  const auto s = supervisor({});
  s->add({.name = "a"}, a);
  s->on_event([](const SupervisionEvent&) { throw std::runtime_error{"handler"}; });
  ASSERT_TRUE(s->start());

  a.dies_of("signal 11");
  clock.advance(100ms);

  EXPECT_EQ(s->state_of("a"), ChildState::ready);
}

TEST_F(Supervisor_, may_be_stopped_by_a_handler_and_started_again_by_the_one_of_its_end) {
  const auto s = supervisor({});
  s->add({.name = "a"}, a);
  int ends = 0;
  s->on_event([&](const SupervisionEvent& event) {
    if (event.kind == SupervisionEvent::Kind::down && ends == 0) s->request_stop();
  });
  s->on_end([&](const Result<void>& how) {
    EXPECT_TRUE(how);
    ++ends;
    EXPECT_TRUE(s->start());
  });
  ASSERT_TRUE(s->start());

  a.dies_of("signal 11");

  EXPECT_EQ(ends, 1);
  EXPECT_TRUE(s->ready());
  EXPECT_EQ(s->incarnation_of("a"), 2U);
}

TEST_F(Supervisor_, refuses_a_bad_policy_and_a_second_start) {
  const auto bad = supervisor({.name = "s", .period = 0s});
  const auto good = supervisor({});

  EXPECT_EQ(bad->start().error().code(), Errc::invalid_argument);
  EXPECT_TRUE(good->start());
  EXPECT_EQ(good->start().error().code(), Errc::already_started);
}

// --- Trees -----------------------------------------------------------------------------------------------------------

class SupervisorTree : public Supervisor_ {
 protected:
  void plant(SupervisorSpec outer_spec, SupervisorSpec inner_spec, ChildSpec inner_child = {.name = "inner"}) {
    outer_spec.name = "outer";
    inner_spec.name = "inner";
    outer = supervisor(outer_spec);
    inner = supervisor(inner_spec);
    inner->add({.name = "a"}, a);
    inner->add({.name = "b"}, b);
    outer->add(std::move(inner_child), *inner);
    outer->add({.name = "c"}, c);
  }
  std::unique_ptr<Supervisor> inner;
  std::unique_ptr<Supervisor> outer;
};

TEST_F(SupervisorTree, comes_up_branch_by_branch_and_goes_down_in_reverse) {
  plant({}, {});
  b.ready_when_asked = false;

  ASSERT_TRUE(outer->start());
  EXPECT_EQ(take_notes(), (Lines{"start a", "ask_ready a", "start b", "ask_ready b"}));
  b.last.ready();
  EXPECT_EQ(take_notes(), (Lines{"start c", "ask_ready c"}));
  EXPECT_TRUE(outer->ready());
  outer->request_stop();

  EXPECT_EQ(take_notes(), (Lines{"stop c", "stop b", "stop a"}));
  EXPECT_FALSE(outer->running());
  EXPECT_TRUE(outer->outcome());
}

TEST_F(SupervisorTree, giving_up_is_a_death_that_the_parent_answers) {
  plant({.strategy = Strategy::rest_for_one}, {.intensity = 0});
  ASSERT_TRUE(outer->start());
  take_notes();
  take_events();

  a.dies_of("signal 11");
  EXPECT_EQ(take_notes(), (Lines{"stop b", "stop c"}));
  clock.advance(100ms);

  EXPECT_EQ(take_notes(), (Lines{"start a", "ask_ready a", "start b", "ask_ready b", "start c", "ask_ready c"}));
  const std::string why = "process_expired: supervisor 'inner' gave up after 0 restarts within 10 s: signal 11";
  EXPECT_EQ(take_events(),
            (Lines{"a#1 down: process_expired: signal 11", "a#1 gave_up: " + why, "b#1 down", "inner#1 down: " + why,
                   "inner#1 restarting in 100 ms: " + why, "c#1 down",
                   "c#1 restarting in 100 ms: stopped: restarted together with 'inner'", "a#2 started", "a#2 ready",
                   "b#2 started", "b#2 ready", "inner#2 started", "inner#2 ready", "c#2 started", "c#2 ready"}));
}

TEST_F(SupervisorTree, gives_up_as_a_whole_when_the_root_does) {
  plant({.intensity = 1}, {.intensity = 1});
  ASSERT_TRUE(outer->start());
  for (int i = 0; i < 4; ++i) {
    EXPECT_TRUE(outer->running());
    a.dies_of("signal 11");
    clock.advance(500ms);
  }

  EXPECT_FALSE(outer->running());
  EXPECT_FALSE(inner->running());
  EXPECT_EQ(
      outer->outcome().error().message(),
      "supervisor 'outer' gave up after 1 restarts within 10 s: supervisor 'inner' gave up after 1 restarts within "
      "10 s: signal 11");
}

TEST_F(SupervisorTree, answers_pings_and_adds_up_what_its_children_use) {
  plant({}, {},
        {.name = "inner",
         .liveness = Liveness{.interval = 1s, .deadline = 1s},
         .recycle = {.tasks = 7, .check_interval = 1s}});
  ASSERT_TRUE(outer->start());
  clock.advance(5s);
  EXPECT_EQ(outer->incarnation_of("inner"), 1U);

  a.used = {.tasks = 3, .memory_bytes = 10};
  b.used = {.tasks = 4, .memory_bytes = 20};
  EXPECT_EQ(inner->usage(), (ChildUsage{.tasks = 7, .memory_bytes = 30}));
  clock.advance(1s);

  EXPECT_EQ(outer->incarnation_of("inner"), 2U);
}

TEST_F(SupervisorTree, a_branch_that_does_not_stop_is_killed_with_all_that_is_in_it) {
  plant({}, {}, {.name = "inner", .shutdown_deadline = 2s});
  ASSERT_TRUE(outer->start());
  a.stops = b.stops = false;
  outer->request_stop();
  take_notes();

  clock.advance(2s);

  EXPECT_EQ(take_notes(), (Lines{"kill b", "kill a"}));
  EXPECT_FALSE(outer->running());
}

// --- With a loop -----------------------------------------------------------------------------------------------------

class SupervisorLoop : public ::testing::Test {
 protected:
  Lines notes;
  std::unique_ptr<loop::EventLoop> loop = loop::EventLoop::create().value();
  FakeChild a{"a", notes};
  const tests::LogCapture log;
};

TEST_F(SupervisorLoop, waits_for_readiness_and_for_the_end) {
  Supervisor s{{}, *loop};
  s.add({.name = "a"}, a);
  a.ready_when_asked = false;
  EXPECT_EQ(s.wait_ready(Deadline::now()).error().code(), Errc::not_started);
  ASSERT_TRUE(s.start());
  loop->post([&] { a.last.ready(); });

  EXPECT_TRUE(s.wait_ready(Deadline::after(20s)));
  EXPECT_TRUE(s.stop(Deadline::after(20s)));

  EXPECT_EQ(notes, (Lines{"start a", "ask_ready a", "stop a"}));
  EXPECT_TRUE(s.stop(Deadline::now()));
}

TEST_F(SupervisorLoop, wait_for_readiness_ends_with_the_deadline_or_with_giving_up) {
  Supervisor s{{.intensity = 0}, *loop};
  s.add({.name = "a"}, a);
  a.ready_when_asked = false;
  ASSERT_TRUE(s.start());

  EXPECT_EQ(s.wait_ready(Deadline::after(1ms)).error().code(), Errc::deadline_exceeded);
  loop->post([&] { a.dies_of("signal 11"); });
  EXPECT_EQ(s.wait_ready(Deadline::after(20s)).error().code(), Errc::process_expired);
}

TEST_F(SupervisorLoop, kills_at_the_deadline_of_a_stop) {
  Supervisor s{{}, *loop};
  s.add({.name = "a"}, a);
  ASSERT_TRUE(s.start());
  a.stops = false;

  EXPECT_EQ(s.stop(Deadline::after(5ms)).error().code(), Errc::deadline_exceeded);

  EXPECT_EQ(notes.back(), "kill a");
  EXPECT_FALSE(s.running());
}

TEST_F(SupervisorLoop, restarts_by_the_timers_of_the_loop) {
  Supervisor s{{.backoff = {.initial = 2ms}}, *loop};
  s.add({.name = "a", .liveness = Liveness{.interval = 1ms, .deadline = 5ms}}, a);
  ASSERT_TRUE(s.start());
  a.answers_pings = false;

  while (s.incarnation_of("a") < 3) ASSERT_TRUE(loop->run_once(Deadline::after(20s)));

  EXPECT_TRUE(s.stop(Deadline::after(20s)));
}

// --- In a thread of its own ------------------------------------------------------------------------------------------

TEST_F(SupervisorLoop, runs_in_a_thread_of_its_own_where_that_is_asked_for) {
  SupervisorThread thread{{.backoff = {.initial = 1ms}}};
  std::promise<void> is_back;
  thread.supervisor().add({.name = "a"}, a);
  thread.supervisor().on_event([&](const SupervisionEvent& event) {
    if (event.kind == SupervisionEvent::Kind::ready && event.incarnation == 2) is_back.set_value();
  });

  ASSERT_TRUE(thread.start(Deadline::after(20s)));
  EXPECT_EQ(thread.start(Deadline::never()).error().code(), Errc::already_started);
  thread.run_there([&](Supervisor&) { a.dies_of("signal 11"); });
  is_back.get_future().wait();
  thread.run_there([&](Supervisor& s) { EXPECT_EQ(s.state_of("a"), ChildState::ready); });
  EXPECT_THROW(thread.run_there([](Supervisor&) { throw std::runtime_error{"x"}; }), std::runtime_error);

  EXPECT_TRUE(thread.stop(Deadline::after(20s)));
  EXPECT_EQ(notes.back(), "stop a");
}

TEST_F(SupervisorLoop, a_thread_whose_children_do_not_come_up_is_not_left_behind) {
  SupervisorThread thread{{.intensity = 0}};
  thread.supervisor().add({.name = "a"}, a);
  a.start_result = fail(Errc::system, "fork: no memory");

  EXPECT_EQ(thread.start(Deadline::after(20s)).error().code(), Errc::system);

  EXPECT_FALSE(thread.supervisor().running());
  a.start_result = Result<void>{};
  EXPECT_TRUE(thread.start(Deadline::after(20s)));
}

}  // namespace
}  // namespace prong

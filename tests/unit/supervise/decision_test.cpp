#include "prong/supervise/decision.hpp"

#include "script.hpp"

namespace prong::supervise {
namespace {

using namespace std::chrono_literals;
using tests::Script;

constexpr Backoff no_jitter{.initial = 100ms, .factor = 2, .max = 1s, .jitter = 0};

std::vector<ChildSpec> named(std::size_t count, RestartType type = RestartType::permanent) {
  std::vector<ChildSpec> children;
  for (std::size_t i = 0; i < count; ++i)
    children.push_back({.name = std::string(1, static_cast<char>('a' + i)), .restart = type});
  return children;
}

SupervisorSpec with(Strategy strategy, Order order = Order::in_turn) {
  return {.name = "s", .strategy = strategy, .intensity = 3, .period = 10s, .backoff = no_jitter, .order = order};
}

Script running(SupervisorSpec spec, std::vector<ChildSpec> children) {
  Script script{std::move(spec), std::move(children)};
  script.start();
  for (std::size_t i = 0; i < script.state().children.size(); ++i) {
    script.up(i);
    script.measured(i, {});
  }
  EXPECT_TRUE(script.state().ready);
  return script;
}

// --- The table of states and events ----------------------------------------------------------------------------------

// A supervisor of one child that is in `state`, with nothing due.
Script child_in(ChildState state) {
  const bool finishes = state == ChildState::finished;
  Script script{
      with(Strategy::one_for_one),
      {{.name = "a",
        .restart = finishes ? RestartType::temporary : RestartType::permanent,
        .readiness_deadline = 7s,
        .liveness = Liveness{.interval = 2s, .deadline = 3s},
        .recycle = {.tasks = finishes ? std::nullopt : std::optional<std::uint64_t>{10}, .check_interval = 4s},
        .shutdown_deadline = 6s}}};
  if (state == ChildState::stopped) return script;
  script.start();
  if (state == ChildState::starting) return script;
  script.up(0);
  script.measured(0, {});
  if (state == ChildState::waiting) script.fails(0);
  if (state == ChildState::stopping) script.stop();
  if (state == ChildState::killed) script.kill();
  if (state == ChildState::finished) script.ends(0);
  return script;
}

struct Cell {
  const char* decided;
  ChildState next;
};

TEST(Decision, follows_the_table_of_states_and_events) {
  using enum ChildState;
  using Do = std::string (*)(Script&);
  struct Column {
    const char* event;
    Do happens;
    Cell cells[state_count];  // stopped, waiting, starting, ready, stopping, killed, finished
  };
  const Column columns[] = {
      {"started",
       [](Script& s) { return s.started(0); },
       {{"", stopped},
        {"", waiting},
        {"<started 0> ask_ready 0", starting},
        {"", ready},
        {"", stopping},
        {"", killed},
        {"", finished}}},
      {"ready",
       [](Script& s) { return s.ready(0); },
       {{"", stopped},
        {"", waiting},
        {"<ready 0> measure 0 READY", ready},
        {"", ready},
        {"", stopping},
        {"", killed},
        {"", finished}}},
      {"alive, without a ping",
       [](Script& s) { return s.alive(0); },
       {{"", stopped}, {"", waiting}, {"", starting}, {"", ready}, {"", stopping}, {"", killed}, {"", finished}}},
      {"measured, below the limit",
       [](Script& s) { return s.measured(0, {.tasks = 9}); },
       {{"", stopped}, {"", waiting}, {"", starting}, {"", ready}, {"", stopping}, {"", killed}, {"", finished}}},
      {"measured, at the limit",
       [](Script& s) { return s.measured(0, {.tasks = 10}); },
       {{"", stopped},
        {"", waiting},
        {"", starting},
        {"<recycled 0> stop 0", stopping},
        {"", stopping},
        {"", killed},
        {"", finished}}},
      {"ended by an error",
       [](Script& s) { return s.fails(0); },
       {{"", stopped},
        {"", waiting},
        {"<down 0> <restarting 0>", waiting},
        {"<down 0> <restarting 0>", waiting},
        {"<down 0> ENDED", stopped},
        {"<down 0> ENDED", stopped},
        {"", finished}}},
      {"ended in order",
       [](Script& s) { return s.ends(0); },
       {{"", stopped},
        {"", waiting},
        {"<down 0> <restarting 0>", waiting},
        {"<down 0> <restarting 0>", waiting},
        {"<down 0> ENDED", stopped},
        {"<down 0> ENDED", stopped},
        {"", finished}}},
      {"time, before anything is due",
       [](Script& s) { return s.after(1ms); },
       {{"", stopped}, {"", waiting}, {"", starting}, {"", ready}, {"", stopping}, {"", killed}, {"", finished}}},
      {"time, after everything is due",
       [](Script& s) { return s.after(7s); },
       {{"", stopped},
        {"start 0", starting},
        {"kill 0", killed},
        {"ping 0 measure 0", ready},
        {"kill 0", killed},
        {"", killed},
        {"", finished}}},
      {"stop",
       [](Script& s) { return s.stop(); },
       {{"", stopped},
        {"ENDED", stopped},
        {"stop 0", stopping},
        {"stop 0", stopping},
        {"", stopping},
        {"", killed},
        {"ENDED", stopped}}},
      {"kill",
       [](Script& s) { return s.kill(); },
       {{"", stopped},
        {"ENDED", stopped},
        {"kill 0", killed},
        {"kill 0", killed},
        {"kill 0", killed},
        {"", killed},
        {"ENDED", stopped}}},
  };

  for (const Column& column : columns) {
    for (std::size_t state = 0; state < state_count; ++state) {
      SCOPED_TRACE(std::string{column.event} + " happens to one that is " +
                   std::string{name_of(static_cast<ChildState>(state))});
      Script script = child_in(static_cast<ChildState>(state));
      ASSERT_EQ(script.child(0).state, static_cast<ChildState>(state));

      const std::string decided = column.happens(script);

      EXPECT_EQ(decided, column.cells[state].decided);
      EXPECT_EQ(name_of(script.child(0).state), name_of(column.cells[state].next));
    }
  }
}

TEST(Decision, ignores_what_another_incarnation_did) {
  for (std::size_t state = 0; state < state_count; ++state) {
    for (std::size_t what = 0; what < event_count; ++what) {
      Script script = child_in(static_cast<ChildState>(state));
      const State before = script.state();
      const std::uint64_t other = before.children[0].incarnation + 1;

      const std::string decided =
          script.feed({.kind = Event::Kind::child, .incarnation = other, .what = static_cast<ChildEvent>(what)});

      EXPECT_EQ(decided, "");
      EXPECT_EQ(script.state(), before);
    }
  }
}

// --- Starts ----------------------------------------------------------------------------------------------------------

TEST(Decision, starts_each_child_when_the_one_before_is_ready_because_started_is_not_ready) {
  Script script{with(Strategy::one_for_one), named(3)};

  EXPECT_EQ(script.start(), "start 0");
  EXPECT_EQ(script.started(0), "<started 0> ask_ready 0");
  EXPECT_EQ(script.after(1s), "");
  EXPECT_EQ(script.ready(0), "<ready 0> start 1");
  EXPECT_EQ(script.up(1), "<started 1> ask_ready 1 <ready 1> start 2");
  EXPECT_EQ(script.up(2), "<started 2> ask_ready 2 <ready 2> READY");
}

TEST(Decision, starts_all_at_once_where_the_order_is_together) {
  Script script{with(Strategy::one_for_one, Order::together), named(3)};

  EXPECT_EQ(script.start(), "start 0 start 1 start 2");
  EXPECT_EQ(script.up(2), "<started 2> ask_ready 2 <ready 2>");
  EXPECT_EQ(script.up(0), "<started 0> ask_ready 0 <ready 0>");
  EXPECT_EQ(script.up(1), "<started 1> ask_ready 1 <ready 1> READY");
}

TEST(Decision, without_children_is_ready_at_once) {
  Script script{with(Strategy::one_for_all), {}};

  EXPECT_EQ(script.start(), "READY");
  EXPECT_EQ(script.stop(), "ENDED");
}

TEST(Decision, kills_a_child_that_is_not_ready_in_time_and_counts_it_as_failed) {
  Script script{with(Strategy::one_for_one), {{.name = "a", .readiness_deadline = 2s}}};
  script.start();
  script.started(0);
  EXPECT_EQ(script.wake_in(), 2s);

  EXPECT_EQ(script.after(2s), "kill 0");
  EXPECT_EQ(script.fails(0, "signal 9"), "<down 0> <restarting 0>");

  EXPECT_EQ(script.told()[0].cause->code(), Errc::deadline_exceeded);
  EXPECT_EQ(script.told()[0].cause->message(), "'a' was not ready within 2 s and was killed");
  EXPECT_EQ(script.state().restarts.size(), 1U);
}

TEST(Decision, a_child_whose_start_fails_has_failed_and_those_behind_it_wait) {
  Script script{with(Strategy::one_for_one), named(2)};
  script.start();

  EXPECT_EQ(script.fails(0, "no memory"), "<down 0> <restarting 0>");
  EXPECT_EQ(script.after(100ms), "start 0");
  EXPECT_EQ(script.up(0), "<started 0> ask_ready 0 <ready 0> start 1");
}

// --- Restart types ---------------------------------------------------------------------------------------------------

TEST(Decision, restarts_a_permanent_child_however_it_ended) {
  Script script = running(with(Strategy::one_for_one), named(1));

  EXPECT_EQ(script.ends(0), "<down 0> <restarting 0>");
  EXPECT_EQ(script.after(100ms), "start 0");
  EXPECT_EQ(script.up(0), "<started 0> ask_ready 0 <ready 0>");
  EXPECT_EQ(script.fails(0), "<down 0> <restarting 0>");
}

TEST(Decision, restarts_a_transient_child_only_after_an_error) {
  Script script = running(with(Strategy::one_for_one), named(1, RestartType::transient));

  EXPECT_EQ(script.fails(0), "<down 0> <restarting 0>");
  script.after(100ms);
  script.up(0);
  EXPECT_EQ(script.ends(0), "<down 0>");

  EXPECT_EQ(script.child(0).state, ChildState::finished);
  EXPECT_TRUE(script.sleeps());
}

TEST(Decision, never_restarts_a_temporary_child) {
  Script script = running(with(Strategy::one_for_one), named(1, RestartType::temporary));

  EXPECT_EQ(script.fails(0), "<down 0>");

  EXPECT_EQ(script.child(0).state, ChildState::finished);
  EXPECT_EQ(script.after(1h), "");
}

// --- Strategies ------------------------------------------------------------------------------------------------------

TEST(Decision, one_for_one_restarts_that_one) {
  Script script = running(with(Strategy::one_for_one), named(3));

  EXPECT_EQ(script.fails(1), "<down 1> <restarting 1>");
  EXPECT_EQ(script.wake_in(), 100ms);
  EXPECT_EQ(script.after(100ms), "start 1");
}

TEST(Decision, one_for_all_stops_all_in_reverse_then_starts_all_in_order) {
  Script script = running(with(Strategy::one_for_all), named(3));

  EXPECT_EQ(script.fails(1), "<down 1> <restarting 1> stop 2");
  EXPECT_EQ(script.ends(2), "<down 2> <restarting 2> stop 0");
  EXPECT_EQ(script.after(100ms), "");
  EXPECT_EQ(script.ends(0), "<down 0> <restarting 0> start 0");
  EXPECT_EQ(script.up(0), "<started 0> ask_ready 0 <ready 0> start 1");
  EXPECT_EQ(script.up(1), "<started 1> ask_ready 1 <ready 1> start 2");
  EXPECT_EQ(script.up(2), "<started 2> ask_ready 2 <ready 2>");
  EXPECT_EQ(script.state().restarts.size(), 1U);
}

TEST(Decision, rest_for_one_restarts_that_one_and_those_after_it) {
  Script script = running(with(Strategy::rest_for_one), named(4));

  EXPECT_EQ(script.fails(1), "<down 1> <restarting 1> stop 3");
  EXPECT_EQ(script.ends(3), "<down 3> <restarting 3> stop 2");
  EXPECT_EQ(script.told()[1].cause->message(), "restarted together with 'b'");
  EXPECT_EQ(script.ends(2), "<down 2> <restarting 2>");
  EXPECT_EQ(script.after(100ms), "start 1");
  EXPECT_EQ(script.up(1), "<started 1> ask_ready 1 <ready 1> start 2");
  EXPECT_EQ(script.up(2), "<started 2> ask_ready 2 <ready 2> start 3");
  EXPECT_EQ(script.child(0).incarnation, 1U);
}

TEST(Decision, a_group_is_stopped_and_started_at_once_where_the_order_is_together) {
  Script script = running(with(Strategy::one_for_all, Order::together), named(3));

  EXPECT_EQ(script.fails(1), "<down 1> <restarting 1> stop 2 stop 0");
  script.after(100ms);
  EXPECT_EQ(script.ends(0), "<down 0> <restarting 0>");
  EXPECT_EQ(script.ends(2), "<down 2> <restarting 2> start 0 start 1 start 2");
}

TEST(Decision, a_temporary_child_stopped_with_others_stays_away_and_a_finished_transient_one_comes_back) {
  std::vector<ChildSpec> children = named(3);
  children[1].restart = RestartType::temporary;
  children[2].restart = RestartType::transient;
  Script script = running(with(Strategy::one_for_all), children);
  script.ends(2);

  EXPECT_EQ(script.fails(0), "<down 0> <restarting 0> <restarting 2> stop 1");
  EXPECT_EQ(script.ends(1), "<down 1>");
  EXPECT_EQ(script.after(100ms), "start 0");
  EXPECT_EQ(script.up(0), "<started 0> ask_ready 0 <ready 0> start 2");
  EXPECT_EQ(script.child(1).state, ChildState::finished);
}

TEST(Decision, a_child_that_dies_while_it_waits_for_its_stop_is_not_counted) {
  Script script = running(with(Strategy::one_for_all), named(3));
  script.fails(2);

  EXPECT_EQ(script.fails(0), "<down 0> <restarting 0>");
  EXPECT_EQ(script.ends(1), "<down 1> <restarting 1>");
  EXPECT_EQ(script.after(100ms), "start 0");
  EXPECT_EQ(script.state().restarts.size(), 1U);
}

TEST(Decision, a_failure_further_up_widens_the_group_that_is_coming_back) {
  Script script = running(with(Strategy::rest_for_one), named(3));
  script.fails(2);

  EXPECT_EQ(script.fails(1), "<down 1> <restarting 1>");
  EXPECT_EQ(script.after(100ms), "start 1");
  EXPECT_EQ(script.up(1), "<started 1> ask_ready 1 <ready 1> start 2");
}

// --- Intensity and backoff -------------------------------------------------------------------------------------------

TEST(Decision, gives_up_at_one_restart_more_than_the_intensity_and_stops_all_in_reverse) {
  Script script = running(with(Strategy::one_for_one), named(3));
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(script.fails(0), "<down 0> <restarting 0>");
    script.after(1s);
    script.up(0);
  }

  EXPECT_EQ(script.fails(0, "signal 11"), "<down 0> <gave_up 0> stop 2");
  EXPECT_EQ(script.told()[1].cause->message(), "supervisor 's' gave up after 3 restarts within 10 s: signal 11");
  EXPECT_EQ(script.told()[1].cause->code(), Errc::process_expired);
  EXPECT_EQ(script.ends(2), "<down 2> stop 1");
  EXPECT_EQ(script.ends(1), "<down 1> FAILED");
  EXPECT_EQ(script.after(1h), "");
}

TEST(Decision, restarts_count_for_exactly_a_period) {
  Script script = running({.name = "s", .intensity = 1, .period = 10s, .backoff = no_jitter}, named(1));
  script.fails(0);
  script.after(10s);
  script.up(0);

  EXPECT_EQ(Script{script}.fails(0), "<down 0> <gave_up 0> FAILED");
  script.after(1ns);
  EXPECT_EQ(script.fails(0), "<down 0> <restarting 0>");
}

TEST(Decision, with_intensity_nought_gives_up_at_the_first_failure) {
  Script script = running({.name = "s", .intensity = 0}, named(1));

  EXPECT_EQ(script.ends(0), "<down 0> <gave_up 0> FAILED");
  EXPECT_EQ(script.told()[1].cause->message(),
            "supervisor 's' gave up after 0 restarts within 10 s: 'a' ended in order");
}

TEST(Decision, waits_longer_after_each_failure_in_a_row_and_begins_again_after_a_period_of_readiness) {
  Script script = running({.name = "s", .intensity = 100, .period = 10s, .backoff = no_jitter}, named(1));
  std::vector<std::chrono::nanoseconds> delays;
  for (int i = 0; i < 6; ++i) {
    script.fails(0);
    delays.push_back(script.told()[1].delay);
    EXPECT_EQ(script.wake_in(), delays.back());
    script.after(delays.back());
    script.up(0);
  }
  script.after(10s);
  script.fails(0);

  EXPECT_EQ(delays, (std::vector<std::chrono::nanoseconds>{100ms, 200ms, 400ms, 800ms, 1s, 1s}));
  EXPECT_EQ(script.told()[1].delay, 100ms);
}

TEST(Decision, backoff_grows_to_its_maximum_and_no_further) {
  const Backoff backoff{.initial = 1ms, .factor = 10, .max = 1h, .jitter = 0};
  std::chrono::nanoseconds last{0};
  for (unsigned n = 1; n < 2000; ++n) {
    const auto delay = backoff_delay(backoff, n);
    EXPECT_GE(delay, last);
    EXPECT_LE(delay, 1h);
    last = delay;
  }
  EXPECT_EQ(last, 1h);
  EXPECT_EQ(backoff_delay({.initial = 0ns, .factor = 1, .max = 0ns}, 7), 0ns);
  EXPECT_EQ(backoff_delay({.initial = 5ms, .factor = 2, .max = no_deadline}, 5000), no_deadline);
}

TEST(Decision, jitter_only_shortens_and_depends_on_the_seed_alone) {
  const SupervisorSpec spec{.name = "s", .backoff = {.initial = 1s, .factor = 1, .jitter = 0.25}};
  std::vector<std::chrono::nanoseconds> delays;
  for (std::uint64_t seed = 0; seed < 100; ++seed) {
    Script one{spec, named(1), seed};
    Script same{spec, named(1), seed};
    for (Script* const script : {&one, &same}) {
      script->start();
      script->fails(0);
    }
    delays.push_back(one.told()[1].delay);
    EXPECT_EQ(one.told()[1].delay, same.told()[1].delay);
    EXPECT_GT(delays.back(), 750ms);
    EXPECT_LE(delays.back(), 1s);
  }
  EXPECT_GT(*std::max_element(delays.begin(), delays.end()) - *std::min_element(delays.begin(), delays.end()), 200ms);
}

// --- Stops -----------------------------------------------------------------------------------------------------------

TEST(Decision, stops_in_reverse_each_when_the_one_after_is_gone) {
  Script script = running(with(Strategy::one_for_one), named(3));

  EXPECT_EQ(script.stop(), "stop 2");
  EXPECT_EQ(script.ends(2), "<down 2> stop 1");
  EXPECT_EQ(script.fails(1), "<down 1> stop 0");
  EXPECT_EQ(script.ends(0), "<down 0> ENDED");
}

TEST(Decision, stops_all_at_once_where_the_order_is_together) {
  Script script = running(with(Strategy::one_for_one, Order::together), named(3));

  EXPECT_EQ(script.stop(), "stop 2 stop 1 stop 0");
  script.ends(0);
  script.ends(2);
  EXPECT_EQ(script.ends(1), "<down 1> ENDED");
}

TEST(Decision, kills_what_does_not_stop_in_time) {
  Script script = running(with(Strategy::one_for_one), {{.name = "a"}, {.name = "b", .shutdown_deadline = 1500ms}});
  script.stop();
  EXPECT_EQ(script.actions[0].deadline - supervise::later({}, 1h), 1500ms);
  EXPECT_EQ(script.wake_in(), 1500ms);

  EXPECT_EQ(script.after(1500ms), "kill 1");
  EXPECT_EQ(script.fails(1, "signal 9"), "<down 1> stop 0");
  EXPECT_EQ(script.told()[0].cause->message(), "'b' did not stop within 1500 ms and was killed");
}

TEST(Decision, kills_at_once_where_the_shutdown_deadline_is_nought) {
  Script script = running(with(Strategy::one_for_one), {{.name = "a", .shutdown_deadline = 0s}});

  EXPECT_EQ(script.stop(), "kill 0");
}

TEST(Decision, a_kill_reaches_all_that_are_there_at_once) {
  Script script = running(with(Strategy::one_for_one), named(3));
  script.fails(1);
  script.stop();

  EXPECT_EQ(script.kill(), "kill 2 kill 0");
  EXPECT_EQ(script.kill(), "");
  EXPECT_EQ(script.fails(0), "<down 0>");
  EXPECT_EQ(script.fails(2), "<down 2> ENDED");
}

TEST(Decision, can_be_started_again_with_no_failure_remembered) {
  Script script = running({.name = "s", .intensity = 0}, named(1));
  script.fails(0);
  ASSERT_EQ(script.state().mode, Mode::stopped);

  EXPECT_EQ(script.start(), "start 0");
  EXPECT_EQ(script.up(0), "<started 0> ask_ready 0 <ready 0> READY");
  EXPECT_EQ(script.child(0).incarnation, 2U);
  EXPECT_FALSE(script.state().failure);
}

TEST(Decision, ends_by_itself_when_significant_children_have_finished) {
  std::vector<ChildSpec> children = named(4, RestartType::transient);
  children[0].significant = children[1].significant = true;
  SupervisorSpec any = with(Strategy::one_for_one);
  any.auto_shutdown = AutoShutdown::any_significant;
  SupervisorSpec all = any;
  all.auto_shutdown = AutoShutdown::all_significant;
  Script one = running(any, children);
  Script both = running(all, children);

  EXPECT_EQ(one.ends(2), "<down 2>");
  EXPECT_EQ(one.fails(1), "<down 1> <restarting 1>");
  EXPECT_EQ(one.ends(0), "<down 0> stop 3");
  EXPECT_EQ(both.ends(0), "<down 0>");
  EXPECT_EQ(both.ends(1), "<down 1> stop 3");
  EXPECT_EQ(both.ends(3), "<down 3> stop 2");
  EXPECT_EQ(both.ends(2), "<down 2> ENDED");
}

// --- Liveness --------------------------------------------------------------------------------------------------------

TEST(Decision, pings_at_the_interval_after_each_answer) {
  Script script =
      running(with(Strategy::one_for_one), {{.name = "a", .liveness = Liveness{.interval = 1s, .deadline = 3s}}});
  EXPECT_EQ(script.wake_in(), 1s);

  EXPECT_EQ(script.after(1s), "ping 0");
  EXPECT_EQ(script.wake_in(), 3s);
  EXPECT_EQ(script.after(2s), "");
  EXPECT_EQ(script.alive(0), "");
  EXPECT_EQ(script.wake_in(), 1s);
  EXPECT_EQ(script.after(1s), "ping 0");
}

TEST(Decision, an_answer_that_nobody_asked_for_does_not_put_off_the_next_ping) {
  Script script =
      running(with(Strategy::one_for_one), {{.name = "a", .liveness = Liveness{.interval = 2s, .deadline = 3s}}});
  script.after(1s);

  EXPECT_EQ(script.alive(0), "");
  EXPECT_EQ(script.wake_in(), 1s);
}

TEST(Decision, a_child_that_does_not_answer_is_hung_and_killed_and_has_failed) {
  Script script =
      running(with(Strategy::one_for_one), {{.name = "a", .liveness = Liveness{.interval = 1s, .deadline = 3s}}});
  script.after(1s);

  EXPECT_EQ(script.after(3s), "<hung 0> kill 0");
  EXPECT_EQ(script.alive(0), "");
  EXPECT_EQ(script.fails(0, "signal 9"), "<down 0> <restarting 0>");
  EXPECT_EQ(script.told()[0].cause->message(), "'a' did not answer a ping within 3 s and was killed");
  EXPECT_EQ(script.state().restarts.size(), 1U);
}

// --- Recycling -------------------------------------------------------------------------------------------------------

TEST(Decision, recycles_by_tasks_memory_and_growth_without_counting_it) {
  const RecycleLimits limits{.tasks = 100, .memory_bytes = 1000, .memory_growth_bytes = 300, .check_interval = 5s};
  const std::pair<ChildUsage, const char*> cases[] = {
      {{.tasks = 100, .memory_bytes = 500}, "'a' has done 100 tasks"},
      {{.tasks = 99, .memory_bytes = 1001}, "'a' uses 1001 bytes of memory, more than 1000"},
      {{.tasks = 99, .memory_bytes = 801}, "'a' has grown by 301 bytes since it was ready, more than 300"}};
  for (const auto& [usage, why] : cases) {
    Script script{with(Strategy::one_for_one), {{.name = "a", .recycle = limits}}};
    script.start();
    script.started(0);
    EXPECT_EQ(script.ready(0), "<ready 0> measure 0 READY");
    EXPECT_EQ(script.measured(0, {.tasks = 0, .memory_bytes = 500}), "");
    EXPECT_EQ(script.wake_in(), 5s);
    EXPECT_EQ(script.after(5s), "measure 0");
    EXPECT_EQ(script.measured(0, {.tasks = 99, .memory_bytes = 800}), "");

    EXPECT_EQ(script.measured(0, usage), "<recycled 0> stop 0");
    EXPECT_EQ(script.told()[0].cause->message(), why);
    EXPECT_EQ(script.ends(0), "<down 0> <restarting 0> start 0");
    EXPECT_EQ(script.told()[1].cause->message(), why);
    EXPECT_TRUE(script.state().restarts.empty());
  }
}

TEST(Decision, recycles_by_age_and_measures_growth_anew_in_each_incarnation) {
  Script script{with(Strategy::one_for_one), {{.name = "a", .recycle = {.age = 1h, .memory_growth_bytes = 10}}}};
  script.start();
  script.up(0);
  script.measured(0, {.memory_bytes = 100});

  EXPECT_EQ(script.after(59min), "measure 0");
  EXPECT_EQ(script.after(1min), "<recycled 0> stop 0");
  EXPECT_EQ(script.told()[0].cause->message(), "'a' has been ready for 3600 s");
  script.ends(0);
  script.up(0);
  EXPECT_EQ(script.measured(0, {.memory_bytes = 200}), "");
  EXPECT_EQ(script.measured(0, {.memory_bytes = 211}), "<recycled 0> stop 0");
}

TEST(Decision, a_child_that_is_over_a_limit_when_it_is_ready_works_for_an_interval_first) {
  Script script{with(Strategy::one_for_one), {{.name = "a", .recycle = {.memory_bytes = 10, .check_interval = 2s}}}};
  script.start();
  script.up(0);

  EXPECT_EQ(script.measured(0, {.memory_bytes = 11}), "");
  EXPECT_EQ(script.wake_in(), 2s);
  EXPECT_EQ(script.after(2s), "measure 0");
  EXPECT_EQ(script.measured(0, {.memory_bytes = 11}), "<recycled 0> stop 0");
}

TEST(Decision, a_recycled_child_that_crashes_or_does_not_stop_comes_back_uncounted) {
  const std::vector<ChildSpec> children{{.name = "a", .recycle = {.tasks = 1}, .shutdown_deadline = 1s}};
  Script crashes = running(with(Strategy::one_for_one), children);
  Script hangs = running(with(Strategy::one_for_one), children);
  crashes.measured(0, {.tasks = 1});
  hangs.measured(0, {.tasks = 1});

  EXPECT_EQ(crashes.fails(0), "<down 0> <restarting 0> start 0");
  EXPECT_EQ(hangs.after(1s), "kill 0");
  EXPECT_EQ(hangs.fails(0), "<down 0> <restarting 0> start 0");
  EXPECT_TRUE(crashes.state().restarts.empty());
  EXPECT_TRUE(hangs.state().restarts.empty());
}

TEST(Decision, recycling_takes_along_what_a_restart_would) {
  std::vector<ChildSpec> children = named(3);
  children[1].recycle.tasks = 1;
  Script script = running(with(Strategy::rest_for_one), children);

  EXPECT_EQ(script.measured(1, {.tasks = 1}), "<recycled 1> stop 2");
  EXPECT_EQ(script.ends(2), "<down 2> <restarting 2> stop 1");
  EXPECT_EQ(script.ends(1), "<down 1> <restarting 1> start 1");
  EXPECT_EQ(script.up(1), "<started 1> ask_ready 1 <ready 1> measure 1 start 2");
}

TEST(Decision, under_one_for_one_children_are_recycled_independently) {
  std::vector<ChildSpec> children = named(2);
  children[0].recycle.tasks = children[1].recycle.tasks = 1;
  Script script = running(with(Strategy::one_for_one), children);

  EXPECT_EQ(script.measured(1, {.tasks = 1}), "<recycled 1> stop 1");
  EXPECT_EQ(script.measured(0, {.tasks = 1}), "<recycled 0> stop 0");
}

TEST(Decision, deadlines_beyond_all_time_do_not_come) {
  Script script{with(Strategy::one_for_one),
                {{.name = "a", .readiness_deadline = no_deadline, .shutdown_deadline = no_deadline}}};
  script.start();
  EXPECT_TRUE(script.sleeps());
  script.up(0);
  script.stop();

  EXPECT_TRUE(script.sleeps());
  EXPECT_EQ(script.after(std::chrono::years{100}), "");
}

}  // namespace
}  // namespace prong::supervise

// Random lives of supervisors, watched by a referee that knows the promises of the guide and nothing of how decisions
// are made: it sees what is decided and what the children do, and never the supervisor's state.
#include "prong/supervise/decision.hpp"

#include "script.hpp"

#include <cstdlib>
#include <map>
#include <random>

namespace prong::supervise {
namespace {

using namespace std::chrono_literals;
using Random = std::mt19937_64;

std::size_t pick(Random& random, std::size_t below) {
  return std::uniform_int_distribution<std::size_t>{0, below - 1}(random);
}
bool chance(Random& random, double probability) {
  return std::bernoulli_distribution{probability}(random);
}

Policy random_policy(Random& random) {
  Policy policy;
  policy.supervisor = {.name = "s",
                       .strategy = static_cast<Strategy>(pick(random, 3)),
                       .intensity = static_cast<unsigned>(pick(random, 6)),
                       .period = std::chrono::seconds{1 + pick(random, 20)},
                       .backoff = {.initial = std::chrono::milliseconds{pick(random, 500)},
                                   .factor = 1 + static_cast<double>(pick(random, 30)) / 10,
                                   .max = std::chrono::milliseconds{500 + pick(random, 4000)},
                                   .jitter = static_cast<double>(pick(random, 11)) / 10},
                       .order = static_cast<Order>(pick(random, 2)),
                       .auto_shutdown = static_cast<AutoShutdown>(pick(random, 3))};
  const std::size_t count = pick(random, 6);
  for (std::size_t i = 0; i < count; ++i) {
    ChildSpec child{.name = std::string(1, static_cast<char>('a' + i)),
                    .restart = chance(random, 0.6) ? RestartType::permanent : static_cast<RestartType>(pick(random, 3)),
                    .readiness_deadline = std::chrono::seconds{1 + pick(random, 5)},
                    .shutdown_deadline = std::chrono::seconds{pick(random, 4)}};
    if (chance(random, 0.5))
      child.liveness = Liveness{.interval = std::chrono::milliseconds{200 + pick(random, 2000)},
                                .deadline = std::chrono::milliseconds{200 + pick(random, 2000)}};
    if (child.restart != RestartType::temporary && chance(random, 0.4)) {
      child.recycle.check_interval = std::chrono::milliseconds{300 + pick(random, 2000)};
      if (chance(random, 0.5)) child.recycle.tasks = 1 + pick(random, 50);
      if (chance(random, 0.3)) child.recycle.age = std::chrono::seconds{3 + pick(random, 30)};
      if (chance(random, 0.5)) child.recycle.memory_growth_bytes = 1 + pick(random, 100);
    }
    child.significant = child.restart != RestartType::permanent &&
                        policy.supervisor.auto_shutdown != AutoShutdown::never && chance(random, 0.3);
    policy.children.push_back(std::move(child));
  }
  return policy;
}

// What the children of a random life do.
struct Actor {
  bool present = false;
  bool announced = false;  // its `started` was delivered
  bool ready = false;
  bool asked = false;  // to stop, or told that it is killed
  bool killed = false;
  bool pinged = false;
  bool to_measure = false;
  std::uint64_t incarnation = 0;
  Time ready_at{};
};

/// Watches one life. All it knows comes from actions and from what the children do.
class Referee {
 public:
  explicit Referee(const Policy& policy) : policy_{policy}, children_(policy.children.size()) {}

  void supervisor_starts() {
    up_ = true;
    ends_ = false;
    restarts_.clear();
    for (Record& record : children_) {
      record = {};
      record.owed = record.opening = true;
    }
  }
  void supervisor_is_to_end() {
    if (!up_) return;
    ends_ = true;
    for (Record& record : children_) record.owed = false;
  }

  // Before the decision about it: child `i` has ended.
  void child_ends(std::size_t i, const Actor& actor, bool failed) {
    Record& record = children_[i];
    record.last_failed = failed;
    record.was_asked = actor.asked;
    if (actor.ready && actor.ready_at + policy_.supervisor.period <= now) record.failures = 0;
    record.left = true;
  }

  void sees(const Action& action, const std::vector<Actor>& actors) {
    switch (action.kind) {
      case Action::Kind::start: sees_start(action.child, actors); return;
      case Action::Kind::stop: sees_stop(action.child, actors); return;
      case Action::Kind::kill: sees_kill(action.child, actors); return;
      case Action::Kind::tell: sees_event(action.child, *action.event, actors); return;
      case Action::Kind::report_end:
        EXPECT_TRUE(up_ && ends_) << "it ends though nobody wanted it to";
        EXPECT_EQ(action.failure.has_value(), gave_up_);
        for (const Actor& actor : actors) EXPECT_FALSE(actor.present) << "it ended while a child is there";
        up_ = gave_up_ = false;
        return;
      default: return;
    }
  }

  // After each decision: every child that is not there is owed a start, or has finished for good, or all of it ends.
  void checks_rest(const std::vector<Actor>& actors) {
    for (std::size_t i = 0; i < actors.size(); ++i) {
      if (actors[i].present || !up_ || ends_) continue;
      if (children_[i].owed) continue;
      EXPECT_TRUE(children_[i].left) << "child " << i << " was forgotten";
      const RestartType type = policy_.children[i].restart;
      EXPECT_TRUE(type == RestartType::temporary || (type == RestartType::transient && !children_[i].last_failed))
          << "child " << i << " is down for good though its restart type says otherwise";
    }
  }

  [[nodiscard]] bool running() const { return up_; }
  [[nodiscard]] bool owes_a_start() const {
    for (const Record& record : children_)
      if (record.owed) return true;
    return false;
  }

  Time now{};
  bool kill_was_asked = false;
  std::map<std::string_view, int> seen;  // how often what was told

 private:
  struct Record {
    bool owed = false;     // it is to be started
    bool opening = false;  // it has not been ready since the supervisor's start
    bool stop_is_due = false;
    bool left = false;  // it has ended since the supervisor's start
    bool last_failed = false;
    bool was_asked = false;
    bool hung = false;
    bool announced_recycling = false;
    unsigned failures = 0;
    Time not_before{};
    unsigned starts = 0;
  };

  [[nodiscard]] bool in_turn() const { return policy_.supervisor.order == Order::in_turn; }
  [[nodiscard]] bool group() const { return policy_.supervisor.strategy != Strategy::one_for_one; }

  void sees_start(std::size_t i, const std::vector<Actor>& actors) {
    Record& record = children_[i];
    EXPECT_TRUE(up_ && !ends_) << "a start after the end was decided";
    EXPECT_FALSE(actors[i].present) << "child " << i << " is started twice";
    EXPECT_TRUE(record.owed) << "child " << i << " is started though nobody asked for it";
    EXPECT_GE(now, record.not_before) << "child " << i << " did not wait";
    ++record.starts;
    EXPECT_TRUE(policy_.children[i].restart != RestartType::temporary || record.starts == 1) << "a temporary came back";
    for (std::size_t j = 0; j < actors.size(); ++j) {
      EXPECT_FALSE(group() && actors[j].present && children_[j].stop_is_due) << "child " << j << " still has to go";
      if (in_turn() && j < i && (group() || record.opening)) {
        const bool was_up = actors[j].ready || (!group() && !children_[j].opening);
        EXPECT_TRUE(was_up || !children_[j].owed) << "child " << i << " does not wait for child " << j;
        EXPECT_TRUE(was_up || !actors[j].present) << "child " << i << " does not wait for child " << j;
      }
    }
    record.owed = record.stop_is_due = record.hung = record.announced_recycling = false;
    record.not_before = {};
  }

  void sees_stop(std::size_t i, const std::vector<Actor>& actors) {
    EXPECT_TRUE(actors[i].present && !actors[i].asked) << "child " << i << " is not there to be stopped";
    EXPECT_TRUE(ends_ || children_[i].stop_is_due) << "child " << i << " is stopped for no reason";
    if (!in_turn() || (!ends_ && !group())) return;
    for (std::size_t j = i + 1; j < actors.size(); ++j)
      EXPECT_FALSE(actors[j].present && (ends_ || children_[j].stop_is_due)) << "child " << j << " goes before " << i;
  }

  void sees_kill(std::size_t i, const std::vector<Actor>& actors) {
    EXPECT_TRUE(actors[i].present && !actors[i].killed) << "child " << i << " is not there to be killed";
    const bool late = !actors[i].ready || actors[i].asked || children_[i].hung;
    const bool at_once = policy_.children[i].shutdown_deadline == 0s && (ends_ || children_[i].stop_is_due);
    EXPECT_TRUE(late || at_once || kill_was_asked) << "child " << i << " is killed for no reason";
  }

  void sees_event(std::size_t i, const SupervisionEvent& event, const std::vector<Actor>& actors) {
    Record& record = children_[i];
    ++seen[name_of(event.kind)];
    EXPECT_EQ(event.child, policy_.children[i].name);
    EXPECT_EQ(event.incarnation, actors[i].incarnation);
    switch (event.kind) {
      case SupervisionEvent::Kind::ready: record.opening = false; return;
      case SupervisionEvent::Kind::hung: record.hung = true; return;
      case SupervisionEvent::Kind::recycled:
        record.announced_recycling = true;
        group_goes(i, now);
        return;
      case SupervisionEvent::Kind::down:
        EXPECT_EQ(event.cause.has_value(), record.last_failed || record.hung || actors[i].killed);
        record.last_failed = event.cause.has_value();
        if (!record.stop_is_due && !ends_) shut_down_if_significant(i, actors);
        if (record.stop_is_due) record.owed = policy_.children[i].restart != RestartType::temporary && !ends_;
        return;
      case SupervisionEvent::Kind::restarting: sees_restarting(i, event, actors); return;
      case SupervisionEvent::Kind::gave_up:
        EXPECT_EQ(restarts_within_period(), policy_.supervisor.intensity) << "it gave up too early";
        gave_up_ = true;
        supervisor_is_to_end();
        return;
      default: return;
    }
  }

  void sees_restarting(std::size_t i, const SupervisionEvent& event, const std::vector<Actor>& actors) {
    Record& record = children_[i];
    EXPECT_NE(policy_.children[i].restart, RestartType::temporary);
    EXPECT_FALSE(actors[i].present);
    EXPECT_TRUE(up_ && !ends_);
    const bool with_others = event.cause && event.cause->message().starts_with("restarted together");
    const bool recycled = record.announced_recycling;
    if (with_others || recycled) {
      EXPECT_TRUE(record.owed) << "child " << i << " comes back with others that did not restart";
      return;
    }
    const Backoff& backoff = policy_.supervisor.backoff;
    double full = static_cast<double>(backoff.initial.count());
    for (unsigned n = 0; n < record.failures && full < static_cast<double>(backoff.max.count()); ++n)
      full *= backoff.factor;
    full = std::min(full, static_cast<double>(backoff.max.count()));
    ++record.failures;
    const auto delay = static_cast<double>(event.delay.count());
    EXPECT_LE(delay, full + 1);
    EXPECT_GE(delay, full * (1 - backoff.jitter) - 1);
    restarts_.push_back(now);
    EXPECT_LE(restarts_within_period(), policy_.supervisor.intensity) << "more restarts than the intensity";
    group_goes(i, now + event.delay);
  }

  // Exactly these are restarted: the strategy's.
  void group_goes(std::size_t i, Time not_before) {
    const Strategy strategy = policy_.supervisor.strategy;
    for (std::size_t j = 0; j < children_.size(); ++j) {
      const bool goes = j == i || strategy == Strategy::one_for_all || (strategy == Strategy::rest_for_one && j > i);
      if (!goes) continue;
      children_[j].stop_is_due = true;
      children_[j].not_before = std::max(children_[j].not_before, not_before);
      if (policy_.children[j].restart != RestartType::temporary) children_[j].owed = true;
    }
  }

  void shut_down_if_significant(std::size_t i, const std::vector<Actor>& actors) {
    const auto is_over = [&](std::size_t j) {
      const RestartType type = policy_.children[j].restart;
      return children_[j].left && !actors[j].present && !children_[j].owed &&
             (type == RestartType::temporary || !children_[j].last_failed);
    };
    if (!policy_.children[i].significant || !is_over(i)) return;
    if (policy_.supervisor.auto_shutdown == AutoShutdown::all_significant)
      for (std::size_t j = 0; j < children_.size(); ++j)
        if (policy_.children[j].significant && !is_over(j)) return;
    supervisor_is_to_end();
  }

  [[nodiscard]] std::size_t restarts_within_period() const {
    return static_cast<std::size_t>(std::count_if(restarts_.begin(), restarts_.end(),
                                                  [&](Time time) { return time + policy_.supervisor.period >= now; }));
  }

  const Policy& policy_;
  std::vector<Record> children_;
  std::vector<Time> restarts_;
  bool up_ = false;
  bool ends_ = false;
  bool gave_up_ = false;
};

class Life {
 public:
  Life(const Policy& policy, Random& random)
      : policy_{policy},
        random_{random},
        state_{initial_state(policy, random())},
        actors_(policy.children.size()),
        referee_{policy} {}

  void live(int steps) {
    start();
    for (int i = 0; i < steps && !::testing::Test::HasFailure(); ++i) step();
  }

  // Children behave from now on: everything that is to be up comes up, or everything has ended.
  void calm_down() {
    calm_ = true;
    for (int i = 0; i < 400 && !::testing::Test::HasFailure(); ++i) {
      bool quiet = true;
      for (std::size_t child = 0; child < actors_.size(); ++child) quiet = !behave(child) && quiet;
      if (quiet && !referee_.owes_a_start()) break;
      if (quiet) sleep();
    }
    EXPECT_FALSE(referee_.owes_a_start()) << "a child was not started in the end";
    for (const Actor& actor : actors_) EXPECT_TRUE(!actor.present || (actor.ready && !actor.asked));
    EXPECT_TRUE(was_ready_ || !referee_.running()) << "the supervisor did not report that it is ready";
  }

  [[nodiscard]] const std::map<std::string_view, int>& seen() const { return referee_.seen; }

  void stop_and_wait() {
    tell_to({.kind = Event::Kind::stop});
    for (int i = 0; i < 400 && referee_.running() && !::testing::Test::HasFailure(); ++i)
      for (std::size_t child = 0; child < actors_.size(); ++child) behave(child);
    EXPECT_FALSE(referee_.running());
  }

 private:
  void start() {
    if (referee_.running()) return;
    was_ready_ = false;
    referee_.supervisor_starts();
    feed({.kind = Event::Kind::start});
  }
  void tell_to(const Event& event) {
    referee_.supervisor_is_to_end();
    referee_.kill_was_asked = event.kind == Event::Kind::kill;
    feed(event);
    referee_.kill_was_asked = false;
  }

  void step() {
    if (chance(random_, 0.35)) {
      sleep();
    } else if (chance(random_, 0.1)) {
      now_ += std::chrono::nanoseconds{static_cast<std::int64_t>(pick(random_, 300'000'000))};
      now_ = std::min(now_, wake_at_);
    } else if (chance(random_, 0.01)) {
      tell_to({.kind = chance(random_, 0.5) ? Event::Kind::stop : Event::Kind::kill});
    } else if (!referee_.running()) {
      start();
    } else if (!actors_.empty()) {
      act(pick(random_, actors_.size()));
    }
  }

  void act(std::size_t i) {
    Actor& actor = actors_[i];
    if (chance(random_, 0.1)) say_something_stale(i);
    if (!actor.present) return;
    if (chance(random_, 0.15)) {
      end(i, chance(random_, 0.7));
    } else if (actor.killed) {
      if (chance(random_, 0.7)) end(i, true);
    } else if (actor.asked) {
      if (chance(random_, 0.6)) end(i, false);
    } else if (chance(random_, 0.8)) {
      behave(i);
    }
  }

  // Does what a good child would; returns whether there was anything to do.
  bool behave(std::size_t i) {
    Actor& actor = actors_[i];
    if (!actor.present) return false;
    if (actor.asked || actor.killed) {
      end(i, actor.killed);
      return true;
    }
    if (!actor.ready) {
      actor.ready = true;
      actor.ready_at = now_;
      happens(i, ChildEvent::ready);
      return true;
    }
    if (std::exchange(actor.pinged, false)) {
      happens(i, ChildEvent::alive);
      return true;
    }
    return false;
  }

  void end(std::size_t i, bool failed) {
    referee_.now = now_;
    referee_.child_ends(i, actors_[i], failed);
    const bool was_killed = actors_[i].killed;
    actors_[i].present = actors_[i].announced = actors_[i].pinged = false;
    Event event{
        .kind = Event::Kind::child, .child = i, .incarnation = actors_[i].incarnation, .what = ChildEvent::ended};
    if (failed || was_killed) event.cause = Error{Errc::process_expired, "it died"};
    feed(event);
  }

  void say_something_stale(std::size_t i) {
    const Decision decision =
        decide(policy_, state_,
               {.kind = Event::Kind::child,
                .child = i,
                .incarnation = actors_[i].incarnation + (chance(random_, 0.5) ? 1U : std::uint64_t{0} - 1),
                .what = static_cast<ChildEvent>(pick(random_, 5))},
               now_);
    // What was due since the last decision may be done, but nothing else.
    for (const Action& action : decision.actions) EXPECT_EQ(action.kind, Action::Kind::start);
    EXPECT_TRUE(!decision.actions.empty() || decision.state == state_);
  }

  void sleep() {
    if (wake_at_ == never) return;
    now_ = std::max(now_, wake_at_);
    feed({.kind = Event::Kind::time});
    EXPECT_GT(wake_at_, now_) << "it wants to be woken at once, again";
  }

  void happens(std::size_t i, ChildEvent what, ChildUsage usage = {}) {
    feed({.kind = Event::Kind::child, .child = i, .incarnation = actors_[i].incarnation, .what = what, .usage = usage});
  }

  void feed(const Event& event) {
    const Decision again = decide(policy_, state_, event, now_);
    Decision decision = decide(policy_, std::move(state_), event, now_);
    EXPECT_EQ(again.state, decision.state) << "the same question has two answers";
    EXPECT_EQ(again.actions, decision.actions);
    state_ = std::move(decision.state);
    wake_at_ = decision.wake_at;
    referee_.now = now_;
    std::vector<std::pair<std::size_t, ChildEvent>> answers;
    for (const Action& action : decision.actions) {
      referee_.sees(action, actors_);
      carry_out(action, answers);
    }
    referee_.checks_rest(actors_);
    for (const auto& [child, answer] : answers) {
      if (!actors_[child].present) continue;
      happens(child, answer,
              calm_ ? ChildUsage{} : ChildUsage{.tasks = pick(random_, 40), .memory_bytes = 1 + pick(random_, 150)});
    }
  }

  void carry_out(const Action& action, std::vector<std::pair<std::size_t, ChildEvent>>& answers) {
    if (action.kind == Action::Kind::report_ready) was_ready_ = true;
    if (action.child >= actors_.size()) return;
    Actor& actor = actors_[action.child];
    switch (action.kind) {
      case Action::Kind::start:
        EXPECT_EQ(action.incarnation, actor.incarnation + 1);
        actor = {.present = true, .incarnation = action.incarnation};
        answers.emplace_back(action.child, ChildEvent::started);
        return;
      case Action::Kind::stop: actor.asked = true; return;
      case Action::Kind::kill: actor.asked = actor.killed = true; return;
      case Action::Kind::ping: actor.pinged = true; return;
      case Action::Kind::measure: answers.emplace_back(action.child, ChildEvent::measured); return;
      default: return;
    }
  }

  const Policy& policy_;
  Random& random_;
  State state_;
  Time now_ = Time{} + 1h;
  Time wake_at_ = never;
  std::vector<Actor> actors_;
  Referee referee_;
  bool was_ready_ = false;
  bool calm_ = false;
};

TEST(DecisionModel, keeps_its_promises_whatever_the_children_do) {
  const char* const given = std::getenv("PRONG_TEST_SEED");
  const std::uint64_t seed = given != nullptr ? std::strtoull(given, nullptr, 10) : std::random_device{}();
  constexpr int lives = 4000;
  std::map<std::string_view, int> seen;
  for (int i = 0; i < lives; ++i) {
    const std::uint64_t own_seed = seed + static_cast<std::uint64_t>(i);
    SCOPED_TRACE("PRONG_TEST_SEED=" + std::to_string(own_seed));
    Random random{own_seed};
    const Policy policy = random_policy(random);
    ASSERT_TRUE(validate(policy.supervisor, policy.children));
    Life life{policy, random};
    life.live(150);
    life.calm_down();
    life.stop_and_wait();
    if (HasFailure()) return;
    for (const auto& [what, times] : life.seen()) seen[what] += times;
  }
  for (const auto* const what : {"started", "ready", "hung", "recycled", "down", "restarting", "gave_up"})
    EXPECT_GT(seen[what], lives / 10) << "hardly any life has seen '" << what << "'";
}

}  // namespace
}  // namespace prong::supervise

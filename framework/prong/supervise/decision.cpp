#include "prong/supervise/decision.hpp"

#include "prong/base/contract.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <utility>

namespace prong::supervise {
namespace {

using std::chrono::nanoseconds;
using Told = SupervisionEvent::Kind;

std::string in_words(nanoseconds duration) {
  using namespace std::chrono;
  if (duration % 1s == 0s) return fmt::format("{} s", duration_cast<seconds>(duration).count());
  if (duration % 1ms == 0ms) return fmt::format("{} ms", duration_cast<milliseconds>(duration).count());
  return fmt::format("{} ns", duration.count());
}

// A number from [0, 1), and the next state. Source: Steele, Lea, Flood, "Fast splittable pseudorandom number
// generators" (SplitMix64).
double next_fraction(std::uint64_t& state) noexcept {
  state += 0x9e3779b97f4a7c15U;
  std::uint64_t mixed = state;
  mixed = (mixed ^ (mixed >> 30)) * 0xbf58476d1ce4e5b9U;
  mixed = (mixed ^ (mixed >> 27)) * 0x94d049bb133111ebU;
  mixed ^= mixed >> 31;
  return static_cast<double>(mixed >> 11) * 0x1p-53;
}

bool is_measured(const RecycleLimits& limits) noexcept {
  return limits.tasks || limits.memory_bytes || limits.memory_growth_bytes;
}

// One decision in the making.
class Decider {
 public:
  Decider(const Policy& policy, State state, Time now) : policy_{policy}, state_{std::move(state)}, now_{now} {}

  void take(const Event& event) {
    switch (event.kind) {
      case Event::Kind::start: start_all(); return;
      case Event::Kind::stop:
        if (state_.mode == Mode::running) stop_all(std::nullopt);
        return;
      case Event::Kind::kill: kill_all(); return;
      case Event::Kind::time:
        for (std::size_t i = 0; i < state_.children.size(); ++i) react(i, ChildEvent::time, event);
        return;
      case Event::Kind::child:
        PRONG_EXPECT(event.child < state_.children.size(), "an event names a child");
        if (state_.children[event.child].incarnation == event.incarnation) react(event.child, event.what, event);
        return;
    }
  }

  /// Stops and starts whose turn it is.
  void settle() {
    stop_next();
    for (std::size_t i = 0; i < state_.children.size(); ++i)
      if (state_.children[i].state == ChildState::waiting) start_if_due(i);
    const auto any = [&](auto&& holds) { return std::any_of(state_.children.begin(), state_.children.end(), holds); };
    if (state_.mode == Mode::running && !state_.ready && !any([](const Child& child) { return child.in_sequence; })) {
      state_.ready = true;
      actions_.push_back({.kind = Action::Kind::report_ready});
    }
    if (state_.mode == Mode::stopping && !any([](const Child& child) { return is_present(child.state); })) {
      state_.mode = Mode::stopped;
      state_.ready = false;
      actions_.push_back({.kind = Action::Kind::report_end, .failure = state_.failure});
    }
  }

  Decision result() && {
    const Time wake_at = next_wake();
    return {std::move(state_), std::move(actions_), wake_at};
  }

 private:
  void react(std::size_t i, ChildEvent what, const Event& event) {
    Child& child = state_.children[i];
    switch (reaction(child.state, what)) {
      case Reaction::none: return;
      case Reaction::start_if_due: start_if_due(i); return;
      case Reaction::stay_away: stay_away(child); return;
      case Reaction::announce:
        tell(Told::started, i);
        act(Action::Kind::ask_ready, i);
        return;
      case Reaction::become_ready: become_ready(i); return;
      case Reaction::note_answer: note_answer(i); return;
      case Reaction::weigh: weigh(i, event.usage); return;
      case Reaction::check_life: check_life(i); return;
      case Reaction::ask_to_stop: ask_to_stop(i); return;
      case Reaction::kill: kill(i, std::nullopt); return;
      case Reaction::kill_if_late: kill_if_late(i); return;
      case Reaction::decide: ended(i, event.cause); return;
    }
  }

  // --- The supervisor ------------------------------------------------------------------------------------------------

  void start_all() {
    if (state_.mode != Mode::stopped) return;
    state_.mode = Mode::running;
    state_.restarts.clear();
    state_.failure.reset();
    for (Child& child : state_.children) {
      child.failures = 0;
      child.in_sequence = true;
      wait(child, now_);
    }
  }

  void stop_all(std::optional<Error> failure) {
    state_.mode = Mode::stopping;
    state_.failure = std::move(failure);
    for (Child& child : state_.children) {
      child.goal = Goal::stop;
      child.in_sequence = false;
      if (!is_present(child.state)) stay_away(child);
    }
  }

  void kill_all() {
    if (state_.mode == Mode::stopped) return;
    if (state_.mode == Mode::running) stop_all(std::nullopt);
    for (std::size_t i = state_.children.size(); i-- > 0;) react(i, ChildEvent::kill, {});
  }

  // --- Up ------------------------------------------------------------------------------------------------------------

  void wait(Child& child, Time until) const {
    child.state = ChildState::waiting;
    child.goal = Goal::up;
    child.due = until;
  }

  void start_if_due(std::size_t i) {
    Child& child = state_.children[i];
    if (state_.mode != Mode::running || child.due > now_) return;
    if (child.in_sequence && !is_its_turn(i)) return;
    child.state = ChildState::starting;
    child.due = later(now_, policy_.children[i].readiness_deadline);
    child.restart_at = {};
    child.ready_since.reset();
    child.memory_when_ready.reset();
    child.killed_because.reset();
    child.ping_due = child.answer_due = child.measure_due = never;
    ++child.incarnation;
    act(Action::Kind::start, i);
  }

  // Those that are restarted together start when all of them are gone, each when the one before is ready.
  [[nodiscard]] bool is_its_turn(std::size_t i) const {
    const auto begin = state_.children.begin();
    if (is_group() && std::any_of(begin, state_.children.end(),
                                  [](const Child& other) { return is_present(other.state) && other.goal != Goal::up; }))
      return false;
    return policy_.supervisor.order == Order::together ||
           std::none_of(begin, begin + static_cast<std::ptrdiff_t>(i), [](const Child& c) { return c.in_sequence; });
  }

  void become_ready(std::size_t i) {
    Child& child = state_.children[i];
    const ChildSpec& spec = policy_.children[i];
    child.state = ChildState::ready;
    child.in_sequence = false;
    child.due = never;
    child.ready_since = now_;
    if (spec.liveness) child.ping_due = later(now_, spec.liveness->interval);
    tell(Told::ready, i);
    if (is_measured(spec.recycle)) measure(i);
  }

  // --- While it is ready ---------------------------------------------------------------------------------------------

  void note_answer(std::size_t i) {
    Child& child = state_.children[i];
    if (std::exchange(child.answer_due, never) == never) return;
    child.ping_due = later(now_, policy_.children[i].liveness->interval);
  }

  void measure(std::size_t i) {
    state_.children[i].measure_due = later(now_, policy_.children[i].recycle.check_interval);
    act(Action::Kind::measure, i);
  }

  void check_life(std::size_t i) {
    Child& child = state_.children[i];
    if (child.goal != Goal::up) return;
    const ChildSpec& spec = policy_.children[i];
    if (child.answer_due <= now_) {
      Error hung{Errc::deadline_exceeded, fmt::format("'{}' did not answer a ping within {} and was killed", spec.name,
                                                      in_words(spec.liveness->deadline))};
      tell(Told::hung, i, hung);
      kill(i, std::move(hung));
      return;
    }
    if (age_limit(i) <= now_) {
      recycle(i, fmt::format("'{}' has been ready for {}", spec.name, in_words(*spec.recycle.age)));
      return;
    }
    if (child.ping_due <= now_) {
      child.ping_due = never;
      child.answer_due = later(now_, spec.liveness->deadline);
      act(Action::Kind::ping, i, child.answer_due);
    }
    if (child.measure_due <= now_) measure(i);
  }

  [[nodiscard]] Time age_limit(std::size_t i) const {
    const std::optional<nanoseconds>& age = policy_.children[i].recycle.age;
    return age ? later(*state_.children[i].ready_since, *age) : never;
  }

  void weigh(std::size_t i, const ChildUsage& usage) {
    Child& child = state_.children[i];
    if (child.goal != Goal::up) return;
    const ChildSpec& spec = policy_.children[i];
    const RecycleLimits& limits = spec.recycle;
    // One that is over a limit as soon as it is ready gets an interval to work in: else it would do nothing but
    // restart.
    const bool is_first = !child.memory_when_ready;
    if (is_first || child.memory_when_ready == 0) child.memory_when_ready = usage.memory_bytes;
    if (is_first) return;
    const std::uint64_t before = *child.memory_when_ready;
    if (limits.tasks && usage.tasks >= *limits.tasks)
      recycle(i, fmt::format("'{}' has done {} tasks", spec.name, usage.tasks));
    else if (limits.memory_bytes && usage.memory_bytes > *limits.memory_bytes)
      recycle(i, fmt::format("'{}' uses {} bytes of memory, more than {}", spec.name, usage.memory_bytes,
                             *limits.memory_bytes));
    else if (limits.memory_growth_bytes && usage.memory_bytes > before &&
             usage.memory_bytes - before > *limits.memory_growth_bytes)
      recycle(i, fmt::format("'{}' has grown by {} bytes since it was ready, more than {}", spec.name,
                             usage.memory_bytes - before, *limits.memory_growth_bytes));
  }

  void recycle(std::size_t i, std::string why) {
    const Error cause{Errc::stopped, std::move(why)};
    tell(Told::recycled, i, cause);
    restart_with_others(i, now_, cause);
  }

  // --- Down ----------------------------------------------------------------------------------------------------------

  // In reverse, and in turn where the order says so: those after a child use it.
  void stop_next() {
    const bool in_turn = policy_.supervisor.order == Order::in_turn && (state_.mode == Mode::stopping || is_group());
    for (std::size_t i = state_.children.size(); i-- > 0;) {
      const Child& child = state_.children[i];
      if (!is_present(child.state) || child.goal == Goal::up) continue;
      react(i, ChildEvent::stop, {});
      if (in_turn) return;
    }
  }

  void ask_to_stop(std::size_t i) {
    Child& child = state_.children[i];
    const nanoseconds deadline = policy_.children[i].shutdown_deadline;
    if (deadline == nanoseconds{0}) {
      kill(i, std::nullopt);
      return;
    }
    child.state = ChildState::stopping;
    child.due = later(now_, deadline);
    act(Action::Kind::stop, i, child.due);
  }

  void kill_if_late(std::size_t i) {
    const Child& child = state_.children[i];
    if (child.due > now_) return;
    const ChildSpec& spec = policy_.children[i];
    const bool starting = child.state == ChildState::starting;
    kill(i,
         Error{Errc::deadline_exceeded,
               fmt::format("'{}' {} within {} and was killed", spec.name, starting ? "was not ready" : "did not stop",
                           in_words(starting ? spec.readiness_deadline : spec.shutdown_deadline))});
  }

  void kill(std::size_t i, std::optional<Error> because) {
    Child& child = state_.children[i];
    child.state = ChildState::killed;
    child.due = never;
    child.killed_because = std::move(because);
    act(Action::Kind::kill, i);
  }

  static void stay_away(Child& child) {
    child.state = ChildState::stopped;
    child.goal = Goal::stop;
    child.due = never;
  }

  void finish(Child& child) const {
    child.state = ChildState::finished;
    child.in_sequence = false;
    child.due = never;
  }

  void ended(std::size_t i, const std::optional<Error>& reported) {
    Child& child = state_.children[i];
    // "was killed by signal 9" says less than why we killed it.
    const std::optional<Error> cause = child.killed_because ? child.killed_because : reported;
    child.state = ChildState::stopped;
    if (child.ready_since && later(*child.ready_since, policy_.supervisor.period) <= now_) child.failures = 0;
    tell(Told::down, i, cause);
    switch (child.goal) {
      case Goal::up: failed_or_finished(i, cause); return;
      case Goal::restart:
        come_back(i, std::max(child.restart_at, now_), std::exchange(child.restarted_because, {}));
        return;
      case Goal::finish: finish(child); return;
      case Goal::stop: stay_away(child); return;
    }
  }

  void failed_or_finished(std::size_t i, const std::optional<Error>& cause) {
    Child& child = state_.children[i];
    const RestartType type = policy_.children[i].restart;
    if (type == RestartType::temporary || (type == RestartType::transient && !cause)) {
      finish(child);
      shut_down_if_significant(i);
      return;
    }
    const SupervisorSpec& spec = policy_.supervisor;
    std::erase_if(state_.restarts, [&](Time time) { return later(time, spec.period) < now_; });
    if (state_.restarts.size() >= spec.intensity) {
      give_up(i, cause);
      return;
    }
    state_.restarts.push_back(now_);
    ++child.failures;
    const double kept = 1 - spec.backoff.jitter * next_fraction(state_.random);
    const double delay = static_cast<double>(backoff_delay(spec.backoff, child.failures).count()) * kept;
    restart_with_others(i, later(now_, nanoseconds{static_cast<std::int64_t>(delay)}), cause);
  }

  void give_up(std::size_t i, const std::optional<Error>& cause) {
    const SupervisorSpec& spec = policy_.supervisor;
    Error last = cause ? *cause : Error{Errc::stopped, fmt::format("'{}' ended in order", policy_.children[i].name)};
    Error why = std::move(last).with_context(fmt::format("supervisor '{}' gave up after {} restarts within {}",
                                                         spec.name, spec.intensity, in_words(spec.period)));
    tell(Told::gave_up, i, why);
    stay_away(state_.children[i]);
    stop_all(std::move(why));
  }

  void shut_down_if_significant(std::size_t i) {
    const auto is_up = [&](std::size_t other) {
      return policy_.children[other].significant && state_.children[other].state != ChildState::finished;
    };
    if (!policy_.children[i].significant) return;
    if (policy_.supervisor.auto_shutdown == AutoShutdown::all_significant)
      for (std::size_t other = 0; other < state_.children.size(); ++other)
        if (is_up(other)) return;
    stop_all(std::nullopt);
  }

  // --- Restarts ------------------------------------------------------------------------------------------------------

  [[nodiscard]] bool is_group() const { return policy_.supervisor.strategy != Strategy::one_for_one; }

  void restart_with_others(std::size_t i, Time at, const std::optional<Error>& cause) {
    const Strategy strategy = policy_.supervisor.strategy;
    const Error together{Errc::stopped, fmt::format("restarted together with '{}'", policy_.children[i].name)};
    const std::size_t first = strategy == Strategy::one_for_all ? 0 : i;
    const std::size_t end = strategy == Strategy::one_for_one ? i + 1 : state_.children.size();
    restart(i, at, cause);
    for (std::size_t j = first; j < end; ++j)
      if (j != i) restart(j, at, together);
  }

  void restart(std::size_t i, Time at, const std::optional<Error>& cause) {
    Child& child = state_.children[i];
    const bool is_temporary = policy_.children[i].restart == RestartType::temporary;
    if (is_present(child.state)) {
      child.goal = is_temporary ? Goal::finish : Goal::restart;
      child.restart_at = std::max(at, child.restart_at);
      child.restarted_because = cause;
    } else if (child.state == ChildState::waiting) {
      child.due = std::max(child.due, at);
      child.in_sequence = true;
    } else if (!is_temporary) {
      come_back(i, at, cause);
    }
  }

  void come_back(std::size_t i, Time at, std::optional<Error> cause) {
    Child& child = state_.children[i];
    child.in_sequence = child.in_sequence || is_group();
    wait(child, at);
    tell(Told::restarting, i, std::move(cause), at - now_);
  }

  // --- Telling -------------------------------------------------------------------------------------------------------

  void act(Action::Kind kind, std::size_t i, Time deadline = never) {
    actions_.push_back({.kind = kind, .child = i, .incarnation = state_.children[i].incarnation, .deadline = deadline});
  }
  void tell(Told kind, std::size_t i, std::optional<Error> cause = std::nullopt, nanoseconds delay = {}) {
    const std::uint64_t incarnation = state_.children[i].incarnation;
    actions_.push_back(
        {.kind = Action::Kind::tell,
         .child = i,
         .incarnation = incarnation,
         .event = SupervisionEvent{kind, policy_.children[i].name, incarnation, std::move(cause), delay}});
  }

  [[nodiscard]] Time next_wake() const {
    Time wake = never;
    for (std::size_t i = 0; i < state_.children.size(); ++i) {
      const Child& child = state_.children[i];
      if (child.state == ChildState::ready && child.goal == Goal::up)
        wake = std::min({wake, child.ping_due, child.answer_due, child.measure_due, age_limit(i)});
      else if (child.state == ChildState::starting || child.state == ChildState::stopping ||
               (child.state == ChildState::waiting && child.due > now_))
        wake = std::min(wake, child.due);
    }
    return wake;
  }

  const Policy& policy_;
  State state_;
  const Time now_;
  std::vector<Action> actions_;
};

}  // namespace

Time later(Time time, nanoseconds duration) noexcept {
  std::int64_t sum = 0;
  if (__builtin_add_overflow(time.time_since_epoch().count(), duration.count(), &sum)) return never;
  return Time{nanoseconds{sum}};
}

std::string_view name_of(ChildState state) noexcept {
  switch (state) {
    case ChildState::stopped: return "stopped";
    case ChildState::waiting: return "waiting";
    case ChildState::starting: return "starting";
    case ChildState::ready: return "ready";
    case ChildState::stopping: return "stopping";
    case ChildState::killed: return "killed";
    case ChildState::finished: return "finished";
  }
  return "unknown";
}

State initial_state(const Policy& policy, std::uint64_t seed) {
  State state;
  state.children.resize(policy.children.size());
  state.random = seed;
  return state;
}

Decision decide(const Policy& policy, State state, const Event& event, Time now) {
  PRONG_EXPECT(state.children.size() == policy.children.size(), "a state belongs to one policy");
  Decider decider{policy, std::move(state), now};
  decider.take(event);
  decider.settle();
  return std::move(decider).result();
}

nanoseconds backoff_delay(const Backoff& backoff, unsigned failures) noexcept {
  const double delay =
      static_cast<double>(backoff.initial.count()) * std::pow(backoff.factor, static_cast<double>(failures) - 1);
  // Compared as a double: a large power is beyond every integer.
  if (!(delay < static_cast<double>(backoff.max.count()))) return backoff.max;
  return nanoseconds{static_cast<std::int64_t>(delay)};
}

}  // namespace prong::supervise

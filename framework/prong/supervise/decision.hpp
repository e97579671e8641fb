// What a supervisor does next: a function of its policy, its state, what happened, and the time.
//
// No clock, no input or output, no chance but a seed: given the same arguments it decides the same. The runtime
// (supervisor.hpp) feeds it what happens and carries out what it decides.
#pragma once

#include "prong/base/deadline.hpp"
#include "prong/supervise/child_state.hpp"
#include "prong/supervise/child_usage.hpp"
#include "prong/supervise/supervision_event.hpp"
#include "prong/supervise/supervisor_spec.hpp"

#include <cstdint>
#include <optional>
#include <vector>

namespace prong::supervise {

using Time = Deadline::Clock::time_point;
inline constexpr Time never = Time::max();

/// Returns the time `duration` after `time`, or `never` where that is beyond all time.
[[nodiscard]] Time later(Time time, std::chrono::nanoseconds duration) noexcept;

/// A supervisor's policy and its children's, in the order of their start.
struct Policy {
  SupervisorSpec supervisor;
  std::vector<ChildSpec> children;
};

/// What is to become of a child.
enum class Goal : std::uint8_t {
  up,       ///< It shall be ready.
  restart,  ///< It is stopped, then started again.
  finish,   ///< It is stopped with others that are restarted, and stays away.
  stop,     ///< It is stopped with its supervisor.
};

/// What is known of one child.
struct Child {
  ChildState state = ChildState::stopped;
  Goal goal = Goal::stop;
  /// It is one of several that are on their way up, and those after it wait for it.
  bool in_sequence = false;
  std::uint64_t incarnation = 0;
  /// waiting: when it starts; starting, stopping: when it is killed.
  Time due = never;
  Time restart_at{};  ///< With goal `restart`.
  std::optional<Time> ready_since = std::nullopt;
  Time ping_due = never;    ///< The next ping; never while an answer is awaited.
  Time answer_due = never;  ///< The answer to a ping.
  Time measure_due = never;
  std::optional<std::uint64_t> memory_when_ready = std::nullopt;
  unsigned failures = 0;  ///< In a row.
  std::optional<Error> killed_because = std::nullopt;
  std::optional<Error> restarted_because = std::nullopt;

  friend bool operator==(const Child&, const Child&) = default;
};

/// Where a supervisor is.
enum class Mode : std::uint8_t { stopped, running, stopping };

/// All that a supervisor remembers.
struct State {
  Mode mode = Mode::stopped;
  bool ready = false;  ///< Since its start each child was ready once, or has finished.
  std::vector<Child> children;
  std::vector<Time> restarts;                   ///< Those of the last period.
  std::optional<Error> failure = std::nullopt;  ///< Why it gave up.
  std::uint64_t random = 0;

  friend bool operator==(const State&, const State&) = default;
};

/// What happens to a supervisor.
struct Event {
  enum class Kind : std::uint8_t {
    start,  ///< It shall start.
    stop,   ///< It shall stop its children in order, and end.
    kill,   ///< It shall kill its children, and end.
    time,   ///< The time that it asked to be woken at has come, or any other.
    child,  ///< `what` has happened to incarnation `incarnation` of child `child`.
  };

  Kind kind = Kind::time;
  std::size_t child = 0;
  std::uint64_t incarnation = 0;
  ChildEvent what = ChildEvent::started;      ///< Not time, stop or kill: these are decided here.
  std::optional<Error> cause = std::nullopt;  ///< ended: why, or nothing if it ended in order.
  ChildUsage usage = {};                      ///< measured.
};

/// What a supervisor does.
struct Action {
  enum class Kind : std::uint8_t {
    start,         ///< Starts the child; the answer is `started` or `ended`.
    ask_ready,     ///< Asks the child to say when it is ready.
    ping,          ///< Pings the child; the answer, until `deadline`, is `alive`.
    measure,       ///< The answer is `measured`.
    stop,          ///< Asks the child to stop until `deadline`; the answer is `ended`.
    kill,          ///< Kills the child; the answer is `ended`.
    tell,          ///< Tells whoever listens of `event`.
    report_ready,  ///< The supervisor is ready.
    report_end,    ///< The supervisor has ended: in order, or because of `failure`. No child is there any more.
  };

  Kind kind = Kind::tell;
  std::size_t child = 0;
  std::uint64_t incarnation = 0;
  Time deadline = never;
  std::optional<SupervisionEvent> event = std::nullopt;
  std::optional<Error> failure = std::nullopt;

  friend bool operator==(const Action&, const Action&) = default;
};

/// The next state, what to do now, in this order, and when to look again.
struct Decision {
  State state;
  std::vector<Action> actions;
  /// An Event of kind `time` is due then; `never` if none is.
  Time wake_at = never;
};

/// Returns the state of a supervisor that has not been started. `seed` is all that its jitter depends on.
[[nodiscard]] State initial_state(const Policy& policy, std::uint64_t seed);

/// Decides. Requires: `policy` is valid (validate()) and `state` is one of it; `now` does not go back.
///
/// What is told of another incarnation than the present one is ignored.
[[nodiscard]] Decision decide(const Policy& policy, State state, const Event& event, Time now);

/// Returns how long the nth failure in a row waits, without jitter. Requires: n is 1 or more.
[[nodiscard]] std::chrono::nanoseconds backoff_delay(const Backoff& backoff, unsigned failures) noexcept;

}  // namespace prong::supervise

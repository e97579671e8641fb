// Writing a supervisor's decisions as lines of words.
#pragma once

#include "prong/supervise/decision.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace prong::tests {

/// Returns "stop 2", or "down 2" for what is told of child 2.
inline std::string to_word(const supervise::Action& action) {
  using Kind = supervise::Action::Kind;
  const std::string child = " " + std::to_string(action.child);
  switch (action.kind) {
    case Kind::start: return "start" + child;
    case Kind::ask_ready: return "ask_ready" + child;
    case Kind::ping: return "ping" + child;
    case Kind::measure: return "measure" + child;
    case Kind::stop: return "stop" + child;
    case Kind::kill: return "kill" + child;
    case Kind::tell: return "<" + std::string{name_of(action.event->kind)} + child + ">";
    case Kind::report_ready: return "READY";
    case Kind::report_end: return action.failure ? "FAILED" : "ENDED";
  }
  return "?";
}

/// A supervisor without children: a test says what happens, and reads what is decided.
class Script {
 public:
  using Kind = supervise::Event::Kind;
  using Happens = supervise::ChildEvent;

  explicit Script(SupervisorSpec supervisor, std::vector<ChildSpec> children, std::uint64_t seed = 1)
      : policy_{std::move(supervisor), std::move(children)}, state_{initial_state(policy_, seed)} {
    EXPECT_TRUE(validate(policy_.supervisor, policy_.children));
  }

  std::string start() { return feed({.kind = Kind::start}); }
  std::string stop() { return feed({.kind = Kind::stop}); }
  std::string kill() { return feed({.kind = Kind::kill}); }
  /// Lets time pass, and wakes it.
  std::string after(std::chrono::nanoseconds duration) {
    now_ += duration;
    return feed({.kind = Kind::time});
  }
  std::string started(std::size_t i) { return happens(i, Happens::started); }
  std::string ready(std::size_t i) { return happens(i, Happens::ready); }
  std::string alive(std::size_t i) { return happens(i, Happens::alive); }
  std::string up(std::size_t i) {
    const std::string first = started(i);
    return first + " " + ready(i);
  }
  std::string measured(std::size_t i, ChildUsage usage) {
    return feed({.kind = Kind::child,
                 .child = i,
                 .incarnation = child(i).incarnation,
                 .what = Happens::measured,
                 .usage = usage});
  }
  std::string fails(std::size_t i, std::string why = "crash") {
    return feed({.kind = Kind::child,
                 .child = i,
                 .incarnation = child(i).incarnation,
                 .what = Happens::ended,
                 .cause = Error{Errc::process_expired, std::move(why)}});
  }
  std::string ends(std::size_t i) { return happens(i, Happens::ended); }
  std::string happens(std::size_t i, Happens what) {
    return feed({.kind = Kind::child, .child = i, .incarnation = child(i).incarnation, .what = what});
  }
  std::string feed(const supervise::Event& event) {
    supervise::Decision decision = decide(policy_, state_, event, now_);
    state_ = std::move(decision.state);
    wake_at_ = decision.wake_at;
    actions = std::move(decision.actions);
    std::string line;
    for (const supervise::Action& action : actions) line += (line.empty() ? "" : " ") + to_word(action);
    return line;
  }

  [[nodiscard]] const supervise::State& state() const { return state_; }
  [[nodiscard]] const supervise::Child& child(std::size_t i) const { return state_.children[i]; }
  /// How long until it wants to be woken.
  [[nodiscard]] std::chrono::nanoseconds wake_in() const { return wake_at_ - now_; }
  [[nodiscard]] bool sleeps() const { return wake_at_ == supervise::never; }
  /// The events that the last line told of.
  [[nodiscard]] std::vector<SupervisionEvent> told() const {
    std::vector<SupervisionEvent> events;
    for (const supervise::Action& action : actions)
      if (action.event) events.push_back(*action.event);
    return events;
  }

  std::vector<supervise::Action> actions;  // of the last line

 private:
  const supervise::Policy policy_;
  supervise::State state_;
  supervise::Time now_ = supervise::Time{} + std::chrono::hours{1};
  supervise::Time wake_at_ = supervise::never;
};

}  // namespace prong::tests

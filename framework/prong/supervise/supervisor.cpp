#include "prong/supervise/supervisor.hpp"

#include "prong/base/contract.hpp"
#include "prong/loop/event_loop.hpp"
#include "prong/supervise/loop_clock.hpp"

#include <algorithm>
#include <exception>
#include <random>

namespace prong {
namespace {

using supervise::Action;
using supervise::ChildEvent;
using supervise::Event;
using supervise::Time;

std::uint64_t make_seed() {
  std::random_device device;
  return std::uint64_t{device()} << 32 | device();
}

// How a child died is for the child to report, as an error; here is told what follows from it.
LogLevel level_of(SupervisionEvent::Kind kind) {
  switch (kind) {
    case SupervisionEvent::Kind::started: return LogLevel::debug;
    case SupervisionEvent::Kind::ready:
    case SupervisionEvent::Kind::down:
    case SupervisionEvent::Kind::recycled:
    case SupervisionEvent::Kind::restarting: return LogLevel::info;
    case SupervisionEvent::Kind::hung: return LogLevel::warning;
    case SupervisionEvent::Kind::gave_up: return LogLevel::error;
  }
  return LogLevel::info;
}

}  // namespace

void ChildReport::tell(ChildEvent what, const Result<void>& how) const {
  if (to_ && to_->supervisor != nullptr) to_->supervisor->told(child_, incarnation_, what, how);
}

Supervisor::Supervisor(SupervisorSpec spec, loop::EventLoop& loop)
    : Supervisor{std::move(spec), &loop, std::make_unique<supervise::LoopClock>(loop), nullptr} {}

Supervisor::Supervisor(SupervisorSpec spec, supervise::Clock& clock)
    : Supervisor{std::move(spec), nullptr, nullptr, &clock} {}

Supervisor::Supervisor(SupervisorSpec spec, loop::EventLoop* loop, std::unique_ptr<supervise::Clock> own_clock,
                       supervise::Clock* clock)
    : loop_{loop},
      own_clock_{std::move(own_clock)},
      clock_{own_clock_ ? *own_clock_ : *clock},
      logger_{"Supervisor." + spec.name},
      policy_{std::move(spec), {}},
      address_{std::make_shared<ChildReport::Address>()} {
  address_->supervisor = this;
}

Supervisor::~Supervisor() {
  PRONG_EXPECT(!handling_, "a supervisor is not destroyed in its own handlers");
  address_->supervisor = nullptr;
  clock_.cancel_timer(timer_);
  for (std::size_t i = children_.size(); i-- > 0;)
    if (i < state_.children.size() && is_present(state_.children[i].state))
      guard("kill", [&] { children_[i]->kill(); });
}

void Supervisor::add(ChildSpec spec, SupervisedChild& child) {
  PRONG_EXPECT(!running(), "children are added before start()");
  policy_.children.push_back(std::move(spec));
  children_.push_back(&child);
}

// --- From outside ----------------------------------------------------------------------------------------------------

Result<void> Supervisor::start() {
  return start(ChildReport{});
}

Result<void> Supervisor::start(ChildReport report) {
  if (running()) return fail(Errc::already_started, "supervisor '" + name() + "' runs already");
  PRONG_TRY(validate(policy_.supervisor, policy_.children));
  // Children that were added since the last time are behind those there were; incarnations go on counting.
  if (state_.children.empty()) state_ = supervise::initial_state(policy_, make_seed());
  state_.children.resize(policy_.children.size());
  parent_ = std::move(report);
  was_ready_ = false;
  outcome_ = Result<void>{};
  handle({.kind = Event::Kind::start});
  return {};
}

void Supervisor::ask_ready() {
  if (ready()) parent_.ready();
}

void Supervisor::ping(Time) {
  parent_.alive();
}

void Supervisor::request_stop() {
  if (running()) handle({.kind = Event::Kind::stop});
}

void Supervisor::request_stop(Time) {
  request_stop();
}

void Supervisor::kill() {
  if (running()) handle({.kind = Event::Kind::kill});
}

ChildUsage Supervisor::usage() {
  ChildUsage sum;
  for (std::size_t i = 0; i < state_.children.size(); ++i) {
    if (!is_present(state_.children[i].state)) continue;
    const ChildUsage part = children_[i]->usage();
    sum.tasks += part.tasks;
    sum.memory_bytes += part.memory_bytes;
  }
  return sum;
}

Result<void> Supervisor::wait_ready(Deadline deadline) {
  if (!running() && outcome_) return fail(Errc::not_started, "supervisor '" + name() + "' does not run");
  PRONG_TRY(run_loop_until([this] { return was_ready_ || !running(); }, deadline));
  if (was_ready_) return {};
  if (!outcome_) return outcome_;
  return fail(Errc::stopped, "supervisor '" + name() + "' has stopped");
}

Result<void> Supervisor::stop(Deadline deadline) {
  request_stop();
  const auto gone = [this] { return !running(); };
  if (run_loop_until(gone, deadline)) return {};
  kill();
  // A killed process goes as soon as the kernel lets it; one in an uninterruptible sleep is waited for just so long.
  PRONG_TRY(run_loop_until(gone, Deadline::after(std::chrono::seconds{10})));
  return fail(Errc::deadline_exceeded, "supervisor '" + name() + "' did not stop in time: what was left was killed");
}

Result<void> Supervisor::run_loop_until(const std::function<bool()>& done, Deadline deadline) {
  PRONG_EXPECT(loop_ != nullptr, "only a supervisor with a loop can wait");
  PRONG_EXPECT(!handling_, "a supervisor's handler does not wait for it");
  while (!done()) {
    if (deadline.has_passed()) return fail(Errc::deadline_exceeded, "supervisor '" + name() + "' took too long");
    PRONG_TRY(loop_->run_once(deadline));
  }
  return {};
}

std::size_t Supervisor::index_of(std::string_view child) const {
  const auto found = std::find_if(policy_.children.begin(), policy_.children.end(),
                                  [&](const ChildSpec& spec) { return spec.name == child; });
  PRONG_EXPECT(found != policy_.children.end(), "a supervisor is asked about its own children");
  return static_cast<std::size_t>(found - policy_.children.begin());
}

supervise::ChildState Supervisor::state_of(std::string_view child) const {
  const std::size_t index = index_of(child);
  return index < state_.children.size() ? state_.children[index].state : supervise::ChildState::stopped;
}

std::uint64_t Supervisor::incarnation_of(std::string_view child) const {
  const std::size_t index = index_of(child);
  return index < state_.children.size() ? state_.children[index].incarnation : 0;
}

// --- From the children, and back -------------------------------------------------------------------------------------

void Supervisor::told(std::size_t child, std::uint64_t incarnation, ChildEvent what, const Result<void>& how) {
  Event event{.kind = Event::Kind::child, .child = child, .incarnation = incarnation, .what = what};
  if (!how) event.cause = how.error();
  // What a child reports within its start() comes after its start.
  if (starting_ == child)
    early_.push_back(std::move(event));
  else
    handle(std::move(event));
}

void Supervisor::handle(Event event) {
  events_.push_back(std::move(event));
  if (std::exchange(handling_, true)) return;
  while (!events_.empty()) {
    const Event next = std::move(events_.front());
    events_.pop_front();
    supervise::Decision decision = supervise::decide(policy_, std::move(state_), next, clock_.now());
    state_ = std::move(decision.state);
    set_timer(decision.wake_at);
    for (const Action& action : decision.actions) run(action);
  }
  handling_ = false;
}

void Supervisor::run(const Action& action) {
  const auto child = [&]() -> SupervisedChild& { return *children_[action.child]; };
  switch (action.kind) {
    case Action::Kind::start: start_child(action); return;
    case Action::Kind::ask_ready: guard("ask_ready", [&] { child().ask_ready(); }); return;
    case Action::Kind::ping: guard("ping", [&] { child().ping(action.deadline); }); return;
    case Action::Kind::measure:
      guard("usage", [&] {
        handle({.kind = Event::Kind::child,
                .child = action.child,
                .incarnation = action.incarnation,
                .what = ChildEvent::measured,
                .usage = child().usage()});
      });
      return;
    case Action::Kind::stop: guard("request_stop", [&] { child().request_stop(action.deadline); }); return;
    case Action::Kind::kill: guard("kill", [&] { child().kill(); }); return;
    case Action::Kind::tell: tell(*action.event); return;
    case Action::Kind::report_ready:
      was_ready_ = true;
      parent_.ready();
      return;
    case Action::Kind::report_end: end(action.failure); return;
  }
}

void Supervisor::start_child(const Action& action) {
  Event event{.kind = Event::Kind::child, .child = action.child, .incarnation = action.incarnation};
  starting_ = action.child;
  Result<void> started = fail(Errc::invalid_state, "its start() threw");
  guard("start", [&] {
    started = children_[action.child]->start(ChildReport{address_, action.child, action.incarnation});
  });
  starting_.reset();
  std::vector<Event> early = std::exchange(early_, {});
  if (started) {
    handle(std::move(event));
    for (Event& reported : early) handle(std::move(reported));
  } else {
    event.what = ChildEvent::ended;
    event.cause =
        std::move(started).error().with_context("'" + policy_.children[action.child].name + "' could not be started");
    handle(std::move(event));
  }
}

void Supervisor::tell(const SupervisionEvent& event) {
  switch (level_of(event.kind)) {
    case LogLevel::debug: logger_.debug("{}", to_string(event)); break;
    case LogLevel::info: logger_.info("{}", to_string(event)); break;
    case LogLevel::warning: logger_.warning("{}", to_string(event)); break;
    default: logger_.error("{}", to_string(event));
  }
  if (on_event_) guard("the handler of an event", [&] { on_event_(event); });
}

void Supervisor::end(const std::optional<Error>& failure) {
  const Result<void> outcome = failure ? Result<void>{*failure} : Result<void>{};
  outcome_ = outcome;
  // The handler may start it again, under nobody.
  const ChildReport parent = std::exchange(parent_, ChildReport{});
  if (on_end_) guard("the handler of the end", [&] { on_end_(outcome); });
  parent.ended(outcome);
}

void Supervisor::set_timer(Time when) {
  if (when == wake_at_) return;
  clock_.cancel_timer(std::exchange(timer_, 0));
  wake_at_ = when;
  if (when == supervise::never) return;
  timer_ = clock_.add_timer(when, [this] {
    timer_ = 0;
    wake_at_ = supervise::never;
    handle({.kind = Event::Kind::time});
  });
}

// What a child or a user's handler throws must not stop the others from being looked after.
template <class Work>
void Supervisor::guard(const char* what, Work&& work) noexcept {
  try {
    work();
  } catch (const std::exception& exception) {
    logger_.error("{} threw: {}", what, exception.what());
  } catch (...) {
    logger_.error("{} threw something that is no exception", what);
  }
}

}  // namespace prong

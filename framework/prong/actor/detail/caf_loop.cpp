#include "prong/actor/detail/caf_loop.hpp"

#include <caf/event_based_actor.hpp>
#include <caf/system_messages.hpp>

#include <cstdio>

namespace prong::actor::detail {
namespace {

// What caf::aout writes to. CAF's own printer is a thread; this one is an actor like any other.
class Printer final : public caf::event_based_actor {
 public:
  using caf::event_based_actor::event_based_actor;

  caf::behavior make_behavior() override {
    set_default_handler(caf::drop);
    return {
        [](caf::add_atom, caf::actor_id, const std::string& text) { std::fwrite(text.data(), 1, text.size(), stdout); },
        [](caf::flush_atom, caf::actor_id) { std::fflush(stdout); }};
  }
};

}  // namespace

LoopUnit::LoopUnit(caf::actor_system& system, loop::EventLoop& loop) : execution_unit{&system}, loop_{loop} {
  loop_.add_source(*this);
}

LoopUnit::~LoopUnit() {
  loop_.remove_source(*this);
  discard();
}

void LoopUnit::exec_later(caf::resumable* actor) {
  if (!in_loop()) {
    loop_.post([this, actor] { ready_.push_back(actor); });
    return;
  }
  ready_.push_back(actor);
  loop_.touch();
}

bool LoopUnit::work() {
  constexpr std::size_t turns = 64;
  constexpr std::size_t messages = 64;
  std::size_t done = 0;
  for (; done < turns && !ready_.empty(); ++done) {
    caf::resumable* const actor = ready_.front();
    ready_.pop_front();
    if (actor->resume(this, messages) == caf::resumable::resume_later)
      ready_.push_back(actor);
    else
      caf::intrusive_ptr_release(actor);
  }
  return done > 0;
}

void LoopUnit::discard() noexcept {
  while (!ready_.empty()) {
    caf::resumable* const actor = ready_.front();
    ready_.pop_front();
    caf::scheduler::abstract_coordinator::cleanup_and_release(actor);
  }
}

LoopClock::~LoopClock() {
  unit_.loop().cancel_timer(timer_);
}

void LoopClock::set_ordinary_timeout(time_point when, caf::abstract_actor* self, caf::atom_value type,
                                     std::uint64_t id) {
  const std::lock_guard lock{mutex_};
  simple_actor_clock::set_ordinary_timeout(when, self, type, id);
  arm();
}

void LoopClock::set_multi_timeout(time_point when, caf::abstract_actor* self, caf::atom_value type, std::uint64_t id) {
  const std::lock_guard lock{mutex_};
  simple_actor_clock::set_multi_timeout(when, self, type, id);
  arm();
}

void LoopClock::set_request_timeout(time_point when, caf::abstract_actor* self, caf::message_id id) {
  const std::lock_guard lock{mutex_};
  simple_actor_clock::set_request_timeout(when, self, id);
  arm();
}

void LoopClock::cancel_ordinary_timeout(caf::abstract_actor* self, caf::atom_value type) {
  const std::lock_guard lock{mutex_};
  simple_actor_clock::cancel_ordinary_timeout(self, type);
}

void LoopClock::cancel_request_timeout(caf::abstract_actor* self, caf::message_id id) {
  const std::lock_guard lock{mutex_};
  simple_actor_clock::cancel_request_timeout(self, id);
}

void LoopClock::cancel_timeouts(caf::abstract_actor* self) {
  const std::lock_guard lock{mutex_};
  simple_actor_clock::cancel_timeouts(self);
}

void LoopClock::schedule_message(time_point when, caf::strong_actor_ptr receiver, caf::mailbox_element_ptr content) {
  const std::lock_guard lock{mutex_};
  simple_actor_clock::schedule_message(when, std::move(receiver), std::move(content));
  arm();
}

void LoopClock::schedule_message(time_point when, caf::group target, caf::strong_actor_ptr sender,
                                 caf::message content) {
  const std::lock_guard lock{mutex_};
  simple_actor_clock::schedule_message(when, std::move(target), std::move(sender), std::move(content));
  arm();
}

void LoopClock::cancel_all() {
  const std::lock_guard lock{mutex_};
  simple_actor_clock::cancel_all();
}

void LoopClock::arm() {
  if (!unit_.in_loop()) {
    unit_.loop().post([this] { trigger(); });
    return;
  }
  unit_.loop().cancel_timer(timer_);
  timer_ = 0;
  if (!schedule().empty())
    timer_ = unit_.loop().add_timer(Deadline::at(schedule().begin()->first), [this] { trigger(); });
}

void LoopClock::trigger() {
  const std::lock_guard lock{mutex_};
  trigger_expired_timeouts();
  arm();
}

LoopCoordinator::LoopCoordinator(caf::actor_system& system, loop::EventLoop& loop)
    : abstract_coordinator{system}, unit_{system, loop}, clock_{unit_} {}

LoopCoordinator::~LoopCoordinator() {
  // Here and not in the base class: the end of an actor asks the clock, which is a member of this one.
  utility_actors_[printer_id] = nullptr;
}

void LoopCoordinator::start() {
  // The base class would start a thread for the printer.
  utility_actors_[printer_id] = system_.spawn<Printer, caf::hidden + caf::lazy_init>();
}

void LoopCoordinator::stop() {
  clock_.cancel_all();
  // Actors end by messages to themselves: give them a bounded number of turns, then let go of what is left.
  for (int turn = 0; turn < 1000 && unit_.work(); ++turn) {
  }
  unit_.discard();
}

void use_loop(caf::actor_system_config& config, loop::EventLoop& loop) {
  config.module_factories.push_back([&loop](caf::actor_system& system) -> caf::actor_system::module* {
    return new LoopCoordinator{system, loop};
  });
}

}  // namespace prong::actor::detail

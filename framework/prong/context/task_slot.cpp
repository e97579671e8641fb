#include "prong/context/task_slot.hpp"

#include "prong/base/exception.hpp"
#include "prong/process/exclog.hpp"

#include <boost/asio/basic_waitable_timer.hpp>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/dispatch.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/system/system_error.hpp>

#include <list>
#include <optional>

namespace prong {

using boost::asio::awaitable;
using Timer = boost::asio::basic_waitable_timer<Deadline::Clock>;

struct TaskSlot::State : std::enable_shared_from_this<State> {
  State(boost::asio::any_io_executor given, Logger& log, std::string called)
      : executor{std::move(given)}, logger{log}, name{std::move(called)} {}

  void begin(awaitable<void> task) {
    running = true;
    ++runs;
    cancelled = false;
    cancel = std::make_shared<boost::asio::cancellation_signal>();
    // The signal lives until the handler has run: its slot is in use until then.
    boost::asio::co_spawn(
        executor, exclog(logger, name, std::move(task)),
        boost::asio::bind_cancellation_slot(
            cancel->slot(), [self = shared_from_this(), signal = cancel](const std::exception_ptr&) { self->end(); }));
  }

  void end() {
    running = false;
    for (Timer* const one : waiting) one->cancel();
    auto following = std::exchange(next, std::nullopt);
    if (following && !cancelled) begin(*std::move(following));
  }

  void cancel_task() {
    cancelled = true;
    next.reset();
    if (!running) return;
    // In the executor: docs/traps/cancelling_from_outside.md.
    boost::asio::dispatch(executor, [self = shared_from_this(), signal = cancel] {
      if (self->running && self->cancel == signal) signal->emit(boost::asio::cancellation_type::all);
    });
  }

  // Ends the task that there is, and those that others begin meanwhile.
  static awaitable<void> clear(std::shared_ptr<State> state, Deadline deadline) {
    while (state->running) {
      state->cancel_task();
      if (state->running) co_await await_end(state, deadline);
    }
  }

  static awaitable<void> await_end(std::shared_ptr<State> state, Deadline deadline) {
    const std::uint64_t run = state->runs;
    Timer timer{state->executor, Deadline::Clock::time_point{std::chrono::nanoseconds{deadline.nanoseconds()}}};
    const struct Waiting {
      State& state;
      std::list<Timer*>::iterator place;
      ~Waiting() { state.waiting.erase(place); }
    } waiting{*state, state->waiting.insert(state->waiting.end(), &timer)};
    boost::system::error_code woken;
    co_await timer.async_wait(boost::asio::redirect_error(boost::asio::use_awaitable, woken));
    if (!state->running || state->runs != run) co_return;
    if (woken) throw boost::system::system_error{woken};  // the wait itself was cancelled
    throw_error(Error{Errc::deadline_exceeded, "task '" + state->name + "' was cancelled and did not end"});
  }

  boost::asio::any_io_executor executor;
  Logger& logger;
  std::string name;
  bool running = false;
  std::uint64_t runs = 0;
  bool cancelled = false;
  std::shared_ptr<boost::asio::cancellation_signal> cancel;
  std::optional<awaitable<void>> next;
  std::list<Timer*> waiting;  // of those who wait for the end
};

TaskSlot::TaskSlot(boost::asio::any_io_executor executor, Logger& logger, std::string name)
    : state_{std::make_shared<State>(std::move(executor), logger, std::move(name))} {}

TaskSlot::~TaskSlot() {
  state_->cancel_task();
}

awaitable<void> TaskSlot::recreate(awaitable<void> task, Deadline deadline) {
  const auto state = state_;
  co_await State::clear(state, deadline);
  state->begin(std::move(task));
}

void TaskSlot::reschedule(awaitable<void> task) {
  if (state_->running)
    state_->next.emplace(std::move(task));
  else
    state_->begin(std::move(task));
}

awaitable<void> TaskSlot::remove(Deadline deadline) {
  const auto state = state_;
  co_await State::clear(state, deadline);
}

bool TaskSlot::running() const noexcept {
  return state_->running;
}

}  // namespace prong

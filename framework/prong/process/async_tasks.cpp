#include "prong/process/async_tasks.hpp"

#include "prong/process/exclog.hpp"

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/dispatch.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <list>
#include <vector>

namespace prong {

struct AsyncTasks::State {
  using Signal = std::shared_ptr<boost::asio::cancellation_signal>;

  State(boost::asio::any_io_executor given, Logger& log) : executor{std::move(given)}, logger{log}, changed{executor} {
    changed.expires_at(boost::asio::steady_timer::time_point::max());
  }

  void end(std::list<Signal>::iterator place) {
    running.erase(place);
    if (running.empty()) changed.cancel();
  }

  boost::asio::any_io_executor executor;
  Logger& logger;
  std::list<Signal> running;
  bool cancelling = false;
  boost::asio::steady_timer changed;  // never expires: cancelling it wakes who waits
};

AsyncTasks::AsyncTasks(boost::asio::any_io_executor executor, Logger& logger)
    : state_{std::make_shared<State>(std::move(executor), logger)} {}

AsyncTasks::~AsyncTasks() {
  cancel_all();
}

void AsyncTasks::create(std::string name, boost::asio::awaitable<void> task) {
  const auto signal = std::make_shared<boost::asio::cancellation_signal>();
  const auto place = state_->running.insert(state_->running.end(), signal);
  // The signal lives until the handler has run: its slot is in use until then.
  boost::asio::co_spawn(
      state_->executor, exclog(state_->logger, std::move(name), std::move(task)),
      boost::asio::bind_cancellation_slot(
          signal->slot(), [state = state_, place, signal](const std::exception_ptr&) { state->end(place); }));
  if (state_->cancelling)
    boost::asio::dispatch(state_->executor, [signal] { signal->emit(boost::asio::cancellation_type::all); });
}

void AsyncTasks::cancel_all() {
  state_->cancelling = true;
  if (state_->running.empty()) return;
  // In the executor: docs/traps/cancelling_from_outside.md.
  boost::asio::dispatch(state_->executor, [state = state_] {
    // Each may end, and begin others, as soon as it is told.
    const std::vector<State::Signal> running{state->running.begin(), state->running.end()};
    for (const auto& signal : running) signal->emit(boost::asio::cancellation_type::all);
  });
}

std::size_t AsyncTasks::size() const noexcept {
  return state_->running.size();
}

boost::asio::awaitable<void> AsyncTasks::join() {
  const auto state = state_;
  while (!state->running.empty()) {
    boost::system::error_code woken;
    co_await state->changed.async_wait(boost::asio::redirect_error(boost::asio::use_awaitable, woken));
    const auto own = co_await boost::asio::this_coro::cancellation_state;
    if (own.cancelled() != boost::asio::cancellation_type::none) co_return;
  }
}

}  // namespace prong

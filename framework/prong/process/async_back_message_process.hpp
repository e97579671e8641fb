// A process whose backend runs coroutines.
//
// Comes with prong/asio.hpp.
#pragma once

#include "prong/process/async_call.hpp"
#include "prong/process/async_command.hpp"
#include "prong/process/duplex.hpp"

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/use_awaitable.hpp>

namespace prong {

/// A MessageProcess whose handlers may be coroutines: `boost::asio::awaitable<T> c__x(...)`.
///
/// Its backend has one thread, which runs an io_context: timers, sockets and coroutines beside the intercom. Commands
/// begin in the order in which they were sent, each when the one before has ended; those declared with Concurrent run
/// beside all others. Plain handlers are in the same order, and hold everything up as long as they run.
/// At the deadline of its call a coroutine is cancelled (boost::asio::cancellation_type::all), and at a stop what is
/// left after stop_grace().
/// Thread safety, wrong process: as MessageProcess.
/// Source: valkka.multiprocess, AsyncBackMessageProcess.
class AsyncBackMessageProcess : public MessageProcess {
 public:
  explicit AsyncBackMessageProcess(std::string name = "AsyncMessageProcess", ProcessOptions options = {});
  ~AsyncBackMessageProcess() override;

  /// Returns both directions, each with a descriptor for poll, select and epoll.
  [[nodiscard]] Duplex duplex() noexcept { return Duplex{*this}; }

 protected:
  // --- Frontend, in the constructor --------------------------------------------------------------------------------

  /// Declares a command, whose handler is a coroutine or a plain function.
  template <auto Handler, class... Parameters>
  void command(std::string name, Parameters&&... parameters) {
    if constexpr (actor::is_coroutine<Handler>)
      add_coroutine(
          actor::describe_command<MessageProcess, Handler>(std::move(name), std::forward<Parameters>(parameters)...),
          calls_of<Handler>(0));
    else
      MessageProcess::command<Handler>(std::move(name), std::forward<Parameters>(parameters)...);
  }
  /// Declares a command of which several may run at a time: `command<&C::c__get>("get", Concurrent{8}, "url"_a)`.
  template <auto Handler, class... Parameters>
  void command(std::string name, Concurrent concurrent, Parameters&&... parameters) {
    static_assert(actor::is_coroutine<Handler>, "a plain handler runs alone: make it a coroutine");
    PRONG_EXPECT(concurrent.limit > 0, "at least one run of a command goes on at a time");
    add_coroutine(
        actor::describe_command<MessageProcess, Handler>(std::move(name), std::forward<Parameters>(parameters)...),
        calls_of<Handler>(concurrent.limit));
  }

  // --- Backend -----------------------------------------------------------------------------------------------------

  /// Runs after pre_run(), before the first message. An exception ends the backend; the frontend is told which.
  virtual boost::asio::awaitable<void> async_pre();
  /// Runs after the last command and the last task, before post_run(). What it sends arrives.
  virtual boost::asio::awaitable<void> async_post();
  /// How long a stop lets commands that were sent before it go on before they are cancelled.
  [[nodiscard]] virtual std::chrono::nanoseconds stop_grace() const { return std::chrono::milliseconds{500}; }

  /// Returns what the backend runs: for timers, sockets and coroutines.
  [[nodiscard]] boost::asio::io_context& io_context();
  [[nodiscard]] boost::asio::any_io_executor executor() { return io_context().get_executor(); }
  /// Begins a coroutine for which no command waits. What it throws is logged with `name`. A stop cancels and awaits it.
  void create_task(std::string name, boost::asio::awaitable<void> task);
  /// Awaits `task`; what it throws is logged with `name`, and the frontend is sent
  /// `error(slot=..., name=..., what=...)`. Source: valkka.multiprocess, exclogmsg.
  [[nodiscard]] boost::asio::awaitable<void> exclogmsg(std::string name, Value slot, boost::asio::awaitable<void> task);

  /// Sends a message to the frontend's pipe(): `co_await async_send_out(message)`. While the frontend has received too
  /// little, the coroutine waits, and nothing else does.
  ///
  /// Signature: void(std::exception_ptr). Those who wait are served in order; send_out() fails with `overloaded`
  /// meanwhile, and never waits. Fails with: too_large, deadline_exceeded, cancelled.
  /// If you stop waiting: by cancelling, the message is not sent.
  template <class Token = boost::asio::use_awaitable_t<>>
  auto async_send_out(const MessageObject& message, Token&& token = {}) {
    return async_send(0, message, std::forward<Token>(token));
  }
  /// The same to the frontend's second queue, return_from_back().
  template <class Token = boost::asio::use_awaitable_t<>>
  auto async_return_out(const MessageObject& message, Token&& token = {}) {
    return async_send(1, message, std::forward<Token>(token));
  }
  /// Waits until a stop is asked for: for handlers and tasks that have no other end.
  /// Signature: void(std::exception_ptr). Fails with: cancelled.
  template <class Token = boost::asio::use_awaitable_t<>>
  auto async_stop_requested(Token&& token = {}) {
    return detail::begin_wait<void, detail::ThrowingOutcome<void>>(
        Deadline::never(), [this](std::shared_ptr<detail::AsyncWait<void>> wait) { await_stop(std::move(wait)); },
        std::forward<Token>(token));
  }

  /// Runs the io_context until it has done something or the deadline has passed.
  void read_pipes(Deadline deadline) final;

 private:
  class Runner;

  template <auto Handler>
  static constexpr detail::CoroutineCommand calls_of(std::size_t concurrent) {
    using Calls = detail::CoroutineCalls<MessageProcess, Handler>;
    return {&Calls::begin_typed, &Calls::begin_named, concurrent};
  }
  template <class Token>
  auto async_send(std::size_t box, const MessageObject& message, Token&& token) {
    std::vector<std::byte> payload;
    encode(message, payload);
    return detail::begin_wait<void, detail::ThrowingOutcome<void>>(
        default_deadline(),
        [this, box, payload = std::move(payload)](std::shared_ptr<detail::AsyncWait<void>> wait) mutable {
          send_when_room(box, std::move(payload), std::move(wait));
        },
        std::forward<Token>(token));
  }

  void add_coroutine(actor::Command command, const detail::CoroutineCommand& calls);
  void send_when_room(std::size_t box, std::vector<std::byte> payload, std::shared_ptr<detail::AsyncWait<void>> wait);
  void await_stop(std::shared_ptr<detail::AsyncWait<void>> wait);
  std::unique_ptr<detail::BackendExtension> make_extension(Backend& backend) override;
  [[nodiscard]] link::Sending backend_sending() const noexcept override;

  std::vector<detail::CoroutineCommand> coroutines_;  // by the number of the command
  Runner* runner_ = nullptr;                          // in the backend
};

}  // namespace prong

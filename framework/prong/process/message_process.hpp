// A class that is two processes: its frontend here, its backend in a process forked for it.
#pragma once

#include "prong/actor/command.hpp"
#include "prong/base/deadline.hpp"
#include "prong/log/logger.hpp"
#include "prong/message/message_object.hpp"
#include "prong/process/cancel_token.hpp"
#include "prong/process/process_observer.hpp"
#include "prong/process/process_options.hpp"
#include "prong/reply/future.hpp"
#include "prong/sync/peer.hpp"

#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace caf {
class actor;
class actor_system;
}  // namespace caf

namespace prong {

namespace loop {
class EventLoop;
}

namespace actor {
class ProxyActor;
}

namespace testing {
class InProcess;
}

namespace transport {
class Segment;
}

namespace link {
enum class Sending : std::uint8_t;
}

namespace detail {
class BackendExtension;
class ProcessWaits;
class Spawner;
}  // namespace detail

class AsyncBackMessageProcess;
class Duplex;
class ForkServer;
class MainContext;

class MessageProcess;

/// The frontend's end for messages that the backend sends by itself.
///
/// Thread safety: all members from any thread.
class Pipe {
 public:
  /// Takes the oldest message, waiting for one until the deadline.
  ///
  /// Fails with: deadline_exceeded; once all messages are taken, `stopped` after an orderly end of the backend and
  /// process_expired after any other.
  [[nodiscard]] Result<MessageObject> receive(Deadline deadline);
  /// As receive() without waiting; nothing if there is no message now.
  [[nodiscard]] Result<std::optional<MessageObject>> try_receive();
  /// Returns a descriptor for poll, epoll and select. It is readable when receive() would not wait; it may be readable
  /// when there is no message after all, so use try_receive() behind it. Throws Exception when descriptors run out.
  [[nodiscard]] int descriptor();

 private:
  friend class MessageProcess;
  friend class detail::ProcessWaits;
  explicit Pipe(MessageProcess& process) noexcept : process_{&process} {}

  MessageProcess* process_;
};

/// Subclass it, declare commands in the constructor, and start() forks a backend that runs them.
///
/// Members are of the frontend (the process that constructed the object) or of the backend (the process forked for it);
/// each comment says which. A frontend's member called in another process fails with wrong_process.
/// Thread safety: frontend members from any thread, except construction, destruction, start() and options; backend
/// members in the backend's main thread, except send_out() and return_out(), which any of its threads may call.
/// If the peer dies: pending calls and waits end at once with ProcessExpired; a backend dies with its frontend.
class MessageProcess : public Peer {
 public:
  explicit MessageProcess(std::string name = "MessageProcess", ProcessOptions options = {});
  MessageProcess(const MessageProcess&) = delete;
  MessageProcess& operator=(const MessageProcess&) = delete;
  /// Stops the backend if it still runs: asks, waits a second, then kills. Call stop() to choose another time.
  ~MessageProcess() override;

  // --- Frontend --------------------------------------------------------------------------------------------------

  [[nodiscard]] const std::string& name() const noexcept;
  /// Has the backend ignore SIGINT, so that Ctrl-C in a terminal reaches the frontend alone. Requires: not started.
  void ignore_sigint();
  /// Keeps a descriptor of this process open in the backend, under the same number; otherwise a backend has none but
  /// those that Prong's own objects share. Requires: not started; it stays open until start(), and for restarts.
  void inherit(int descriptor);
  /// Forks the backend: a copy of the program as it is now. A program that has threads and a ForkServer gets a copy as
  /// of the server's snapshot instead, if that has this object.
  /// Throws Exception: threads_exist (naming them), already_started, system.
  void start();
  /// Another name of start().
  void go() { start(); }
  /// Starts another backend after the one before has ended: of the fork server's snapshot, or, where there is no
  /// server, a copy of the program as it is now.
  ///
  /// Calls that were pending have failed and stay failed; later ones go to the new backend. Messages that the old one
  /// had sent are still received, as far as they fit its window. pipe() and its descriptor stay the same.
  /// Blocks: until the process is forked; it is ready later, see wait_ready().
  /// Fails with: invalid_state while the backend runs or while this thread waits for it, not_started, threads_exist,
  /// deadline_exceeded, system.
  [[nodiscard]] Result<void> restart(Deadline deadline);
  [[nodiscard]] ProcessState state() const noexcept;
  /// Returns how many backends were started, this one included.
  [[nodiscard]] std::uint64_t incarnation() const noexcept;
  /// Returns the backend's pid, or 0 before start().
  [[nodiscard]] int pid() const noexcept;
  /// Waits until the backend has run pre_run(). Fails with: deadline_exceeded, process_expired, what pre_run() threw.
  [[nodiscard]] Result<void> wait_ready(Deadline deadline);

  /// Sends a command that nobody answers; before start() it is kept for the backend.
  /// Throws Exception: overloaded, too_large, process_expired, stopped.
  void send_message_to_back(const MessageObject& message);
  /// As send_message_to_back(), with the error as a value.
  [[nodiscard]] Result<void> try_send_message_to_back(const MessageObject& message, Deadline deadline);
  /// Sends a command and returns the outcome to come: what the handler returned, as a Value.
  [[nodiscard]] Future<Value> request(const MessageObject& message);
  [[nodiscard]] Future<Value> request(const MessageObject& message, Deadline deadline);

  /// As call(), for those who do not wait in a thread: the last argument is an Asio completion token.
  /// `int sum = co_await adder.async_call<&Adder::c__add>(1, 2, boost::asio::use_awaitable)`
  ///
  /// It is defined in prong/asio.hpp. Waits as async_get(), so the process must be attached.
  template <auto Handler, class... Arguments>
  auto async_call(Arguments&&... arguments);

  /// Returns the end to receive what the backend sends by send_out().
  [[nodiscard]] Pipe& pipe() noexcept { return pipe_; }
  /// Takes the oldest message that the backend sent by return_out(). Fails with: as Pipe::receive().
  [[nodiscard]] Result<MessageObject> return_from_back(Deadline deadline);

  /// Asks the backend to stop after what was sent before. Blocks: never.
  void request_stop();
  /// Waits for the backend's end. Fails with: deadline_exceeded, not_started, process_expired unless it ended in order.
  [[nodiscard]] Result<void> wait_stop(Deadline deadline);
  /// Asks the backend to stop and waits. One that does not gets SIGTERM shortly before the deadline
  /// (ProcessOptions::term_grace) and is killed at the deadline, with what it has started. Fails with: as wait_stop().
  Result<void> stop(Deadline deadline);
  /// As stop(), with the default deadline.
  Result<void> stop();
  /// As stop() for each of `processes`, all at the same time: any number takes as long as the slowest one.
  static std::vector<Result<void>> stop_all(std::span<MessageProcess* const> processes, Deadline deadline);
  /// Sends SIGTERM to the backend. Blocks: never.
  void terminate() noexcept;
  /// Kills the backend with SIGKILL. Blocks: never.
  void kill() noexcept;

  /// Sends the built-in command `ping`, which answers on pipe() with `pong(lis=...)`.
  void send_ping(const std::vector<int>& lis);
  /// Measures the way to the backend's loop and back. Fails with: deadline_exceeded, process_expired.
  [[nodiscard]] Result<std::chrono::nanoseconds> ping(Deadline deadline);

  /// Has `observer` called when this and later backends are ready and when they have ended.
  /// Requires: no other thread reads meanwhile; before start(), after the end, or in the thread of the attached loop.
  void observe(ProcessObserver observer);
  /// Asks the backend's command loop for a sign of life, past everything that is queued: ProcessObserver::alive. A loop
  /// that hangs gives none. Blocks: never. Fails with: overloaded, not_started, why the backend ended.
  [[nodiscard]] Result<void> ask_alive();

  [[nodiscard]] ProcessStatistics statistics() const;
  /// Sets the level of this process's logger. Logger::format_logger() sets it for all.
  void format_logger(LogLevel level = LogLevel::info);

  /// Has `loop` receive for this process: continuations then run in the loop's thread. Call in that thread; again, if
  /// the loop is to run in another one. Throws Exception: invalid_state if another loop is attached, system.
  void attach(loop::EventLoop& loop);
  void detach() noexcept;

  /// Returns a handle by which actors of `system` request, link to and monitor the backend.
  ///
  /// If no loop is attached, one thread named "prong-reader", shared by all processes, receives for it from then on.
  /// It is defined in prong/caf.hpp's part of the library; include that header to use the handle.
  [[nodiscard]] caf::actor actor(caf::actor_system& system);

  Result<void> wait_readable(int descriptor, Deadline deadline) override;

  // --- Both sides ------------------------------------------------------------------------------------------------

  /// Returns the logger named "Class.name". In the backend its records travel to the frontend.
  [[nodiscard]] Logger& logger();

 protected:
  // --- Frontend, in the constructor --------------------------------------------------------------------------------

  /// Declares a command: `command<&Detector::c__detect>("detect", "frame"_a, "min_area"_a = 400)`.
  template <auto Handler, class... Parameters>
  void command(std::string name, Parameters&&... parameters) {
    add_command(actor::make_command<MessageProcess, Handler>(std::move(name), std::forward<Parameters>(parameters)...));
  }

  /// Calls a handler in the backend; parameters not given take their declared defaults. The last argument may be a
  /// Deadline; otherwise the default deadline holds.
  /// Throws Exception: missing_argument for a parameter that has no default. All else is the outcome of the Future.
  template <auto Handler, class... Arguments>
  [[nodiscard]] Future<typename actor::HandlerTraits<decltype(Handler)>::Value> call(Arguments&&... arguments) {
    return call_with<Handler>(std::make_index_sequence<actor::argument_count<Handler, Arguments...>()>{},
                              std::forward_as_tuple(std::forward<Arguments>(arguments)...));
  }

  // --- Backend -----------------------------------------------------------------------------------------------------

  /// Runs after the fork, before the first message. An exception ends the backend; the frontend is told which.
  virtual void pre_run() {}
  /// Runs after the last message. What it sends arrives.
  virtual void post_run() {}
  /// The loop: calls read_pipes() until a stop. Rarely overridden.
  virtual void run();
  /// Waits for messages and for watched descriptors until the deadline, and handles them.
  ///
  /// Override it to listen to more by a select of your own: wait for intercom_descriptor() too, and call
  /// handle_intercom() when it is readable and before each wait. watch() is the easier way.
  virtual void read_pipes(Deadline deadline);
  /// Returns the descriptor that is readable when handle_intercom() has something to do.
  [[nodiscard]] int intercom_descriptor();
  /// Handles what has arrived. Returns false if there is more to do before a wait.
  bool handle_intercom();
  /// Calls `handler` in the loop whenever `descriptor` is readable.
  void watch(int descriptor, std::function<void()> handler);
  void unwatch(int descriptor);
  /// Tells whether the loop is to end.
  [[nodiscard]] bool stopping() const noexcept;
  /// Tells whether a stop has been asked for that the loop has not come to yet: for handlers that run or wait long.
  [[nodiscard]] bool stop_requested() const noexcept;
  /// Tells whether nobody wants the outcome of the running call any more: it was cancelled, or its deadline has passed.
  /// For handlers that run long: cheap enough for an inner loop.
  [[nodiscard]] bool cancelled() const noexcept { return cancel_token().cancelled(); }
  /// As cancelled(), or a stop was asked for.
  [[nodiscard]] bool cancelled_or_stopping() const noexcept { return cancelled() || stop_requested(); }
  /// Throws Cancelled if cancelled(): the handler ends, and the call with `cancelled`.
  void throw_if_cancelled() const { cancel_token().throw_if_cancelled(); }
  /// Returns what tells the same of the call that is running now, for helper threads. Outside of calls it stands for
  /// none.
  [[nodiscard]] CancelToken cancel_token() const noexcept;
  /// Ends the loop after the current handler.
  void stop_backend() noexcept;

  /// Sends a message to the frontend's pipe(). Throws Exception: overloaded, too_large, deadline_exceeded.
  void send_out(const MessageObject& message);
  /// Sends a message to the frontend's second queue, return_from_back(). Throws as send_out().
  void return_out(const MessageObject& message);
  /// Returns the backend's event loop, for timers and posted work.
  [[nodiscard]] loop::EventLoop& loop();

 private:
  class Frontend;
  class Backend;
  friend class Duplex;
  friend class Pipe;
  friend class testing::InProcess;
  friend class detail::ProcessWaits;
  friend class detail::Spawner;
  friend class ForkServer;
  friend class MainContext;
  friend class AsyncBackMessageProcess;

  template <auto Handler, std::size_t... index, class Tuple>
  auto call_with(std::index_sequence<index...>, Tuple&& arguments) {
    using Returned = typename actor::HandlerTraits<decltype(Handler)>::Value;
    Deadline deadline = default_deadline();
    constexpr std::size_t count = sizeof...(index);
    if constexpr (std::tuple_size_v<std::decay_t<Tuple>> != count) deadline = std::get<count>(arguments);
    const std::uint16_t number = commands().number_of(&actor::handler_key<Handler>);
    std::vector<std::byte>& scratch = scratch_buffer();
    actor::encode_arguments<Handler>(*commands().find(number), scratch,
                                     std::get<index>(std::forward<Tuple>(arguments))...);
    return Future<Returned>{send_call(number, scratch, deadline), &actor::decode_reply<Returned>};
  }

  /// In the backend: what it has beside plain handlers; null for nothing.
  virtual std::unique_ptr<detail::BackendExtension> make_extension(Backend& backend);
  /// In the backend: what it does when there is no room for what it sends.
  [[nodiscard]] virtual link::Sending backend_sending() const noexcept;
  void on_restart(std::function<void()> handler);
  void add_command(actor::Command command);
  [[nodiscard]] const actor::CommandTable& commands() const noexcept;
  [[nodiscard]] Deadline default_deadline() const noexcept;
  [[nodiscard]] static std::vector<std::byte>& scratch_buffer() noexcept;
  [[nodiscard]] ReplyReference send_call(std::uint16_t command, Bytes arguments, Deadline deadline);
  actor::ProxyActor& proxy(caf::actor_system& system);
  void start_in_thread();
  int backend_loop(const transport::Segment& segment, const os::ResourceLimits& limits);
  void read_pipes_now();
  void c__ping(const std::vector<int>& lis);

  actor::CommandTable commands_;
  std::vector<int> inherited_;
  std::unique_ptr<Logger> logger_;
  std::unique_ptr<Frontend> frontend_;
  std::unique_ptr<Backend> backend_;
  Pipe pipe_{*this};
};

}  // namespace prong

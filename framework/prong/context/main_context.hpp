// The program around the processes: what comes up in which order, the main loop, and an end that is always reached.
#pragma once

#include "prong/base/deadline.hpp"
#include "prong/log/logger.hpp"
#include "prong/process/message_process.hpp"

#include <chrono>
#include <functional>
#include <memory>
#include <string>

namespace prong {

class Supervisor;

namespace loop {
class EventLoop;
}

/// Subclass it, and the order is right: processes before threads, then the main loop, then close(), however it ended.
///
/// A context runs in the thread that calls run(), or in one of its own after run_as_thread(). Handlers set by
/// on_message(), on_end(), every() and watch() run in that thread, one at a time.
/// Thread safety: stop() from any thread and from a signal handler's thread; everything else from the thread that
/// constructs the context, and from its handlers.
/// If the peer dies: on_end() of that process is called; the others go on.
class MainContext {
 public:
  MainContext();
  /// Calls nothing: run() or stop_thread() have closed the context. Requires: no thread of it runs.
  virtual ~MainContext();
  MainContext(const MainContext&) = delete;
  MainContext& operator=(const MainContext&) = delete;

  /// Runs start(), main_loop() and close(), and returns what main_loop() returned. An exception of any of them leaves
  /// after close() has run.
  int run();
  /// Another name of run().
  int operator()() { return run(); }

  /// Starts processes and threads here and runs the rest in a thread of its own: for tests, and for programs whose main
  /// thread belongs to somebody else.
  void run_as_thread();
  /// Ends the main loop of that thread, waits for it and returns what run() would have; throws what it threw.
  int stop_thread();

  /// Makes main_loop() return soon. Blocks: never.
  void stop() noexcept;
  /// Tells whether stop() was called or, after stop_on_signals(), a signal came.
  [[nodiscard]] bool stopping() const;

 protected:
  /// Constructs and starts processes. Runs while the program has one thread; start() refuses otherwise.
  virtual void start_processes() = 0;
  /// Starts threads, and libraries that have some. From here on there is a ForkServer, unless the program has threads
  /// already: it restarts the processes that there are, and spawn() adds others.
  virtual void start_threads() {}
  /// Waits for messages and other events until stop(). Returns the exit code.
  ///
  /// An override with a loop of its own watches stop_descriptor() beside its pipes.
  virtual int main_loop();
  /// Receives messages and handles other events until `done` holds; tells whether it does. Looks at `done` after each
  /// turn of the loop, also when stop() was called. For use in main_loop().
  bool run_until(const std::function<bool()>& done, Deadline deadline);
  /// Ends what start_processes() and start_threads() began; always called, once, also after an exception.
  ///
  /// The default stops the managed supervisors, then all managed processes at the same time, with close_deadline() for
  /// all of them together, and logs what had to be killed. Afterwards the fork server ends, and with it every process
  /// that it has started.
  virtual void close();
  /// How long close() waits before it kills.
  [[nodiscard]] virtual std::chrono::nanoseconds close_deadline() const { return std::chrono::seconds{5}; }

  /// Has this context look after a process: SIGINT is left to the main process, the main loop receives its messages,
  /// close() stops it. Requires: not started yet; it lives until close() has run.
  void manage(MessageProcess& process);
  /// Has close() stop a supervisor, which runs on loop(), before anything else, with close_deadline() for all of it.
  /// Handlers of the loop still run meanwhile. Its processes may be managed too. Requires: it lives until close() has
  /// run.
  void manage(Supervisor& supervisor);
  /// Calls `handler` for each message that the backend sends by send_out(). Requires: managed.
  void on_message(MessageProcess& process, std::function<void(const MessageObject&)> handler);
  /// Calls `handler` once when the backend has ended: success after an orderly stop. Requires: managed.
  void on_end(MessageProcess& process, std::function<void(Result<void>)> handler);
  /// Calls `handler` in the main loop at this interval, first after one interval.
  void every(std::chrono::nanoseconds interval, std::function<void()> handler);
  /// Calls `handler` in the main loop whenever `descriptor` is readable.
  void watch(int descriptor, std::function<void()> handler);
  void unwatch(int descriptor) noexcept;
  /// Makes SIGINT and SIGTERM end the main loop in order, from now until close(). They are blocked and read from a
  /// descriptor, so no handler is installed. Call it in start_processes(); backends have both as by default.
  void stop_on_signals();
  /// Returns the signal that ended the main loop, or 0.
  [[nodiscard]] int stop_signal() const noexcept;
  /// Returns the descriptor that is readable once stop() was called or a signal came.
  [[nodiscard]] int stop_descriptor() const noexcept;

  /// Returns the loop that main_loop() runs, for supervisors and for timers. It lives as long as the context.
  [[nodiscard]] loop::EventLoop& loop() noexcept;

  /// Returns the logger named as the class is.
  [[nodiscard]] Logger& logger();
  /// Sets the level of this context's logger.
  void format_logger(LogLevel level = LogLevel::info);

 private:
  class Implementation;

  void start();
  int loop_and_close();
  void close_once();

  std::unique_ptr<Implementation> implementation_;
};

}  // namespace prong

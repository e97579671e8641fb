// Coroutines that run beside others, by name.
//
// Comes with prong/asio.hpp.
#pragma once

#include "prong/log/logger.hpp"

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>

#include <cstddef>
#include <memory>
#include <string>

namespace prong {

/// Coroutines of one executor for which nobody waits one by one, but which are cancelled and awaited together.
///
/// What a task throws is logged with its name, as by exclog(). Destroying this cancels the tasks and awaits nothing.
/// Requires: destroyed before the executor's context, as all that Asio has in it.
/// Thread safety: the executor's thread.
class AsyncTasks {
 public:
  /// Requires: `logger` outlives the tasks.
  AsyncTasks(boost::asio::any_io_executor executor, Logger& logger);
  ~AsyncTasks();
  AsyncTasks(const AsyncTasks&) = delete;
  AsyncTasks& operator=(const AsyncTasks&) = delete;

  /// Begins a task.
  void create(std::string name, boost::asio::awaitable<void> task);
  /// Cancels what each task waits for, and of those that are created from now on at once.
  void cancel_all();
  /// Returns how many have not ended.
  [[nodiscard]] std::size_t size() const noexcept;
  /// Waits until all have ended. Cancelling it ends the wait, and no task.
  [[nodiscard]] boost::asio::awaitable<void> join();

 private:
  struct State;

  std::shared_ptr<State> state_;  // shared with the tasks that outlive this
};

}  // namespace prong

// A place for one coroutine at a time that is begun again and again.
//
// Comes with prong/asio.hpp.
#pragma once

#include "prong/base/deadline.hpp"
#include "prong/log/logger.hpp"

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>

#include <chrono>
#include <memory>
#include <string>

namespace prong {

/// Runs at most one task at a time: for one that repeats itself, or is replaced by another.
///
/// What a task throws is logged with the slot's name, as by exclog(). Destroying the slot cancels the task and awaits
/// nothing. Requires: destroyed before the executor's context, as all that Asio has in it.
/// Thread safety: the executor's thread.
/// Source: task_thread, reCreate, reSchedule, delete.
class TaskSlot {
 public:
  /// Requires: `logger` outlives the tasks.
  TaskSlot(boost::asio::any_io_executor executor, Logger& logger, std::string name);
  ~TaskSlot();
  TaskSlot(const TaskSlot&) = delete;
  TaskSlot& operator=(const TaskSlot&) = delete;

  /// Cancels the task that there is, waits for its end, and begins another one.
  ///
  /// Throws Exception: deadline_exceeded if the old one does not end in time; then it goes on, and the new one is not
  /// begun. Requires: not called by the slot's own task: that reschedules.
  [[nodiscard]] boost::asio::awaitable<void> recreate(boost::asio::awaitable<void> task,
                                                      Deadline deadline = Deadline::after(std::chrono::seconds{15}));
  /// Has `task` begin when the one that there is has ended by itself, at once if there is none. Of several, the last
  /// one counts. One that was cancelled is followed by none.
  void reschedule(boost::asio::awaitable<void> task);
  /// Cancels the task that there is and waits for its end.
  /// Throws Exception: deadline_exceeded; then the task goes on. Requires: as recreate().
  [[nodiscard]] boost::asio::awaitable<void> remove(Deadline deadline = Deadline::after(std::chrono::seconds{10}));

  [[nodiscard]] bool running() const noexcept;

 private:
  struct State;

  std::shared_ptr<State> state_;  // shared with a task that outlives this
};

}  // namespace prong

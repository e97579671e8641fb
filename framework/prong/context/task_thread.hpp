// Actors of coroutines in a tree: each hears its parent and its children, and ends with all below it.
//
// Comes with prong/asio.hpp.
#pragma once

#include "prong/base/result.hpp"
#include "prong/context/async_queue.hpp"
#include "prong/log/logger.hpp"
#include "prong/message/message_object.hpp"
#include "prong/process/async_tasks.hpp"

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>

#include <chrono>
#include <cstdint>
#include <exception>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace prong {

struct TaskThreadOptions {
  std::size_t input_limit = 100;   ///< Messages of the parent that wait for this actor.
  std::size_t output_limit = 100;  ///< Messages of this actor that wait for its parent.
  /// How long an actor that is to end goes on with what was sent to it before it is cancelled.
  std::chrono::nanoseconds stop_grace = std::chrono::milliseconds{500};
  std::chrono::nanoseconds send_deadline = std::chrono::seconds{5};  ///< Of a send that gives none.
  /// Of a root alone, as {SIGINT, SIGTERM}. While it runs, they have no other handler; afterwards their default one.
  std::vector<int> end_on_signals{};
};

/// Names an actor among all of a program.
using TaskThreadId = std::uint64_t;

/// An actor whose handlers are coroutines. It has children, which it made, and one parent, or none: then it is a root.
///
/// Subclass it, and run the root: `co_spawn(io_context, root.run(), ...)`, or create_task("root", root.run()) in an
/// AsyncBackMessageProcess. All of a tree runs in the one thread of that executor; none has a thread of its own.
/// Messages go along the edges only: down by send_to_child(), into the child's input queue, up by send_to_parent(),
/// into the actor's own output queue. Both are bounded. When one is full its owner is told (input_overflow(),
/// output_overflow()), and the sender waits for room until its deadline.
/// An actor ends when its parent terminates it, when it stops itself, or, a root, when run() is cancelled: it handles
/// what was sent to it before, ends all its children at the same time and awaits them, cancels and awaits its tasks,
/// and runs exit(); what it sends until then arrives. Handlers that take longer than the grace are cancelled; one that
/// heeds no cancellation holds the end up. What a handler throws is logged, and the actor lives. Thread safety: the
/// thread of the executor. Source: task_thread, TaskThread, which valkka.multiprocess recommends.
class TaskThread {
 public:
  explicit TaskThread(std::string name = "TaskThread", TaskThreadOptions options = {});
  /// Requires: it does not run; its run() has returned, or the executor's context is gone.
  virtual ~TaskThread();
  TaskThread(const TaskThread&) = delete;
  TaskThread& operator=(const TaskThread&) = delete;

  [[nodiscard]] TaskThreadId id() const noexcept { return id_; }
  [[nodiscard]] const std::string& name() const noexcept { return name_; }
  [[nodiscard]] Logger& logger() noexcept { return logger_; }

  // --- Of a root, from outside ---------------------------------------------------------------------------------------

  /// Runs the tree to its end. Throws what enter() threw. Cancelling it terminates the root; it returns when that has
  /// ended. Requires: a root that has not run.
  [[nodiscard]] boost::asio::awaitable<void> run();
  /// Sends the root a message, as a parent would. Throws Exception: deadline_exceeded; closed once it is to end.
  [[nodiscard]] boost::asio::awaitable<void> send(MessageObject message, Deadline deadline);
  /// Takes what the root sent to its parent. Throws Exception: deadline_exceeded; closed once it has ended and all is
  /// taken.
  [[nodiscard]] boost::asio::awaitable<MessageObject> receive(Deadline deadline);

  /// Has this actor end, and all below it. Returns at once; handles what was sent before. Again, it does nothing.
  void terminate();
  /// Tells whether it is to end.
  [[nodiscard]] bool terminating() const noexcept { return input_.closed(); }
  /// Tells whether it has begun and not ended.
  [[nodiscard]] bool running() const noexcept { return state_ == State::running; }

 protected:
  // --- To be overridden ----------------------------------------------------------------------------------------------

  /// Runs before the first message. An exception ends the actor: the parent is told by child_ended().
  [[nodiscard]] virtual boost::asio::awaitable<void> enter();
  /// Runs last. What it sends arrives.
  [[nodiscard]] virtual boost::asio::awaitable<void> exit();
  /// Handles a message of the parent; one at a time, in their order.
  [[nodiscard]] virtual boost::asio::awaitable<void> from_parent(MessageObject message);
  /// Handles a message of a child; of each child one at a time, in their order. Where it awaits something, messages of
  /// others are handled.
  [[nodiscard]] virtual boost::asio::awaitable<void> from_child(TaskThread& child, MessageObject message);
  /// Told of each child, after its last message: how it ended. The child is destroyed afterwards. Logs an error.
  [[nodiscard]] virtual boost::asio::awaitable<void> child_ended(TaskThread& child, Result<void> how);
  /// Told of each message that finds the input queue full; its sender waits, or drops it. Logs a warning.
  virtual void input_overflow(const MessageObject& message);
  /// The same for the output queue, into which this actor itself sends. Logs a warning.
  virtual void output_overflow(const MessageObject& message);

  // --- The tree ------------------------------------------------------------------------------------------------------

  /// Makes a child and begins it. It is owned by this actor, and destroyed after child_ended().
  /// Requires: this actor runs. Throws Exception: closed if it is to end.
  template <class Child, class... Arguments>
  Child& add_child(Arguments&&... arguments) {
    auto child = std::make_shared<Child>(std::forward<Arguments>(arguments)...);
    Child& added = *child;
    begin_child(std::move(child));
    return added;
  }
  /// Ends this actor, as if its parent had terminated it.
  void stop() { terminate(); }
  /// Returns the child with this id, or null, also if it is no `Child`.
  template <class Child = TaskThread>
  [[nodiscard]] Child* find_child(TaskThreadId id) const {
    const auto found = children_.find(id);
    return found == children_.end() ? nullptr : dynamic_cast<Child*>(found->second.get());
  }
  [[nodiscard]] std::vector<TaskThreadId> child_ids() const;

  // --- Messages ------------------------------------------------------------------------------------------------------

  /// Sends a child a message, waiting for room in its input queue. Requires: it is one.
  /// Throws Exception: deadline_exceeded, closed.
  [[nodiscard]] boost::asio::awaitable<void> send_to_child(TaskThread& child, MessageObject message);
  [[nodiscard]] boost::asio::awaitable<void> send_to_child(TaskThread& child, MessageObject message, Deadline deadline);
  /// Sends all children a message, one after the other in the order of their making; those that are to end are left
  /// out. Throws Exception: deadline_exceeded; the ones behind have not got it then.
  [[nodiscard]] boost::asio::awaitable<void> send_to_children(MessageObject message);
  /// Sends the parent a message, waiting for room in the own output queue. Throws Exception: deadline_exceeded.
  [[nodiscard]] boost::asio::awaitable<void> send_to_parent(MessageObject message);
  [[nodiscard]] boost::asio::awaitable<void> send_to_parent(MessageObject message, Deadline deadline);
  /// As above without waiting; false if there is no room: the message is dropped, and the queue's owner told.
  bool try_send_to_child(TaskThread& child, MessageObject message);
  bool try_send_to_parent(MessageObject message);

  // --- Tasks ---------------------------------------------------------------------------------------------------------

  /// Begins a coroutine for which nobody waits; see AsyncTasks. It is cancelled and awaited when the actor ends.
  /// Requires: the actor runs.
  void create_task(std::string name, boost::asio::awaitable<void> task);
  /// Returns where the tree runs. Requires: the actor runs.
  [[nodiscard]] boost::asio::any_io_executor executor() const;

 private:
  enum class State : std::uint8_t { made, running, ended };
  class Life;

  void begin_child(std::shared_ptr<TaskThread> child);
  std::shared_ptr<Life> begin_life(boost::asio::any_io_executor executor);
  [[nodiscard]] Life& life() const;
  [[nodiscard]] boost::asio::awaitable<void> live(std::shared_ptr<Life> life);
  [[nodiscard]] boost::asio::awaitable<void> serve();
  [[nodiscard]] boost::asio::awaitable<void> mind(std::shared_ptr<TaskThread> child, std::shared_ptr<Life> its_life);
  void note_end_of_children();
  [[nodiscard]] Deadline send_deadline() const noexcept { return Deadline::after(options_.send_deadline); }

  std::string name_;
  TaskThreadOptions options_;
  TaskThreadId id_;
  Logger logger_;
  TaskThread* parent_ = nullptr;
  State state_ = State::made;
  AsyncQueue<MessageObject> input_;
  AsyncQueue<MessageObject> output_;
  std::map<TaskThreadId, std::shared_ptr<TaskThread>> children_;
  std::weak_ptr<Life> life_;   // of coroutines: it ends with them, at the latest with the executor's context
  Result<void> how_{};         // it ended
  std::exception_ptr thrown_;  // by enter()
};

}  // namespace prong

#include "prong/context/task_thread.hpp"

#include "prong/actor/command_table.hpp"
#include "prong/base/contract.hpp"
#include "prong/base/exception.hpp"
#include "prong/process/exclog.hpp"

#include <boost/asio/cancellation_state.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <algorithm>
#include <atomic>

namespace prong {

using boost::asio::awaitable;
using boost::asio::use_awaitable;

namespace {

std::atomic<TaskThreadId> last_id{0};

// Begins behind whoever begins it: he shall be told what he has made before it does anything.
awaitable<void> begin_later(awaitable<void> coroutine) {
  co_await boost::asio::post(use_awaitable);
  co_await std::move(coroutine);
}

}  // namespace

class TaskThread::Life : public std::enable_shared_from_this<Life> {
 public:
  Life(TaskThread& thread, boost::asio::any_io_executor where)
      : executor{std::move(where)},
        self{executor, thread.logger_},
        serving{executor, thread.logger_},
        minding{executor, thread.logger_},
        tasks{executor, thread.logger_},
        ended{executor},
        thread_{&thread} {
    ended.expires_at(boost::asio::steady_timer::time_point::max());
  }

  /// Cancels `these` when the actor's grace has passed, unless they have ended by then.
  void cancel_after_grace(AsyncTasks& these) {
    const auto timer = std::make_shared<boost::asio::steady_timer>(executor, thread_->options_.stop_grace);
    graces_.push_back(timer);
    timer->async_wait([weak = weak_from_this(), &these, timer](const boost::system::error_code& error) {
      if (const auto life = weak.lock(); life && !error) these.cancel_all();
    });
  }
  void heed(const std::vector<int>& signals) {
    if (signals.empty()) return;
    signals_.emplace(executor);
    for (const int signal : signals) signals_->add(signal);
    signals_->async_wait([weak = weak_from_this()](const boost::system::error_code& error, int) {
      const auto life = weak.lock();
      if (life && life->thread_ != nullptr && !error) life->thread_->terminate();
    });
  }
  void end() {
    thread_ = nullptr;
    for (const auto& timer : graces_) timer->cancel();
    signals_.reset();
    ended.cancel();
  }

  boost::asio::any_io_executor executor;
  AsyncTasks self;                  // the actor's life, from enter() to exit()
  AsyncTasks serving;               // enter() and what comes from the parent
  AsyncTasks minding;               // what comes from children, one task each
  AsyncTasks tasks;                 // the user's
  boost::asio::steady_timer ended;  // never expires: cancelling it tells that the actor has ended

 private:
  TaskThread* thread_;  // null once it has ended
  std::vector<std::shared_ptr<boost::asio::steady_timer>> graces_;
  std::optional<boost::asio::signal_set> signals_;
};

TaskThread::TaskThread(std::string name, TaskThreadOptions options)
    : name_{std::move(name)},
      options_{std::move(options)},
      id_{++last_id},
      logger_{"TaskThread." + name_},
      input_{options_.input_limit},
      output_{options_.output_limit} {}

TaskThread::~TaskThread() = default;

// --- The life of an actor --------------------------------------------------------------------------------------------

std::shared_ptr<TaskThread::Life> TaskThread::begin_life(boost::asio::any_io_executor executor) {
  auto life = std::make_shared<Life>(*this, std::move(executor));
  life_ = life;
  state_ = State::running;
  if (input_.closed()) life->cancel_after_grace(life->serving);
  life->self.create("live", begin_later(live(life)));
  return life;
}

TaskThread::Life& TaskThread::life() const {
  const auto life = life_.lock();
  PRONG_EXPECT(life != nullptr && state_ == State::running, "an actor that does not run has no tasks and no children");
  return *life;
}

awaitable<void> TaskThread::run() {
  PRONG_EXPECT(parent_ == nullptr && state_ == State::made, "a root runs once");
  const auto life = begin_life(co_await boost::asio::this_coro::executor);
  life->heed(options_.end_on_signals);
  co_await boost::asio::this_coro::throw_if_cancelled(false);
  while (state_ != State::ended) {
    if ((co_await boost::asio::this_coro::cancellation_state).cancelled() != boost::asio::cancellation_type::none) {
      terminate();
      co_await boost::asio::this_coro::reset_cancellation_state(boost::asio::disable_cancellation());
    }
    boost::system::error_code woken;
    co_await life->ended.async_wait(boost::asio::redirect_error(use_awaitable, woken));
  }
  co_await boost::asio::this_coro::reset_cancellation_state();
  co_await boost::asio::this_coro::throw_if_cancelled(true);
  if (thrown_) std::rethrow_exception(thrown_);
}

awaitable<void> TaskThread::live(std::shared_ptr<Life> life) {
  life->serving.create("serve", serve());
  co_await life->serving.join();
  input_.close();  // of one whose enter() has failed
  if (input_.size() > 0) logger_.warning("{} messages were not handled before the end", input_.size());
  while (input_.try_take()) {
  }

  for (const auto& [id, child] : children_) child->terminate();
  note_end_of_children();
  co_await life->minding.join();
  children_.clear();

  life->tasks.cancel_all();
  co_await life->tasks.join();
  co_await exclog(logger_, "exit", exit());

  output_.close();
  state_ = State::ended;
  life->end();
  if (parent_ != nullptr) parent_->note_end_of_children();
}

awaitable<void> TaskThread::serve() {
  try {
    co_await enter();
  } catch (...) {
    thrown_ = std::current_exception();
    how_ = actor::current_exception_error(name_, "enter");
    co_return;
  }
  while (auto message = co_await input_.take(Deadline::never()))
    co_await exclog(logger_, "from_parent", from_parent(std::move(*message)));
}

// Holds the child's life until after its end: its coroutines are among what would be destroyed with it.
awaitable<void> TaskThread::mind(std::shared_ptr<TaskThread> child, std::shared_ptr<Life>) {
  while (auto message = co_await child->output_.take(Deadline::never()))
    co_await exclog(logger_, "from_child", from_child(*child, std::move(*message)));
  co_await exclog(logger_, "child_ended", child_ended(*child, child->how_));
  children_.erase(child->id_);
}

// What children have sent is still handled after their end, but not without end.
void TaskThread::note_end_of_children() {
  const bool all = std::all_of(children_.begin(), children_.end(),
                               [](const auto& child) { return child.second->state_ == State::ended; });
  if (input_.closed() && all && life().minding.size() > 0) life().cancel_after_grace(life().minding);
}

void TaskThread::terminate() {
  if (input_.closed()) return;
  input_.close();
  if (const auto life = life_.lock(); life && state_ == State::running) life->cancel_after_grace(life->serving);
}

void TaskThread::begin_child(std::shared_ptr<TaskThread> child) {
  Life& own = life();
  if (input_.closed()) throw_error(Error{Errc::closed, "actor '" + name_ + "' is to end"});
  child->parent_ = this;
  children_.emplace(child->id_, child);
  auto its_life = child->begin_life(own.executor);
  own.minding.create("the listener of " + child->name_, begin_later(mind(child, std::move(its_life))));
}

std::vector<TaskThreadId> TaskThread::child_ids() const {
  std::vector<TaskThreadId> ids;
  for (const auto& [id, child] : children_) ids.push_back(id);
  return ids;
}

void TaskThread::create_task(std::string name, awaitable<void> task) {
  life().tasks.create(std::move(name), std::move(task));
}

boost::asio::any_io_executor TaskThread::executor() const {
  return life().executor;
}

// --- What an actor does unless it is overridden ----------------------------------------------------------------------

awaitable<void> TaskThread::enter() {
  co_return;
}

awaitable<void> TaskThread::exit() {
  co_return;
}

awaitable<void> TaskThread::from_parent(MessageObject message) {
  logger_.warning("'{}' of the parent is not handled", message());
  co_return;
}

awaitable<void> TaskThread::from_child(TaskThread& child, MessageObject message) {
  logger_.warning("'{}' of child '{}' is not handled", message(), child.name());
  co_return;
}

awaitable<void> TaskThread::child_ended(TaskThread& child, Result<void> how) {
  if (!how) logger_.error("child '{}' ended: {}", child.name(), to_string(how.error()));
  co_return;
}

void TaskThread::input_overflow(const MessageObject& message) {
  logger_.warning("the input queue is full: '{}' waits, or is dropped", message());
}

void TaskThread::output_overflow(const MessageObject& message) {
  logger_.warning("the output queue is full: '{}' waits, or is dropped", message());
}

// --- Messages --------------------------------------------------------------------------------------------------------

awaitable<void> TaskThread::send(MessageObject message, Deadline deadline) {
  if (input_.try_put(message)) co_return;
  if (!input_.closed()) input_overflow(message);
  co_await input_.put(std::move(message), deadline);
}

awaitable<MessageObject> TaskThread::receive(Deadline deadline) {
  auto message = co_await output_.take(deadline);
  if (!message) throw_error(Error{Errc::closed, "actor '" + name_ + "' has ended"});
  co_return std::move(*message);
}

awaitable<void> TaskThread::send_to_child(TaskThread& child, MessageObject message) {
  return send_to_child(child, std::move(message), send_deadline());
}

awaitable<void> TaskThread::send_to_child(TaskThread& child, MessageObject message, Deadline deadline) {
  PRONG_EXPECT(child.parent_ == this, "messages go along the edges of the tree");
  return child.send(std::move(message), deadline);
}

awaitable<void> TaskThread::send_to_children(MessageObject message) {
  const Deadline deadline = send_deadline();
  for (const TaskThreadId id : child_ids()) {
    TaskThread* const child = find_child(id);  // it may have gone meanwhile
    if (child == nullptr || child->terminating()) continue;
    try {
      co_await child->send(message, deadline);
    } catch (const Exception& exception) {
      if (exception.code() != Errc::closed) throw;
    }
  }
}

awaitable<void> TaskThread::send_to_parent(MessageObject message) {
  return send_to_parent(std::move(message), send_deadline());
}

awaitable<void> TaskThread::send_to_parent(MessageObject message, Deadline deadline) {
  if (output_.try_put(message)) co_return;
  if (!output_.closed()) output_overflow(message);
  co_await output_.put(std::move(message), deadline);
}

bool TaskThread::try_send_to_child(TaskThread& child, MessageObject message) {
  PRONG_EXPECT(child.parent_ == this, "messages go along the edges of the tree");
  if (child.input_.try_put(message)) return true;
  if (!child.input_.closed()) child.input_overflow(message);
  return false;
}

bool TaskThread::try_send_to_parent(MessageObject message) {
  if (output_.try_put(message)) return true;
  if (!output_.closed()) output_overflow(message);
  return false;
}

}  // namespace prong

// What every asynchronous wait of Prong is made of: one handler, called once, by whichever end comes first.
//
// Comes with prong/asio.hpp.
#pragma once

#include "prong/base/deadline.hpp"
#include "prong/base/exception.hpp"
#include "prong/base/result.hpp"

#include <boost/asio/associated_cancellation_slot.hpp>
#include <boost/asio/associated_executor.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/cancellation_type.hpp>
#include <boost/asio/execution/context.hpp>
#include <boost/asio/execution/outstanding_work.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/prefer.hpp>
#include <boost/asio/query.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/system_executor.hpp>
#include <boost/asio/use_future.hpp>

#include <atomic>
#include <exception>
#include <functional>
#include <list>
#include <memory>
#include <mutex>
#include <optional>
#include <type_traits>
#include <utility>

namespace prong::detail {

class AnyAsyncWait;

/// The waits whose handlers run in one execution context. When that is destroyed, the handlers are, unrun.
///
/// Thread safety: all members from any thread.
class AsyncWaits {
 public:
  using Place = std::list<std::shared_ptr<AnyAsyncWait>>::iterator;

  /// Returns those of `context`, which they may outlive.
  [[nodiscard]] static std::shared_ptr<AsyncWaits> of(boost::asio::execution_context& context);
  [[nodiscard]] Place add(std::shared_ptr<AnyAsyncWait> wait);
  /// Calls `use` unless the context is gone; it is not going meanwhile.
  template <class Use>
  void while_there(Use&& use) {
    const std::lock_guard lock{mutex_};
    if (!gone_) use();
  }
  /// Takes a wait out, and calls `deliver`, unless the context is gone.
  template <class Deliver>
  void remove(Place place, Deliver&& deliver) {
    std::shared_ptr<AnyAsyncWait> keep;
    const std::lock_guard lock{mutex_};
    if (gone_) return;
    keep = std::move(*place);
    waits_.erase(place);
    deliver();
  }
  void abandon_all() noexcept;

 private:
  std::mutex mutex_;
  std::list<std::shared_ptr<AnyAsyncWait>> waits_;
  bool gone_ = false;
};

/// A wait, whatever it waits for.
class AnyAsyncWait : public std::enable_shared_from_this<AnyAsyncWait> {
 public:
  AnyAsyncWait() = default;
  AnyAsyncWait(const AnyAsyncWait&) = delete;
  AnyAsyncWait& operator=(const AnyAsyncWait&) = delete;
  virtual ~AnyAsyncWait() = default;
  /// Destroys the handler without calling it, if the wait is not over.
  virtual void abandon() noexcept = 0;

 protected:
  /// Ends the wait; true for the first who does.
  [[nodiscard]] bool claim() noexcept { return !over_.exchange(true, std::memory_order_acq_rel); }
  void unclaim() noexcept { over_.store(false, std::memory_order_release); }

 private:
  std::atomic<bool> over_{false};
};

/// A wait for a T.
template <class T>
class AsyncWait : public AnyAsyncWait {
 public:
  /// Ends the wait with `outcome`. The handler is posted to its executor, never called in here; one that has no
  /// executor is called at once. Does nothing if the wait is over. Thread safety: any thread.
  virtual void complete(Result<T> outcome) = 0;
  /// Has `take(outcome)` called in the handler's executor, unless the wait is over by then. If that returns true, the
  /// handler gets the outcome at once; else `again` is called, which sees to it that another offer comes. So nothing is
  /// taken for a handler that has been cancelled meanwhile. Thread safety: any thread.
  virtual void offer(std::function<bool(Result<T>& outcome)> take, std::function<void()> again) = 0;
  /// Calls `ready` in the handler's executor once `descriptor` is readable, unless the wait is over by then. Throws
  /// what Asio throws when descriptors run out; Exception (not_supported) where the handler has no executor. Requires:
  /// in the handler's executor, or before the wait can have ended; `descriptor` is always the same.
  virtual void when_readable(int descriptor, std::function<void()> ready) = 0;
  /// Has `withdraw` called when the wait ends otherwise than by complete(): cancelled or at its deadline. At once, if
  /// that was before.
  void on_withdrawal(std::function<void()> withdraw) {
    {
      const std::lock_guard lock{withdraw_mutex_};
      if (!withdrawn_) {
        withdraw_ = std::move(withdraw);
        return;
      }
    }
    withdraw();
  }

 protected:
  void tell_withdrawal() {
    std::function<void()> withdraw;
    {
      const std::lock_guard lock{withdraw_mutex_};
      withdrawn_ = true;
      withdraw = std::move(withdraw_);
    }
    if (withdraw) withdraw();
  }

 private:
  std::mutex withdraw_mutex_;
  bool withdrawn_ = false;
  std::function<void()> withdraw_;
};

/// Returns the exception that belongs to `error`.
[[nodiscard]] std::exception_ptr exception_of(const Error& error) noexcept;

/// Returns another descriptor of the same file. Throws Exception (system).
[[nodiscard]] int duplicate(int descriptor);

/// Gives a handler what `outcome` is, as an exception or a value.
template <class T>
struct ThrowingOutcome {
  using Signature = void(std::exception_ptr, T);
  static_assert(std::is_default_constructible_v<T>, "an asynchronous wait that fails hands over a T{}");

  template <class Handler>
  static void pass(Handler&& handler, Result<T> outcome) {
    if (outcome)
      std::forward<Handler>(handler)(std::exception_ptr{}, *std::move(outcome));
    else
      std::forward<Handler>(handler)(exception_of(outcome.error()), T{});
  }
};
template <>
struct ThrowingOutcome<void> {
  using Signature = void(std::exception_ptr);

  template <class Handler>
  static void pass(Handler&& handler, Result<void> outcome) {
    std::forward<Handler>(handler)(outcome ? std::exception_ptr{} : exception_of(outcome.error()));
  }
};
/// Gives a handler the Result itself.
template <class T>
struct ResultOutcome {
  using Signature = void(Result<T>);

  template <class Handler>
  static void pass(Handler&& handler, Result<T> outcome) {
    std::forward<Handler>(handler)(std::move(outcome));
  }
};

/// Whether handlers of an executor run wherever the wait ends: those that have none, and those of use_future, which
/// fulfil a promise. Their executors stand for Asio's system threads, which must not be started for that.
template <class Executor>
inline constexpr bool runs_anywhere = std::is_same_v<Executor, boost::asio::system_executor>;
template <class T, class Blocking>
inline constexpr bool runs_anywhere<boost::asio::detail::promise_executor<T, Blocking>> = true;

template <class T, class Outcome, class Handler>
class HandledWait final : public AsyncWait<T> {
 public:
  using Executor = boost::asio::associated_executor_t<Handler>;
  using TrackedExecutor = std::decay_t<decltype(boost::asio::prefer(std::declval<Executor>(),
                                                                    boost::asio::execution::outstanding_work.tracked))>;
  explicit HandledWait(Handler&& handler) : parts_{std::in_place, std::move(handler)} {}

  /// Begins to heed the handler's executor, cancellation slot and the deadline.
  void begin(Deadline deadline) {
    if constexpr (!runs_anywhere<Executor>) {
      waits_ = AsyncWaits::of(boost::asio::query(parts_->executor, boost::asio::execution::context));
      place_ = waits_->add(this->shared_from_this());
    }
    auto slot = boost::asio::get_associated_cancellation_slot(parts_->handler);
    if (slot.is_connected())
      slot.assign([weak = self_weakly()](boost::asio::cancellation_type type) {
        const auto self = weak.lock();
        if (self && type != boost::asio::cancellation_type::none)
          self->withdraw(Error{Errc::cancelled, "the wait was cancelled"});
      });
    if (deadline.is_never()) return;
    if constexpr (!runs_anywhere<Executor>) {
      auto& timer = parts_->timer.emplace(parts_->executor);
      timer.expires_at(Deadline::Clock::time_point{std::chrono::nanoseconds{deadline.nanoseconds()}});
      timer.async_wait([weak = self_weakly()](const boost::system::error_code& error) {
        if (const auto self = weak.lock(); self && !error)
          self->withdraw(Error{Errc::deadline_exceeded, "the wait was not over in time"});
      });
    }
  }

  void complete(Result<T> outcome) override {
    if (this->claim()) deliver(std::move(outcome));
  }
  void offer(std::function<bool(Result<T>&)> take, std::function<void()> again) override {
    auto look = [self = self_weakly().lock(), take = std::move(take), again = std::move(again)] {
      if (!self->claim()) return;
      Result<T> outcome = Error{};
      if (take(outcome)) {
        self->finish(std::move(outcome));
        return;
      }
      self->unclaim();
      again();
    };
    if constexpr (runs_anywhere<Executor>)
      look();
    else
      waits_->while_there([&] { boost::asio::post(parts_->executor, std::move(look)); });
  }
  void when_readable(int descriptor, std::function<void()> ready) override {
    if constexpr (runs_anywhere<Executor>) {
      throw_error(Error{Errc::not_supported, "this wait needs a handler that has an executor"});
    } else {
      if (!parts_->descriptor) {
        // Of its own: a reactor watches a descriptor once, and others may wait for the same.
        parts_->descriptor.emplace(parts_->executor, duplicate(descriptor));
      }
      parts_->descriptor->async_wait(
          boost::asio::posix::descriptor_base::wait_read,
          [weak = self_weakly(), ready = std::move(ready)](const boost::system::error_code& error) {
            if (const auto self = weak.lock(); self && !error) ready();
          });
    }
  }
  void abandon() noexcept override {
    if (!this->claim()) return;
    this->tell_withdrawal();
    parts_.reset();
  }

 private:
  struct Parts {
    explicit Parts(Handler&& given)
        : handler{std::move(given)},
          executor{boost::asio::prefer(boost::asio::get_associated_executor(handler),
                                       boost::asio::execution::outstanding_work.tracked)} {}

    Handler handler;
    TrackedExecutor executor;
    std::optional<
        boost::asio::basic_waitable_timer<Deadline::Clock, boost::asio::wait_traits<Deadline::Clock>, TrackedExecutor>>
        timer;
    std::optional<boost::asio::posix::basic_stream_descriptor<TrackedExecutor>> descriptor;
  };

  std::weak_ptr<HandledWait> self_weakly() { return std::static_pointer_cast<HandledWait>(this->shared_from_this()); }

  void withdraw(Error why) {
    if (!this->claim()) return;
    this->tell_withdrawal();
    deliver(std::move(why));
  }

  // In any thread, once the wait is claimed.
  void deliver(Result<T> outcome) {
    if constexpr (runs_anywhere<Executor>) {
      call(std::move(outcome));
    } else {
      waits_->remove(place_, [&] {
        const auto executor = parts_->executor;
        boost::asio::post(executor, [self = self_weakly().lock(), outcome = std::move(outcome)]() mutable {
          self->call(std::move(outcome));
        });
      });
    }
  }
  // The same in the handler's executor.
  void finish(Result<T> outcome) {
    if constexpr (!runs_anywhere<Executor>) waits_->remove(place_, [] {});
    call(std::move(outcome));
  }
  // The timer is the executor's thread's to touch, as the handler is.
  void call(Result<T> outcome) {
    Parts parts = *std::move(parts_);
    parts_.reset();
    parts.timer.reset();
    parts.descriptor.reset();
    Outcome::pass(std::move(parts.handler), std::move(outcome));
  }

  std::optional<Parts> parts_;
  std::shared_ptr<AsyncWaits> waits_;
  AsyncWaits::Place place_;
};

/// Begins a wait: `start(std::shared_ptr<AsyncWait<T>>)` makes sure that somebody will complete it.
template <class T, class Outcome, class Token, class Start>
auto begin_wait(Deadline deadline, Start&& start, Token&& token) {
  return boost::asio::async_initiate<Token, typename Outcome::Signature>(
      [deadline](auto handler, auto begin) {
        auto wait = std::make_shared<HandledWait<T, Outcome, decltype(handler)>>(std::move(handler));
        wait->begin(deadline);
        begin(std::static_pointer_cast<AsyncWait<T>>(wait));
      },
      token, std::forward<Start>(start));
}

}  // namespace prong::detail

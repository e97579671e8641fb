// What a call returns at once: the outcome that is still to come.
#pragma once

#include "prong/base/contract.hpp"
#include "prong/base/exception.hpp"
#include "prong/base/result.hpp"
#include "prong/reply/reply_state.hpp"

#include <condition_variable>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <type_traits>
#include <variant>

namespace prong {

/// The one outcome of a call: a value, or the error that says why there is none.
///
/// Error::outcome() tells how a call ended that has no value, and Error::may_have_run() whether it can be made again
/// without harm.
/// Thread safety: as an int; the call itself may end in any thread.
/// If the peer dies: the outcome is there at once: process_expired, which tells whether the call had begun.
/// If you stop waiting: destroying a Future gives the outcome up; the handler still runs. cancel() before prevents
/// that.
template <class T>
class Future {
 public:
  /// Takes the value out of a state that is ready and has no error.
  using Extract = Result<T> (*)(ReplyState&);

  Future() noexcept = default;
  Future(ReplyReference state, Extract extract) noexcept : state_{std::move(state)}, extract_{extract} {}

  /// Tells whether there is an outcome to wait for: not after it was taken.
  [[nodiscard]] bool valid() const noexcept { return static_cast<bool>(state_); }
  /// Tells whether the outcome is there; it is, at the latest, when the call's deadline has passed.
  /// Blocks: never; nobody reads replies for a thread that only asks this.
  [[nodiscard]] bool ready() const {
    PRONG_EXPECT(valid(), "a future is asked once");
    if (!state_->ready() && state_->deadline().has_passed()) state_->expire();
    return state_->ready();
  }

  /// Tells whether the outcome arrives though no thread waits for it: it is there, it is made in this process, or a
  /// loop reads for the process that it comes from.
  [[nodiscard]] bool arrives_by_itself() const noexcept { return state_->ready() || state_->arrives_by_itself(); }

  /// Waits for the outcome; tells whether it is there.
  ///
  /// The waiting thread reads the replies of its process meanwhile, its own and those of others.
  bool wait(Deadline deadline) {
    PRONG_EXPECT(valid(), "a future is asked once");
    state_->wait(Deadline::earlier(deadline, state_->deadline()));
    return ready();
  }
  /// Waits for the outcome until the call's own deadline, and takes it.
  [[nodiscard]] Result<T> result() {
    while (!wait(Deadline::never())) {
    }
    return take();
  }
  /// Waits for the outcome until `deadline` and takes it. A wait that ends before the call does leaves the Future
  /// valid. Fails with: deadline_exceeded and whatever the call ended with.
  [[nodiscard]] Result<T> result(Deadline deadline) {
    if (!wait(deadline)) return fail(Errc::deadline_exceeded, "the outcome is not there yet");
    return take();
  }
  /// Asks that the call ends. Blocks: never.
  ///
  /// A call whose handler has not begun never runs: it ends at once with `cancelled`, and true is returned. A handler
  /// that runs can see it (MessageProcess::cancelled()), and its outcome is what it makes of it: its value or error if
  /// it goes on, `cancelled` if it heeds it.
  bool cancel() {
    PRONG_EXPECT(valid(), "a future is asked once");
    return state_->cancel();
  }
  /// Has a request to stop cancel() this call; one that came before does so at once.
  Future& cancel_on(std::stop_token token) {
    PRONG_EXPECT(valid(), "a future is asked once");
    cancel_on_stop_ = std::make_unique<StopCallback>(std::move(token), Canceller{state_});
    return *this;
  }
  /// Cancels the call of a Future that may be elsewhere by then.
  struct Canceller {
    ReplyReference state;
    void operator()() const { state->cancel(); }
  };
  [[nodiscard]] Canceller canceller() const {
    PRONG_EXPECT(valid(), "a future is asked once");
    return Canceller{state_};
  }
  /// As result(), but throws the Exception of an error.
  T get() { return result().value(); }
  T get(Deadline deadline) { return result(deadline).value(); }

  /// Calls `handler(Result<T>)` with the outcome, here if it is there, else in the thread that reads it: a thread that
  /// waits for this process, or its loop. The handler must not throw.
  template <class Handler>
  void then(Handler&& handler) && {
    PRONG_EXPECT(valid(), "a future is asked once");
    // Shared, because std::function copies and neither the future nor the handler need be copyable.
    auto both =
        std::make_shared<std::pair<Future, std::decay_t<Handler>>>(std::move(*this), std::forward<Handler>(handler));
    ReplyState* const state = both->first.state_.get();
    state->on_ready([both = std::move(both)] { both->second(both->first.take()); });
  }

 private:
  Result<T> take() {
    const ReplyReference state = std::exchange(state_, ReplyReference{});
    cancel_on_stop_.reset();
    if (Error* const error = state->error()) return std::move(*error);
    return extract_(*state.get());
  }

  using StopCallback = std::stop_callback<Canceller>;

  ReplyReference state_;
  Extract extract_ = nullptr;
  std::unique_ptr<StopCallback> cancel_on_stop_;
};

namespace detail {

// An outcome that is made in this process: the value itself is kept, nothing is encoded.
template <class T>
class LocalReply final : public ReplyState {
 public:
  using Stored = std::conditional_t<std::is_void_v<T>, std::monostate, T>;

  void wait(Deadline deadline) override {
    std::unique_lock lock{mutex_};
    if (deadline.is_never())
      changed_.wait(lock, [&] { return ready(); });
    else
      changed_.wait_until(lock, Deadline::Clock::time_point{std::chrono::nanoseconds{deadline.nanoseconds()}},
                          [&] { return ready(); });
  }
  template <class... Value>
  bool set(Value&&... value) {
    if (!claim()) return false;
    value_.emplace(std::forward<Value>(value)...);
    finish();
    return true;
  }
  static Result<T> extract(ReplyState& state) {
    if constexpr (std::is_void_v<T>)
      return {};
    else
      return std::move(*static_cast<LocalReply&>(state).value_);
  }

 protected:
  void notify() noexcept override {
    { const std::lock_guard lock{mutex_}; }
    changed_.notify_all();
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::optional<Stored> value_;
};

}  // namespace detail

/// Makes an outcome in this process for a Future.
///
/// Thread safety: as an int; the Future may be waited for in another thread.
/// A Promise that is destroyed unkept ends its Future with `cancelled`.
template <class T>
class Promise {
 public:
  Promise() : state_{new detail::LocalReply<T>} {}
  Promise(Promise&&) noexcept = default;
  Promise& operator=(Promise&& other) noexcept {
    std::swap(state_, other.state_);
    return *this;
  }
  ~Promise() {
    if (state_) state_->fail(Error{Errc::cancelled, "the promise was given up"});
  }

  /// Returns the Future. Requires: called once.
  [[nodiscard]] Future<T> future() { return Future<T>{state_, &detail::LocalReply<T>::extract}; }
  /// Keeps the promise; tells whether it was still open.
  template <class... Value>
  bool set_value(Value&&... value) {
    return static_cast<detail::LocalReply<T>*>(state_.get())->set(std::forward<Value>(value)...);
  }
  bool set_error(Error error) { return state_->fail(std::move(error)); }

 private:
  ReplyReference state_;
};

}  // namespace prong

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
#include <type_traits>
#include <variant>

namespace prong {

/// The one outcome of a call: a value, or the error that says why there is none.
///
/// Thread safety: as an int; the call itself may end in any thread.
/// If the peer dies: the outcome is process_expired, at once.
/// If you stop waiting: destroying a Future gives the outcome up; the handler still runs.
template <class T>
class Future {
 public:
  /// Takes the value out of a state that is ready and has no error.
  using Extract = Result<T> (*)(ReplyState&);

  Future() noexcept = default;
  Future(ReplyReference state, Extract extract) noexcept : state_{std::move(state)}, extract_{extract} {}

  /// Tells whether there is an outcome to wait for: not after it was taken.
  [[nodiscard]] bool valid() const noexcept { return static_cast<bool>(state_); }
  /// Tells whether the outcome is there. Blocks: never; nobody reads replies for a thread that only asks this.
  [[nodiscard]] bool ready() const noexcept { return state_->ready(); }

  /// Waits for the outcome; tells whether it is there.
  ///
  /// The waiting thread reads the replies of its process meanwhile, its own and those of others.
  bool wait(Deadline deadline) {
    PRONG_EXPECT(valid(), "a future is asked once");
    state_->wait(Deadline::earlier(deadline, state_->deadline()));
    if (!state_->ready() && state_->deadline().has_passed())
      state_->fail(Error{Errc::deadline_exceeded, "the call was not answered in time"});
    return state_->ready();
  }
  /// Waits for the outcome until the call's own deadline, and takes it.
  [[nodiscard]] Result<T> result() {
    wait(Deadline::never());
    return take();
  }
  /// Waits for the outcome until `deadline` and takes it. A wait that ends before the call does leaves the Future
  /// valid. Fails with: deadline_exceeded and whatever the call ended with.
  [[nodiscard]] Result<T> result(Deadline deadline) {
    if (!wait(deadline)) return fail(Errc::deadline_exceeded, "the outcome is not there yet");
    return take();
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
    if (Error* const error = state->error()) return std::move(*error);
    return extract_(*state.get());
  }

  ReplyReference state_;
  Extract extract_ = nullptr;
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

// Futures as asynchronous operations.
//
// Comes with prong/asio.hpp.
#pragma once

#include "prong/reply/async_wait.hpp"
#include "prong/reply/future.hpp"

#include <boost/asio/use_awaitable.hpp>

namespace prong {
namespace detail {

template <class T>
class FutureStart {
 public:
  explicit FutureStart(Future<T> future) noexcept : future_{std::move(future)} {}

  void operator()(std::shared_ptr<AsyncWait<T>> wait) {
    if (!future_.arrives_by_itself()) {
      wait->complete(Error{Errc::invalid_state,
                           "nobody reads the answers of this process: attach it to an io_context or to a MainContext "
                           "before its calls are awaited"});
      return;
    }
    wait->on_withdrawal(future_.canceller());
    std::move(future_).then([wait = std::move(wait)](Result<T> outcome) { wait->complete(std::move(outcome)); });
  }

 private:
  Future<T> future_;
};

}  // namespace detail

/// Waits for the outcome of a call without a thread that waits: `int sum = co_await async_get(adder.add(1, 2))`. What
/// went wrong is thrown as Future::get() throws it.
///
/// Signature: void(std::exception_ptr, T). The handler runs in its executor, or, if it has none, where the outcome
/// arrives. The process must be attached (IoContextReader, MainContext, MessageProcess::attach()); its call's own
/// deadline holds.
/// Cancelling, of any type, ends the wait with `cancelled`, and asks that the call ends, as Future::cancel() does.
/// If you stop waiting: the outcome is given up; a handler that has begun may still run.
template <class T, class Token = boost::asio::use_awaitable_t<>>
auto async_get(Future<T> future, Token&& token = {}) {
  PRONG_EXPECT(future.valid(), "a future is asked once");
  return detail::begin_wait<T, detail::ThrowingOutcome<T>>(Deadline::never(), detail::FutureStart<T>{std::move(future)},
                                                           std::forward<Token>(token));
}

/// As async_get(), with what went wrong as a value, as Future::result(). Signature: void(Result<T>).
template <class T, class Token = boost::asio::use_awaitable_t<>>
auto async_result(Future<T> future, Token&& token = {}) {
  PRONG_EXPECT(future.valid(), "a future is asked once");
  return detail::begin_wait<T, detail::ResultOutcome<T>>(Deadline::never(), detail::FutureStart<T>{std::move(future)},
                                                         std::forward<Token>(token));
}

}  // namespace prong

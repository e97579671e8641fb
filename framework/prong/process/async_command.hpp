// A command made from a member coroutine.
//
// Comes with prong/asio.hpp.
#pragma once

#include "prong/actor/command.hpp"

#include <boost/asio/awaitable.hpp>

#include <cstddef>

namespace prong {

/// Lets so many runs of a command go on at a time, beside whatever else runs: `command<&C::c__get>("get",
/// Concurrent{8}, "url"_a)`. Further ones wait and begin in their order.
struct Concurrent {
  std::size_t limit = 1;
};

namespace actor {

/// The caller of a coroutine gets what the coroutine returns in the end.
template <class T, class Executor>
struct HandlerValue<boost::asio::awaitable<T, Executor>> {
  using type = std::decay_t<T>;
};

/// Tells whether a handler is a coroutine.
template <auto Handler>
inline constexpr bool is_coroutine = !std::is_same_v<typename HandlerTraits<decltype(Handler)>::Returned,
                                                     typename HandlerTraits<decltype(Handler)>::Value>;

}  // namespace actor

namespace detail {

/// How a handler that is a coroutine is begun: its arguments are decoded at once, the rest happens when the awaitable
/// is awaited. Its value, encoded, is then appended to `reply`, which outlives it.
struct CoroutineCommand {
  using BeginTyped = Result<boost::asio::awaitable<void>> (*)(void* process, const actor::Command& command,
                                                              Bytes arguments, std::vector<std::byte>& reply);
  using BeginNamed = Result<boost::asio::awaitable<void>> (*)(void* process, const actor::Command& command,
                                                              const MessageObject& message,
                                                              std::vector<std::byte>& reply);

  BeginTyped begin_typed = nullptr;  ///< Null where the handler is a plain function.
  BeginNamed begin_named = nullptr;  ///< The value is encoded as a Value.
  std::size_t concurrent = 0;        ///< How many run at a time beside others; 0: all in their order.
};

template <class Base, auto Handler>
struct CoroutineCalls : actor::detail::HandlerArguments<Base, Handler> {
  using This = actor::detail::HandlerArguments<Base, Handler>;
  using Arguments = typename This::Arguments;
  using Returned = typename This::Traits::Value;

  static Result<boost::asio::awaitable<void>> begin_typed(void* process, const actor::Command& command, Bytes bytes,
                                                          std::vector<std::byte>& reply) {
    PRONG_TRY_ASSIGN(auto arguments, This::from_bytes(command, bytes));
    return run<Returned>(process, std::move(arguments), reply);
  }
  static Result<boost::asio::awaitable<void>> begin_named(void* process, const actor::Command& command,
                                                          const MessageObject& message, std::vector<std::byte>& reply) {
    PRONG_TRY_ASSIGN(auto arguments, This::from_message(command, message));
    return run<Value>(process, std::move(arguments), reply);
  }

 private:
  // The arguments live here as long as the handler runs, so it may take them by reference.
  template <class Encoded>
  static boost::asio::awaitable<void> run(void* process, Arguments arguments, std::vector<std::byte>& reply) {
    if constexpr (!std::is_void_v<Returned>) {
      Returned value = co_await This::apply(process, arguments);
      encode<Encoded>(Encoded(std::move(value)), reply);
    } else {
      co_await This::apply(process, arguments);
      if constexpr (!std::is_void_v<Encoded>) encode(Encoded{}, reply);
    }
  }
};

}  // namespace detail
}  // namespace prong

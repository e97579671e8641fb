// Calls as asynchronous operations: MessageProcess::async_call().
//
// Comes with prong/asio.hpp.
#pragma once

#include "prong/process/message_process.hpp"
#include "prong/reply/async_get.hpp"

#include <tuple>
#include <utility>

namespace prong {

template <auto Handler, class... Arguments>
auto MessageProcess::async_call(Arguments&&... arguments) {
  static_assert(sizeof...(Arguments) > 0, "the last argument is a completion token, as boost::asio::use_awaitable");
  auto all = std::forward_as_tuple(std::forward<Arguments>(arguments)...);
  constexpr std::size_t token = sizeof...(Arguments) - 1;
  return [&]<std::size_t... index>(std::index_sequence<index...>) {
    return async_get(call<Handler>(std::get<index>(std::move(all))...), std::get<token>(std::move(all)));
  }
  (std::make_index_sequence<token>{});
}

}  // namespace prong

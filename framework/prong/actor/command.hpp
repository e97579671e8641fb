// A command made from a member function.
#pragma once

#include "prong/actor/command_table.hpp"
#include "prong/base/deadline.hpp"
#include "prong/message/codec.hpp"
#include "prong/reply/reply_state.hpp"

#include <tuple>
#include <type_traits>
#include <utility>

namespace prong::actor {

/// What the caller of a handler gets: what it returns, or, specialised, what that gives later.
template <class Returned>
struct HandlerValue {
  using type = Returned;
};

/// What a handler's type says: its class, its parameters without references, and its value.
template <class Member>
struct HandlerTraits;

template <class Class_, class Return, class... Parameters>
struct HandlerTraits<Return (Class_::*)(Parameters...)> {
  using Class = Class_;
  using Returned = std::decay_t<Return>;
  using Value = typename HandlerValue<Returned>::type;
  using Arguments = std::tuple<std::decay_t<Parameters>...>;
  static constexpr std::size_t arity = sizeof...(Parameters);
};
template <class Class_, class Return, class... Parameters>
struct HandlerTraits<Return (Class_::*)(Parameters...) const> : HandlerTraits<Return (Class_::*)(Parameters...)> {};
template <class Class_, class Return, class... Parameters>
struct HandlerTraits<Return (Class_::*)(Parameters...) noexcept> : HandlerTraits<Return (Class_::*)(Parameters...)> {};
template <class Class_, class Return, class... Parameters>
struct HandlerTraits<Return (Class_::*)(Parameters...) const noexcept>
    : HandlerTraits<Return (Class_::*)(Parameters...)> {};

/// Names a handler across processes: the address of a variable that each handler has one of.
template <auto Handler>
inline constexpr char handler_key = 0;

namespace detail {

/// The arguments of a handler and how they reach it.
template <class Base, auto Handler>
struct HandlerArguments {
  using Traits = HandlerTraits<decltype(Handler)>;
  using Class = typename Traits::Class;
  using Arguments = typename Traits::Arguments;

  static Class& object(void* process) { return static_cast<Class&>(*static_cast<Base*>(process)); }

  static decltype(auto) apply(void* process, Arguments& arguments) {
    return std::apply(
        [&](auto&... values) -> decltype(auto) { return (object(process).*Handler)(std::move(values)...); }, arguments);
  }

  static Result<Arguments> from_bytes(const Command& command, Bytes bytes) {
    Result<Arguments> arguments = decode<Arguments>(bytes);
    if (!arguments) return std::move(arguments).error().with_context("arguments of command '" + command.name + "'");
    return arguments;
  }

  static Result<Arguments> from_message(const Command& command, const MessageObject& message) {
    PRONG_TRY(check_argument_names(command, message));
    Arguments arguments{};
    Result<void> all{};
    [&]<std::size_t... index>(std::index_sequence<index...>) {
      static_cast<void>(((all = read<index>(command, message, arguments), static_cast<bool>(all)) && ...));
    }
    (std::make_index_sequence<Traits::arity>{});
    if (!all) return std::move(all).error();
    return arguments;
  }

 private:
  template <std::size_t index>
  static Result<void> read(const Command& command, const MessageObject& message, Arguments& arguments) {
    using Argument = std::tuple_element_t<index, Arguments>;
    const prong::Value* const value = find_argument(command, index, message);
    if (value == nullptr) return missing_argument(command, index);
    Result<Argument> read = value->template get<Argument>();
    if (!read) return ill_typed_argument(command, index, read.error());
    std::get<index>(arguments) = std::move(*read);
    return {};
  }
};

template <class Base, auto Handler>
struct Calls : HandlerArguments<Base, Handler> {
  using This = HandlerArguments<Base, Handler>;
  using Returned = typename This::Traits::Value;

  static Result<void> typed(void* process, const Command& command, Bytes bytes, std::vector<std::byte>& reply) {
    PRONG_TRY_ASSIGN(auto arguments, This::from_bytes(command, bytes));
    if constexpr (std::is_void_v<Returned>)
      This::apply(process, arguments);
    else
      encode(static_cast<const Returned&>(This::apply(process, arguments)), reply);
    return {};
  }

  static Result<prong::Value> named(void* process, const Command& command, const MessageObject& message) {
    PRONG_TRY_ASSIGN(auto arguments, This::from_message(command, message));
    if constexpr (std::is_void_v<Returned>) {
      This::apply(process, arguments);
      return prong::Value{};
    } else {
      return prong::Value(This::apply(process, arguments));
    }
  }
};

}  // namespace detail

/// Describes the command `name` of a member function of a class derived from Base; how it is called is left open.
template <class Base, auto Handler, class... Parameters>
[[nodiscard]] Command describe_command(std::string name, Parameters&&... parameters) {
  using Traits = HandlerTraits<decltype(Handler)>;
  static_assert(std::is_base_of_v<Base, typename Traits::Class>, "a handler is a member function of the process class");
  static_assert(sizeof...(Parameters) == Traits::arity,
                "name each parameter of the handler once: command<&C::c__f>(\"f\", \"first\"_a, \"second\"_a = 2)");
  Command command;
  command.name = std::move(name);
  (command.parameters.push_back(std::forward<Parameters>(parameters)), ...);
  command.key = &handler_key<Handler>;
  return command;
}

/// Makes the command `name` of a member function of a class derived from Base.
template <class Base, auto Handler, class... Parameters>
[[nodiscard]] Command make_command(std::string name, Parameters&&... parameters) {
  Command command = describe_command<Base, Handler>(std::move(name), std::forward<Parameters>(parameters)...);
  command.call_typed = &detail::Calls<Base, Handler>::typed;
  command.call_named = &detail::Calls<Base, Handler>::named;
  return command;
}

/// Decodes what a handler returned.
template <class Returned>
[[nodiscard]] Result<Returned> decode_reply(ReplyState& state) {
  if constexpr (std::is_void_v<Returned>)
    return {};
  else
    return decode<Returned>(state.payload());
}

/// Returns how many of `Given` are arguments of the handler: a trailing Deadline is the call's own, unless the handler
/// has a parameter of that type in its place.
template <auto Handler, class... Given>
[[nodiscard]] consteval std::size_t argument_count() {
  if constexpr (sizeof...(Given) == 0) {
    return 0;
  } else {
    using Arguments = typename HandlerTraits<decltype(Handler)>::Arguments;
    using Last = std::decay_t<typename decltype((std::type_identity<Given>{}, ...))::type>;
    if constexpr (!std::is_same_v<Last, Deadline>)
      return sizeof...(Given);
    else if constexpr (sizeof...(Given) > std::tuple_size_v<Arguments>)
      return sizeof...(Given) - 1;
    else
      return std::is_same_v<std::tuple_element_t<sizeof...(Given) - 1, Arguments>, Deadline> ? sizeof...(Given)
                                                                                             : sizeof...(Given) - 1;
  }
}

/// Encodes the arguments of a typed call; parameters not given take their defaults.
/// Throws Exception (missing_argument) if one has none.
template <auto Handler, class... Given>
void encode_arguments(const Command& command, std::vector<std::byte>& out, Given&&... given) {
  using Arguments = typename HandlerTraits<decltype(Handler)>::Arguments;
  constexpr std::size_t arity = std::tuple_size_v<Arguments>;
  static_assert(sizeof...(Given) <= arity, "more arguments than the handler has parameters");
  const auto encode_given = [&]<std::size_t... index>(std::index_sequence<index...>, auto&&... values) {
    static_assert((std::is_convertible_v<decltype(values), std::tuple_element_t<index, Arguments>> && ...),
                  "an argument does not convert to the type of the handler's parameter");
    (encode<std::tuple_element_t<index, Arguments>>(std::forward<decltype(values)>(values), out), ...);
  };
  encode_given(std::make_index_sequence<sizeof...(Given)>{}, std::forward<Given>(given)...);
  const auto encode_default = [&]<std::size_t index>() {
    const auto& value = command.parameters[index].default_value;
    if (!value) throw_error(missing_argument(command, index));
    encode(value->template as<std::tuple_element_t<index, Arguments>>(), out);
  };
  [&]<std::size_t... rest>(std::index_sequence<rest...>) {
    (encode_default.template operator()<sizeof...(Given) + rest>(), ...);
  }
  (std::make_index_sequence<arity - sizeof...(Given)>{});
}

}  // namespace prong::actor

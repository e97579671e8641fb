// Which handler a command reaches, and how its arguments get there.
//
// The table is filled in the constructor, before the fork, so both sides have the same one: a command travels as a
// number.
#pragma once

#include "prong/base/bytes.hpp"
#include "prong/base/result.hpp"
#include "prong/base/throw_probe.hpp"
#include "prong/message/message_object.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace prong {

/// The name of one parameter of a handler, and the value it takes when a message does not give it.
struct Parameter {
  std::string name;
  std::optional<Value> default_value;

  /// Gives the parameter a default: `"min_area"_a = 400`.
  template <class T>
  Parameter operator=(T&& value) && {
    default_value = Value(std::forward<T>(value));
    return std::move(*this);
  }
};

inline namespace literals {

/// Names a parameter: `"value"_a`. Source: the notation of pybind11.
[[nodiscard]] inline Parameter operator""_a(const char* name, std::size_t size) {
  return Parameter{std::string{name, size}, std::nullopt};
}

}  // namespace literals

namespace actor {

/// One command of a process.
struct Command {
  /// Decodes typed arguments, runs the handler and appends its encoded value to `reply`.
  using CallTyped = Result<void> (*)(void* object, const Command& command, Bytes arguments,
                                     std::vector<std::byte>& reply);
  /// Matches arguments by name, runs the handler and returns its value.
  using CallNamed = Result<Value> (*)(void* object, const Command& command, const MessageObject& message);

  std::string name;
  std::vector<Parameter> parameters;
  const void* key = nullptr;  ///< The same for the same handler in every process forked from one image.
  CallTyped call_typed = nullptr;
  CallNamed call_named = nullptr;
};

/// The commands of one process, by number, by name and by handler.
///
/// Thread safety: filled by one thread before anything reads it.
class CommandTable {
 public:
  /// Adds a command. Requires: its name is not there yet; at most 65,535 commands.
  void add(Command command);
  /// Returns the number of the command that `key` names. Requires: it was added.
  [[nodiscard]] std::uint16_t number_of(const void* key) const;
  /// Returns the number of `command`. Requires: it came from find().
  [[nodiscard]] std::uint16_t number_of(const Command& command) const noexcept {
    return static_cast<std::uint16_t>(&command - commands_.data());
  }
  [[nodiscard]] std::size_t size() const noexcept { return commands_.size(); }
  /// Returns the command with this number, or null.
  [[nodiscard]] const Command* find(std::uint16_t number) const noexcept {
    return number < commands_.size() ? &commands_[number] : nullptr;
  }
  /// Returns the command with this name, or null.
  [[nodiscard]] const Command* find(std::string_view name) const noexcept;
  /// Returns the error for a command that nobody has: it names the command and those there are.
  [[nodiscard]] Error unknown(std::string_view name) const;

 private:
  std::vector<Command> commands_;
};

/// Returns the value of argument number `index` in `message`, or its default, or null if it has neither.
[[nodiscard]] const Value* find_argument(const Command& command, std::size_t index,
                                         const MessageObject& message) noexcept;
/// Succeeds if every argument of `message` is a parameter of `command`. Fails with: unknown_argument.
[[nodiscard]] Result<void> check_argument_names(const Command& command, const MessageObject& message);
/// Returns the missing_argument error that names parameter number `index`.
[[nodiscard]] Error missing_argument(const Command& command, std::size_t index);
/// Returns the ill_typed_argument error that names parameter number `index` and says why.
[[nodiscard]] Error ill_typed_argument(const Command& command, std::size_t index, const Error& why);

/// Runs `call` and turns what it throws into a handler_failed error. `process` and `command` name the place.
template <class Call>
[[nodiscard]] auto guarded(std::string_view process, std::string_view command, Call&& call) noexcept
    -> decltype(call());
/// Returns the error for the exception that is being handled now.
[[nodiscard]] Error current_exception_error(std::string_view process, std::string_view command) noexcept;

template <class Call>
auto guarded(std::string_view process, std::string_view command, Call&& call) noexcept -> decltype(call()) {
  try {
    return call();
  } catch (const prong::detail::ThrowProbe&) {
    __builtin_unreachable();  // it only looks where the exception was thrown
  } catch (...) {
    return current_exception_error(process, command);
  }
}

}  // namespace actor
}  // namespace prong

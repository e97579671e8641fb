// A command with named arguments: what one process says to another.
#pragma once

#include "prong/base/exception.hpp"
#include "prong/message/value.hpp"

#include <initializer_list>
#include <iosfwd>
#include <string>
#include <string_view>
#include <vector>

namespace prong {

/// A command and its arguments, for example `MessageObject{"set_threshold", {{"value", 0.5}, {"n", 3}}}`.
///
/// Arguments keep the order in which they were given. Thread safety: as an int.
class MessageObject {
 public:
  /// One argument: its name and its value.
  struct Argument {
    Argument(std::string argument_key, Value argument_value)
        : key{std::move(argument_key)}, value{std::move(argument_value)} {}

    std::string key;
    Value value;

    friend bool operator==(const Argument&, const Argument&) = default;
  };
  class ArgumentView;
  using value_type = Argument;  ///< What an iteration gives.

  MessageObject() = default;
  MessageObject(std::string command);
  MessageObject(const char* command) : MessageObject{std::string{command}} {}
  /// Throws: invalid_argument where a key occurs twice.
  MessageObject(std::string command, std::initializer_list<Argument> arguments);

  /// Returns the command.
  [[nodiscard]] const std::string& operator()() const noexcept { return command_; }
  /// Returns the number of arguments.
  [[nodiscard]] std::size_t size() const noexcept { return arguments_.size(); }
  [[nodiscard]] bool contains(std::string_view key) const noexcept { return find(key) != nullptr; }
  /// Returns the value of an argument, or null.
  [[nodiscard]] const Value* find(std::string_view key) const noexcept;
  /// Returns a view of an argument that may be missing; reading it then says so.
  [[nodiscard]] ArgumentView operator[](std::string_view key) const;
  /// Gives an argument a value, in its place if there is one of this name, else behind the others.
  MessageObject& set(std::string_view key, Value value);

  [[nodiscard]] auto begin() const noexcept { return arguments_.begin(); }
  [[nodiscard]] auto end() const noexcept { return arguments_.end(); }

  friend bool operator==(const MessageObject&, const MessageObject&) = default;
  friend std::ostream& operator<<(std::ostream& out, const MessageObject& message);

  void save(OutputArchive& archive) const;
  void load(InputArchive& archive);

 private:
  std::string command_;
  std::vector<Argument> arguments_;
};

/// One argument as it is asked for. Requires: the message and the key outlive the view.
class MessageObject::ArgumentView {
 public:
  ArgumentView(const MessageObject& message, std::string_view key) noexcept
      : message_{&message}, key_{key}, value_{message.find(key)} {}

  [[nodiscard]] bool exists() const noexcept { return value_ != nullptr; }
  /// Returns the value. Throws: missing_key.
  [[nodiscard]] const Value& value() const;

  /// Returns the argument as a T. Fails with: missing_key, and as Value::get(); the message names the key.
  template <class T>
  [[nodiscard]] Result<T> get() const {
    if (value_ == nullptr) return missing();
    Result<T> result = value_->get<T>();
    if (!result) return named(std::move(result).error());
    return result;
  }
  /// As get(), but throws the Exception of an error.
  template <class T>
  [[nodiscard]] T as() const {
    Result<T> result = get<T>();
    if (!result) throw_error(std::move(result).error());
    return std::move(*result);
  }
  /// Returns `absent` where the argument is missing; throws as as() where it is of another type.
  template <class T>
  [[nodiscard]] T value_or(T absent) const {
    return value_ == nullptr ? std::move(absent) : as<T>();
  }
  [[nodiscard]] std::string value_or(const char* absent) const;

 private:
  [[nodiscard]] Error missing() const;
  [[nodiscard]] Error named(Error error) const;

  const MessageObject* message_;
  std::string_view key_;
  const Value* value_;
};

inline MessageObject::ArgumentView MessageObject::operator[](std::string_view key) const {
  return ArgumentView{*this, key};
}

/// Prints a message for people: `set_threshold(value=0.5, n=3)`.
[[nodiscard]] std::string to_string(const MessageObject& message);

}  // namespace prong

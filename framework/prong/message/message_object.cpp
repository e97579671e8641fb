#include "prong/message/message_object.hpp"

#include "prong/message/detail/printable.hpp"

#include <algorithm>

namespace prong {
namespace {

// The least that an argument takes on the wire: the length of its key and the tag of its value.
constexpr std::size_t least_argument = sizeof(std::uint32_t) + 1;

// What the receiver allocates for arguments, with the pointers by which repeated keys are found.
constexpr std::size_t argument_memory(std::size_t count) noexcept {
  return count * (sizeof(MessageObject::Argument) + sizeof(void*));
}

// Returns a key that occurs twice, or null. Sorts many keys, for comparing all pairs would take a hostile message for
// ever.
const std::string* repeated_key(const std::vector<MessageObject::Argument>& arguments) {
  constexpr std::size_t few = 8;
  if (arguments.size() <= few) {
    for (auto one = arguments.begin(); one != arguments.end(); ++one)
      if (std::any_of(arguments.begin(), one, [&](const auto& other) { return other.key == one->key; }))
        return &one->key;
    return nullptr;
  }
  std::vector<const std::string*> keys;
  keys.reserve(arguments.size());
  for (const auto& argument : arguments) keys.push_back(&argument.key);
  std::sort(keys.begin(), keys.end(), [](const auto* a, const auto* b) { return *a < *b; });
  const auto twice =
      std::adjacent_find(keys.begin(), keys.end(), [](const auto* a, const auto* b) { return *a == *b; });
  return twice == keys.end() ? nullptr : *twice;
}

std::string quoted(std::string_view text) {
  constexpr std::size_t most = 100;
  return "'" + detail::printable(text, most) + "'";
}

}  // namespace

MessageObject::MessageObject(std::string command) : command_{std::move(command)} {}

MessageObject::MessageObject(std::string command, std::initializer_list<Argument> arguments)
    : command_{std::move(command)}, arguments_{arguments} {
  if (const std::string* const key = repeated_key(arguments_))
    throw_error(Error{Errc::invalid_argument, quoted(command_) + " is given the argument " + quoted(*key) + " twice"});
}

const Value* MessageObject::find(std::string_view key) const noexcept {
  const auto found = std::find_if(arguments_.begin(), arguments_.end(),
                                  [key](const Argument& argument) { return argument.key == key; });
  return found == arguments_.end() ? nullptr : &found->value;
}

MessageObject& MessageObject::set(std::string_view key, Value value) {
  const auto found = std::find_if(arguments_.begin(), arguments_.end(),
                                  [key](const Argument& argument) { return argument.key == key; });
  if (found != arguments_.end())
    found->value = std::move(value);
  else
    arguments_.emplace_back(std::string{key}, std::move(value));
  return *this;
}

void MessageObject::save(OutputArchive& archive) const {
  archive(command_);
  archive.write_count(arguments_.size());
  archive.charge(argument_memory(arguments_.size()));
  for (const auto& [key, value] : arguments_) archive(key, value);
}

void MessageObject::load(InputArchive& archive) {
  arguments_.clear();
  archive(command_);
  const std::size_t count = archive.read_count(least_argument);
  archive.charge(argument_memory(count));
  arguments_.reserve(count);
  for (std::size_t i = 0; i < count; ++i) {
    Argument& argument = arguments_.emplace_back(std::string{}, Value{});
    archive(argument.key, argument.value);
  }
  if (const std::string* const key = repeated_key(arguments_))
    archive.fail("the argument " + quoted(*key) + " occurs twice");
}

const Value& MessageObject::ArgumentView::value() const {
  if (value_ == nullptr) throw_error(missing());
  return *value_;
}

std::string MessageObject::ArgumentView::value_or(const char* absent) const {
  return value_or(std::string{absent});
}

Error MessageObject::ArgumentView::missing() const {
  constexpr std::size_t most_keys = 16;
  std::string text = quoted((*message_)()) + " has no argument " + quoted(key_);
  std::size_t listed = 0;
  for (const auto& [key, value] : *message_) {
    text += (listed == 0 ? ", only " : ", ") + (listed < most_keys ? quoted(key) : "...");
    if (++listed > most_keys) break;
  }
  return Error{Errc::missing_key, std::move(text)};
}

Error MessageObject::ArgumentView::named(Error error) const {
  return std::move(error).with_context("argument " + quoted(key_) + " of " + quoted((*message_)()));
}

}  // namespace prong

#include "prong/actor/command_table.hpp"

#include "prong/base/contract.hpp"
#include "prong/base/exception_types.hpp"

#include <algorithm>

namespace prong::actor {
void CommandTable::add(Command command) {
  PRONG_EXPECT(find(command.name) == nullptr, "a command is declared once: '" + command.name + "'");
  PRONG_EXPECT(commands_.size() < UINT16_MAX, "a process has at most 65,535 commands");
  commands_.push_back(std::move(command));
}

std::uint16_t CommandTable::number_of(const void* key) const {
  for (std::size_t i = 0; i < commands_.size(); ++i)
    if (commands_[i].key == key) return static_cast<std::uint16_t>(i);
  contract_failure("call",
                   "this handler is no command of this process: declare it in the constructor with command<>()");
}

const Command* CommandTable::find(std::string_view name) const noexcept {
  const auto found = std::find_if(commands_.begin(), commands_.end(), [&](const Command& c) { return c.name == name; });
  return found == commands_.end() ? nullptr : &*found;
}

Error CommandTable::unknown(std::string_view name) const {
  std::string known;
  for (const Command& command : commands_) known += (known.empty() ? "" : ", ") + command.name;
  return Error{Errc::unknown_command, "no command '" + std::string{name} + "'; there are: " + known};
}

const Value* find_argument(const Command& command, std::size_t index, const MessageObject& message) noexcept {
  const Parameter& parameter = command.parameters[index];
  if (const Value* const given = message.find(parameter.name)) return given;
  return parameter.default_value ? &*parameter.default_value : nullptr;
}

Result<void> check_argument_names(const Command& command, const MessageObject& message) {
  for (const auto& [name, value] : message) {
    const bool known = std::any_of(command.parameters.begin(), command.parameters.end(),
                                   [&name = name](const Parameter& parameter) { return parameter.name == name; });
    if (known) continue;
    std::string names;
    for (const Parameter& parameter : command.parameters) names += (names.empty() ? "" : ", ") + parameter.name;
    return fail(Errc::unknown_argument, "command '" + command.name + "' has no argument '" + name +
                                            (names.empty() ? "'; it takes none" : "'; it takes: " + names));
  }
  return {};
}

Error missing_argument(const Command& command, std::size_t index) {
  return Error{Errc::missing_argument,
               "command '" + command.name + "' needs argument '" + command.parameters[index].name + "'"};
}

Error ill_typed_argument(const Command& command, std::size_t index, const Error& why) {
  return Error{Errc::ill_typed_argument,
               "argument '" + command.parameters[index].name + "' of command '" + command.name + "': " + why.message()};
}

Error current_exception_error(std::string_view process, std::string_view command) noexcept {
  RemoteFailure failure = prong::detail::describe_current_exception();
  failure.process = process;
  failure.command = command;
  return Error::from_remote(std::move(failure));
}

}  // namespace prong::actor

// Processes that are added while the program runs.
#pragma once

#include "prong/base/exception.hpp"
#include "prong/message/codec.hpp"
#include "prong/process/fork_server.hpp"
#include "prong/process/message_process.hpp"
#include "prong/process/spawn_form.hpp"

#include <concepts>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>

namespace prong {

namespace detail {

/// What a spawned process keeps of an argument: a copy that travels.
template <class Argument>
using SpawnArgument =
    std::conditional_t<std::is_convertible_v<Argument, std::string_view>, std::string, std::decay_t<Argument>>;

struct BackendSeat;

/// Takes the seat, makes the object by `make` and runs its backend. Returns the exit code; what `make` throws is
/// logged.
int run_spawned(Bytes payload, std::span<const int> descriptors,
                const std::function<std::unique_ptr<MessageProcess>(Bytes arguments)>& make);

/// Runs in the process that the fork server has forked. Its address is how the server is told what to make.
template <class Process, class... Arguments>
int spawned_main(Bytes payload, std::span<const int> descriptors) {
  return run_spawned(payload, descriptors, [](Bytes arguments) -> std::unique_ptr<MessageProcess> {
    auto decoded = decode<std::tuple<typename SpawnForm<Arguments>::Type...>>(arguments).value();
    return std::apply([](auto&... each) { return std::make_unique<Process>(SpawnForm<Arguments>::unpack(each)...); },
                      decoded);
  });
}

/// What a backend that was spawned is made from, each time it is started.
struct SpawnRecipe {
  ServedMain main = nullptr;
  std::vector<std::byte> arguments;
  std::vector<int> descriptors;      ///< They have the same numbers in the backend.
  std::shared_ptr<const void> keep;  ///< Has the descriptors.
};

/// What spawn() may do with a MessageProcess that others may not.
class Spawner {
 public:
  static void start(MessageProcess& process, SpawnRecipe recipe);
  static int run(MessageProcess& process, const BackendSeat& seat);
};

}  // namespace detail

/// Makes a process and starts it, at any time: also in a program with threads, and for a type that had no object
/// before.
///
/// The object returned is the frontend. The backend is made anew from the same arguments, by the fork server, in a copy
/// of the program as it was when that was constructed: what the constructor uses beside its arguments must have been
/// there then. Its descriptors given to MessageProcess::inherit() have the same numbers in the backend, whenever they
/// were opened. Arguments travel like those of a command; text arrives as std::string. A FrameRing, a FramePool and an
/// EventGroup travel too, whenever they were made: the backend's is another handle to the same, for all its restarts.
/// Throws Exception: not_started if there is no ForkServer, deadline_exceeded, too_large, system, and what the
/// constructor throws. A constructor that throws in the backend only is logged there and ends it with exit code 1.
template <std::derived_from<MessageProcess> Process, class... Arguments>
[[nodiscard]] std::unique_ptr<Process> spawn(Arguments&&... arguments) {
  using Copies = std::tuple<detail::SpawnArgument<Arguments>...>;
  const auto copies = std::make_shared<const Copies>(std::forward<Arguments>(arguments)...);
  detail::SpawnRecipe recipe{.main = &detail::spawned_main<Process, detail::SpawnArgument<Arguments>...>,
                             .arguments = {},
                             .descriptors = {},
                             .keep = copies};
  const auto forms = std::apply(
      [&](const auto&... each) {
        // Between braces, from left to right: the descriptors have an order.
        return std::tuple<typename detail::SpawnForm<detail::SpawnArgument<Arguments>>::Type...>{
            detail::SpawnForm<detail::SpawnArgument<Arguments>>::pack(each, recipe.descriptors)...};
      },
      *copies);
  encode(forms, recipe.arguments);
  auto process = std::apply([](const auto&... each) { return std::make_unique<Process>(each...); }, *copies);
  detail::Spawner::start(*process, std::move(recipe));
  return process;
}

}  // namespace prong

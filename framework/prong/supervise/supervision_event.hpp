// What a supervisor tells about its children.
#pragma once

#include "prong/base/error.hpp"

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace prong {

/// One thing that has happened to a child.
struct SupervisionEvent {
  enum class Kind : std::uint8_t {
    started,     ///< It is there; it is not ready yet.
    ready,       ///< It has run its pre_run and takes commands.
    hung,        ///< It has not answered a ping in time (`cause`) and is killed.
    recycled,    ///< It is over a limit (`cause`); it is stopped, and replaced.
    down,        ///< It is gone: for no `cause` if it ended in order.
    restarting,  ///< It is started again after `delay`, because of `cause`.
    gave_up,     ///< It has failed too often (`cause`): the supervisor stops everything and ends.
  };

  Kind kind = Kind::started;
  std::string child = {};
  /// Counts the starts of this child, from 1.
  std::uint64_t incarnation = 0;
  std::optional<Error> cause = std::nullopt;
  std::chrono::nanoseconds delay{0};

  friend bool operator==(const SupervisionEvent&, const SupervisionEvent&) = default;
};

/// Returns the kind's name as it is spelt above.
[[nodiscard]] std::string_view name_of(SupervisionEvent::Kind kind) noexcept;

/// Returns "detector#2 down: process_expired: …".
[[nodiscard]] std::string to_string(const SupervisionEvent& event);

}  // namespace prong

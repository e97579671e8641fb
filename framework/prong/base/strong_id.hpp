// Numbers that cannot be mixed up.
#pragma once

#include <compare>
#include <concepts>
#include <cstddef>
#include <functional>

namespace prong {

/// A number that names one kind of thing; `Tag` makes the kinds different types.
template <class Tag, std::integral Representation>
struct StrongId {
  Representation value{};

  friend constexpr auto operator<=>(StrongId, StrongId) = default;
};

}  // namespace prong

template <class Tag, class Representation>
struct std::hash<prong::StrongId<Tag, Representation>> {
  std::size_t operator()(prong::StrongId<Tag, Representation> id) const noexcept {
    return std::hash<Representation>{}(id.value);
  }
};

// The number by which a request and its outcome find each other.
#pragma once

#include <cstddef>
#include <cstdint>

namespace prong {

/// Names one request: a slot, and which use of the slot this is. 0 names none.
///
/// Of two numbers of one slot the larger is the later. At a million uses of one slot a second they last nine years.
/// Layout: docs/formats/segment.md.
class RequestNumber {
 public:
  static constexpr std::size_t max_slots = 65'535;

  constexpr RequestNumber() noexcept = default;
  constexpr explicit RequestNumber(std::uint64_t value) noexcept : value_{value} {}
  /// Requires: `slot` is less than max_slots; `generation` is at least 1.
  constexpr RequestNumber(std::size_t slot, std::uint64_t generation) noexcept
      : value_{(generation << 16) | (slot + 1)} {}

  [[nodiscard]] constexpr std::uint64_t value() const noexcept { return value_; }
  /// Returns the slot. A number that names none, from wherever it came, has one that no request has.
  [[nodiscard]] constexpr std::size_t slot() const noexcept { return ((value_ & 0xffff) - 1) & 0xffff; }
  [[nodiscard]] constexpr std::uint64_t generation() const noexcept { return value_ >> 16; }

 private:
  std::uint64_t value_ = 0;
};

}  // namespace prong

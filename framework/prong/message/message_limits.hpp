// What bounds every message, on the side that writes it and on the side that reads it.
#pragma once

#include <cstddef>

namespace prong {

/// How deep containers, Values and user types may be nested in one message.
inline constexpr unsigned max_nesting = 64;

/// What a receiver may allocate for any message, however small. Units: bytes.
inline constexpr std::size_t memory_allowance = 48 * 1024;

/// Returns the least size of a message that makes its receiver allocate `charged` bytes: a quarter of what exceeds
/// the allowance. Units: bytes.
[[nodiscard]] constexpr std::size_t least_message_size(std::size_t charged) noexcept {
  return charged <= memory_allowance ? 0 : (charged - memory_allowance + 3) / 4;
}

}  // namespace prong

namespace cereal {
// A base in this namespace lets argument-dependent lookup find the functions that Cereal has for its own types.
struct ProngArchive {};
}  // namespace cereal

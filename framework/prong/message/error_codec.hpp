// Errors that cross a process wall.
//
// Format: docs/formats/values.md.
#pragma once

#include "prong/base/bytes.hpp"
#include "prong/base/error.hpp"

#include <vector>

namespace prong {

/// The longest encoding of an Error. Units: bytes.
inline constexpr std::size_t max_encoded_error = 64 * 1024;

/// Writes `error` to the end of `out`. Texts that would make it longer than max_encoded_error are cut, and end in
/// "...".
void encode_error(const Error& error, std::vector<std::byte>& out);
/// Returns the Error that `bytes` are the encoding of, or a malformed one that says why there is none. A code that this
/// process does not know keeps its number.
[[nodiscard]] Error decode_error(Bytes bytes);

}  // namespace prong

// Text from another process, made fit for a log or a terminal.
#pragma once

#include <string>
#include <string_view>

namespace prong::detail {

/// Returns the beginning of `text`, at most `most` bytes, cut between two characters of UTF-8.
[[nodiscard]] std::string_view beginning_of(std::string_view text, std::size_t most) noexcept;

/// Returns `text` with quotes, backslashes and control characters escaped, cut to `most` bytes (and "..." added).
[[nodiscard]] std::string printable(std::string_view text, std::size_t most);

}  // namespace prong::detail

// How much a log record matters.
#pragma once

#include <cstdint>
#include <string_view>

namespace prong {

/// The level of a record, or the least level that a Logger lets through. The numbers are part of a format:
/// docs/formats/log_ring.md.
enum class LogLevel : std::uint8_t {
  debug = 0,
  info = 1,
  warning = 2,
  error = 3,
  off = 4,  ///< Lets nothing through; no record has it.
};

/// Returns the level's name as it is spelt above.
[[nodiscard]] std::string_view name_of(LogLevel level) noexcept;

}  // namespace prong

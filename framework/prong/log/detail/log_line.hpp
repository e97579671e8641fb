// The line that stands for a record on standard error. Format: docs/formats/log_ring.md.
#pragma once

#include "prong/log/log_record.hpp"

#include <string>

namespace prong::log::detail {

/// Returns the record's line, with its line feed.
[[nodiscard]] std::string to_line(const LogRecord& record);

/// Writes the record's line to standard error by one write(2). Touches no lock.
void write_to_standard_error(const LogRecord& record);

}  // namespace prong::log::detail

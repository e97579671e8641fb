// One line of a log, before it is a line.
#pragma once

#include "prong/log/log_level.hpp"

#include <chrono>
#include <cstdint>
#include <functional>
#include <string_view>

namespace prong {

/// What was logged, when, and by whom. A view: whoever keeps it longer than the call copies its texts.
struct LogRecord {
  std::chrono::system_clock::time_point time;
  LogLevel level = LogLevel::info;
  std::int32_t pid = 0;  ///< Of the process that logged.
  std::string_view logger;
  std::string_view text;
};

/// Takes one record.
using LogSink = std::function<void(const LogRecord&)>;

}  // namespace prong

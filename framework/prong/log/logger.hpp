// Saying what happens, to the operator.
#pragma once

#include "prong/log/log_level.hpp"

#include <fmt/core.h>

#include <atomic>
#include <string>

namespace prong {

/// Writes records under one name, "Class.name" by custom.
///
/// In the frontend they go to the sinks of prong/log/sinks.hpp: standard error, unless the user says otherwise. In a
/// backend they go to the frontend (prong/log/log_ring.hpp). It holds a name and a level only, so that one made before
/// the fork works on both sides. Nothing is ever written to standard output. A record that cannot be written is lost:
/// logging never throws.
/// Thread safety: all members may be called from any thread.
/// Blocks: in the frontend as long as its sinks do; in a backend only when the ring is full and standard error is too.
/// Source: valkka.multiprocess, MessageProcess.logger.
class Logger {
 public:
  /// Starts with the level that format_logger has set last, or `info`.
  explicit Logger(std::string name);
  ~Logger();
  Logger(const Logger&) = delete;
  Logger& operator=(const Logger&) = delete;

  [[nodiscard]] const std::string& name() const noexcept { return name_; }
  [[nodiscard]] LogLevel level() const noexcept { return level_.load(std::memory_order_relaxed); }
  /// Lets through records of `level` and above. After fork: counts for this process alone.
  void set_level(LogLevel level) noexcept { level_.store(level, std::memory_order_relaxed); }
  /// Tells whether records of `level` are let through.
  [[nodiscard]] bool is_on(LogLevel level) const noexcept { return level >= this->level(); }

  /// Sets the level of every Logger of this process, present and future, and gives every sink Prong's line format:
  /// time in UTC, pid, level, name, text.
  static void format_logger(LogLevel level = LogLevel::info);

  template <class... Args>
  void debug(fmt::format_string<Args...> format, Args&&... arguments) const noexcept {
    if (is_on(LogLevel::debug)) write(LogLevel::debug, format, fmt::make_format_args(arguments...));
  }
  template <class... Args>
  void info(fmt::format_string<Args...> format, Args&&... arguments) const noexcept {
    if (is_on(LogLevel::info)) write(LogLevel::info, format, fmt::make_format_args(arguments...));
  }
  template <class... Args>
  void warning(fmt::format_string<Args...> format, Args&&... arguments) const noexcept {
    if (is_on(LogLevel::warning)) write(LogLevel::warning, format, fmt::make_format_args(arguments...));
  }
  template <class... Args>
  void error(fmt::format_string<Args...> format, Args&&... arguments) const noexcept {
    if (is_on(LogLevel::error)) write(LogLevel::error, format, fmt::make_format_args(arguments...));
  }

 private:
  void write(LogLevel level, fmt::string_view format, fmt::format_args arguments) const noexcept;

  std::string name_;
  std::atomic<LogLevel> level_;
};

}  // namespace prong

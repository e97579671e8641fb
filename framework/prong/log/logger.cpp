#include "prong/log/logger.hpp"

#include "prong/log/detail/log_output.hpp"
#include "prong/log/log_record.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <exception>
#include <mutex>
#include <utility>
#include <vector>

namespace prong {
namespace {

struct Registry {
  // A child may take it: the fork was of a process with one thread, so nobody held it.
  std::mutex mutex;
  std::vector<Logger*> loggers;
  LogLevel level = LogLevel::info;
};

// Never destroyed: objects of static storage may still log at exit.
Registry& registry() {
  static Registry* const instance = new Registry;
  return *instance;
}

std::string format_text(fmt::string_view format, fmt::format_args arguments) {
  try {
    return fmt::vformat(format, arguments);
  } catch (const std::exception& error) {
    return fmt::format("(this record could not be formatted: {}) {}", error.what(), format);
  }
}

}  // namespace

Logger::Logger(std::string name) : name_{std::move(name)}, level_{LogLevel::info} {
  Registry& all = registry();
  const std::lock_guard lock{all.mutex};
  set_level(all.level);
  all.loggers.push_back(this);
}

Logger::~Logger() {
  Registry& all = registry();
  const std::lock_guard lock{all.mutex};
  std::erase(all.loggers, this);
}

void Logger::format_logger(LogLevel level) {
  log::detail::reset_line_formats();
  Registry& all = registry();
  const std::lock_guard lock{all.mutex};
  all.level = level;
  for (Logger* const logger : all.loggers) logger->set_level(level);
}

void Logger::write(LogLevel level, fmt::string_view format, fmt::format_args arguments) const noexcept {
  const int error_of_caller = errno;
  try {
    const std::string text = format_text(format, arguments);
    log::detail::output({.time = std::chrono::system_clock::now(),
                         .level = level,
                         .pid = static_cast<std::int32_t>(::getpid()),
                         .logger = name_,
                         .text = text});
  } catch (...) {
    // There is nobody left to tell: this was the way to tell.
  }
  errno = error_of_caller;
}

}  // namespace prong

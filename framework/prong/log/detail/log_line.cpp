#include "prong/log/detail/log_line.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <chrono>
#include <iterator>

namespace prong::log::detail {

std::string to_line(const LogRecord& record) {
  // By arithmetic and in UTC: localtime(3) takes a lock, which a forked process may find taken.
  const auto time = std::chrono::floor<std::chrono::milliseconds>(record.time);
  const auto day = std::chrono::floor<std::chrono::days>(time);
  const std::chrono::year_month_day date{day};
  const std::chrono::hh_mm_ss clock{time - day};
  std::string line;
  line.reserve(64 + record.logger.size() + record.text.size());
  fmt::format_to(std::back_inserter(line),
                 "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}Z {} {:<7} {}: ", static_cast<int>(date.year()),
                 static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()), clock.hours().count(),
                 clock.minutes().count(), clock.seconds().count(), clock.subseconds().count(), record.pid,
                 name_of(record.level), record.logger);
  for (const char character : record.text) {
    line += character;
    if (character == '\n') line += "    ";
  }
  line += '\n';
  return line;
}

void write_to_standard_error(const LogRecord& record) {
  const std::string line = to_line(record);
  [[maybe_unused]] const auto written = ::write(STDERR_FILENO, line.data(), line.size());
}

}  // namespace prong::log::detail

#include "prong/log/sinks.hpp"

#include "prong/log/detail/log_line.hpp"
#include "prong/log/detail/log_output.hpp"
#include "prong/os/process_token.hpp"

#include <spdlog/formatter.h>
#include <spdlog/sinks/sink.h>
#include <spdlog/sinks/stdout_sinks.h>

#include <mutex>
#include <string>
#include <utility>
#include <vector>

namespace prong {
namespace {

using SharedSink = std::shared_ptr<spdlog::sinks::sink>;

spdlog::level::level_enum to_spdlog(LogLevel level) noexcept {
  switch (level) {
    case LogLevel::debug: return spdlog::level::debug;
    case LogLevel::info: return spdlog::level::info;
    case LogLevel::warning: return spdlog::level::warn;
    case LogLevel::error: return spdlog::level::err;
    case LogLevel::off: break;
  }
  return spdlog::level::off;
}

LogLevel from_spdlog(spdlog::level::level_enum level) noexcept {
  if (level <= spdlog::level::debug) return LogLevel::debug;
  if (level == spdlog::level::info) return LogLevel::info;
  return level == spdlog::level::warn ? LogLevel::warning : LogLevel::error;
}

// Gives a sink the lines that a backend writes too when its ring is full.
class LineFormatter final : public spdlog::formatter {
 public:
  void format(const spdlog::details::log_msg& message, spdlog::memory_buf_t& destination) override {
    const std::string line = log::detail::to_line({.time = message.time,
                                                   .level = from_spdlog(message.level),
                                                   .pid = static_cast<std::int32_t>(message.thread_id),
                                                   .logger = {message.logger_name.data(), message.logger_name.size()},
                                                   .text = {message.payload.data(), message.payload.size()}});
    destination.append(line.data(), line.data() + line.size());
  }
  [[nodiscard]] std::unique_ptr<spdlog::formatter> clone() const override { return std::make_unique<LineFormatter>(); }
};

// The sinks of the process that asked for them first. No registry of spdlog is used: it would bring a logger to
// standard output with it.
class Sinks {
 public:
  Sinks() : standard_error_{std::make_shared<spdlog::sinks::stderr_sink_mt>()} {
    standard_error_->set_formatter(std::make_unique<LineFormatter>());
    all_.push_back(standard_error_);
  }

  [[nodiscard]] bool is_of_this_process() const noexcept { return owner_ == os::process_token(); }
  [[nodiscard]] const SharedSink& standard_error() const noexcept { return standard_error_; }
  [[nodiscard]] std::vector<SharedSink> all() const {
    const std::lock_guard lock{mutex_};
    return all_;
  }
  void add(SharedSink sink) {
    const std::lock_guard lock{mutex_};
    all_.push_back(std::move(sink));
  }
  void remove(const SharedSink& sink) {
    const std::lock_guard lock{mutex_};
    std::erase(all_, sink);
  }

 private:
  const std::uint64_t owner_ = os::process_token();
  mutable std::mutex mutex_;
  SharedSink standard_error_;
  std::vector<SharedSink> all_;
};

// Never destroyed: objects of static storage may still log at exit.
Sinks& sinks() {
  static Sinks* const instance = new Sinks;
  return *instance;
}

}  // namespace

void add_sink(SharedSink sink) {
  sinks().add(std::move(sink));
}

void remove_sink(const SharedSink& sink) {
  sinks().remove(sink);
}

SharedSink standard_error_sink() {
  return sinks().standard_error();
}

namespace log::detail {

bool sinks_are_inherited() noexcept {
  return !sinks().is_of_this_process();
}

void output_to_sinks(const LogRecord& record) {
  spdlog::details::log_msg message{
      record.time, spdlog::source_loc{}, spdlog::string_view_t{record.logger.data(), record.logger.size()},
      to_spdlog(record.level), spdlog::string_view_t{record.text.data(), record.text.size()}};
  message.thread_id = static_cast<std::size_t>(record.pid);
  // On a copy of the list: a sink may log or take itself out.
  for (const SharedSink& sink : sinks().all()) {
    try {
      if (sink->should_log(message.level)) sink->log(message);
    } catch (...) {
      // The other sinks still get it.
    }
  }
}

void reset_line_formats() {
  for (const SharedSink& sink : sinks().all()) sink->set_formatter(std::make_unique<LineFormatter>());
}

}  // namespace log::detail
}  // namespace prong

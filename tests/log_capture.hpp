// Watching what is logged.
#pragma once

#include "prong/log/sinks.hpp"

#include <spdlog/sinks/base_sink.h>

#include <chrono>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

namespace prong::tests {

/// A record that outlives its call.
struct KeptRecord {
  std::chrono::system_clock::time_point time;
  spdlog::level::level_enum level = spdlog::level::off;
  std::size_t pid = 0;
  std::string logger;
  std::string text;
};

/// A sink of a user's, which keeps what it gets.
class KeepingSink : public spdlog::sinks::base_sink<std::mutex> {
 public:
  std::vector<KeptRecord> take() {
    const std::lock_guard lock{mutex_};
    return std::exchange(records_, {});
  }

 private:
  void sink_it_(const spdlog::details::log_msg& message) override {
    records_.push_back({message.time,
                        message.level,
                        message.thread_id,
                        {message.logger_name.data(), message.logger_name.size()},
                        {message.payload.data(), message.payload.size()}});
  }
  void flush_() override {}

  std::vector<KeptRecord> records_;
};

/// Sends the log of this process into a KeepingSink instead of standard error, while it lives.
class LogCapture {
 public:
  LogCapture() {
    remove_sink(standard_error_sink());
    add_sink(sink_);
  }
  ~LogCapture() {
    remove_sink(sink_);
    add_sink(standard_error_sink());
  }
  LogCapture(const LogCapture&) = delete;
  LogCapture& operator=(const LogCapture&) = delete;

  /// Returns what came since the last call.
  std::vector<KeptRecord> take() { return sink_->take(); }

 private:
  std::shared_ptr<KeepingSink> sink_ = std::make_shared<KeepingSink>();
};

}  // namespace prong::tests

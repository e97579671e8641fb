// The backend's end of a log ring.
#pragma once

#include "prong/log/detail/log_ring_layout.hpp"
#include "prong/log/log_record.hpp"

#include <mutex>

namespace prong::log::detail {

/// Writes this process's records into a ring. There is one per ring, made after the fork.
///
/// Thread safety: any thread. The lock is of this process alone: one that is forked from it asks is_of_this_process
/// first and does not write.
class LogRingWriter {
 public:
  explicit LogRingWriter(LogRingMemory memory) noexcept;

  /// Tells whether this process made the writer. Blocks: never.
  [[nodiscard]] bool is_of_this_process() const noexcept;
  /// Writes `record`; when the ring is full, writes warnings and errors to standard error and counts the others.
  void write(const LogRecord& record);

 private:
  [[nodiscard]] bool try_push(const LogRecord& record);

  const LogRingMemory memory_;
  const std::uint64_t owner_;
  std::mutex mutex_;
  std::uint64_t tail_;
  std::uint64_t dropped_;
};

}  // namespace prong::log::detail

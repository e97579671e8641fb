// How a backend's log reaches the frontend.
//
// A ring of records in shared memory, made before the fork, with one producer, the backend, and one consumer, the
// frontend. Nothing rings: whoever reads the backend's messages drains it too. Layout: docs/formats/log_ring.md.
#pragma once

#include "prong/base/result.hpp"
#include "prong/log/log_record.hpp"
#include "prong/os/shared_memory.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

namespace prong {

namespace log::detail {
struct LogRingControl;
}  // namespace log::detail

/// The frontend's end of one backend's log. The backend's end is log_to() (prong/log/backend_log.hpp).
///
/// Thread safety: one thread at a time.
/// If the peer dies: every record that it had finished is still there to be drained.
class LogRing {
 public:
  /// Makes a ring for the backend called `name`. Units: bytes of records, rounded up to a power of two and at least
  /// enough for one record of the greatest length. Fails with: size_invalid, system.
  [[nodiscard]] static Result<LogRing> create(std::string name, std::size_t capacity = 64 * 1024);
  LogRing(LogRing&&) noexcept = default;
  LogRing& operator=(LogRing&&) noexcept = default;

  /// Hands what the backend has logged so far to the sinks of this process and returns how many records that was.
  ///
  /// To be called when the backend's messages are read, and once more after its death. Records that were dropped
  /// because the ring was full are reported by a warning of their own. Blocks: as long as the sinks do.
  /// Fails with: wrong_process; bad_message, now and ever after, if the backend has broken the format.
  Result<std::size_t> drain();
  /// Hands the records to `sink` instead.
  Result<std::size_t> drain(const LogSink& sink);

  /// Empties the ring for the next backend. Requires: the present one is dead. Fails with: wrong_process.
  Result<void> reset();

  /// Units: bytes.
  [[nodiscard]] std::size_t capacity() const noexcept { return capacity_; }
  /// Returns the memory that the backend maps for log_to(). The mapping here is left out of forked processes: a backend
  /// gets its own ring alone.
  [[nodiscard]] const os::SharedMemory& shared_memory() const noexcept { return shared_memory_; }

 private:
  LogRing(std::string name, os::SharedMemory memory, os::Mapping control, os::Mapping records) noexcept;

  [[nodiscard]] bool is_of_this_process() const noexcept;
  [[nodiscard]] log::detail::LogRingControl& control() const noexcept;
  [[nodiscard]] Result<std::size_t> read_records(const LogSink& sink);
  [[nodiscard]] Result<void> read_record(std::uint64_t available, const LogSink& sink);
  void report_dropped(std::uint64_t count, const LogSink& sink) const;

  std::string name_;
  std::uint64_t owner_;
  os::SharedMemory shared_memory_;
  os::Mapping control_memory_;
  os::Mapping record_memory_;  // The records, mapped twice in a row.
  std::size_t capacity_;
  // The truth about how far was read; what stands in shared memory is for the backend.
  std::uint64_t head_ = 0;
  std::uint64_t reported_ = 0;  // Of the dropped records.
  std::int32_t pid_ = 0;        // Of the last record.
  std::optional<Error> broken_;
};

}  // namespace prong

#include "prong/log/detail/log_output.hpp"

#include "prong/log/detail/log_line.hpp"
#include "prong/log/detail/log_ring_writer.hpp"

#include <atomic>

namespace prong::log::detail {
namespace {

constinit std::atomic<LogRingWriter*> ring_writer{nullptr};

}  // namespace

void output(const LogRecord& record) {
  // SYNC POINT with ring_writer store in output_to_ring
  LogRingWriter* const writer = ring_writer.load(std::memory_order_acquire);
  if (writer != nullptr && writer->is_of_this_process()) {
    writer->write(record);
  } else if (writer != nullptr || sinks_are_inherited()) {
    write_to_standard_error(record);
  } else {
    output_to_sinks(record);
  }
}

bool output_is_ring() noexcept {
  const LogRingWriter* const writer = ring_writer.load(std::memory_order_acquire);
  return writer != nullptr && writer->is_of_this_process();
}

void output_to_ring(LogRingWriter& writer) noexcept {
  // SYNC POINT with ring_writer load in output
  ring_writer.store(&writer, std::memory_order_release);
}

}  // namespace prong::log::detail

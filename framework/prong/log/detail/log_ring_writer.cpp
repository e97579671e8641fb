#include "prong/log/detail/log_ring_writer.hpp"

#include "prong/log/detail/log_line.hpp"
#include "prong/os/process_token.hpp"

#include <cstring>
#include <string>

namespace prong::log::detail {
namespace {

// Makes what is too long end in an ellipsis, at the end of a character of UTF-8.
std::string_view shorten(std::string_view text, std::size_t limit, std::string& storage) {
  constexpr std::string_view ellipsis = "…";
  if (text.size() <= limit) return text;
  std::size_t end = limit - ellipsis.size();
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0U) == 0x80U) --end;
  storage.assign(text.substr(0, end)).append(ellipsis);
  return storage;
}

}  // namespace

LogRingWriter::LogRingWriter(LogRingMemory memory) noexcept
    : memory_{memory},
      owner_{os::process_token()},
      tail_{memory.control->producer_tail.load(std::memory_order_relaxed)},
      dropped_{memory.control->producer_dropped.load(std::memory_order_relaxed)} {}

bool LogRingWriter::is_of_this_process() const noexcept {
  return owner_ == os::process_token();
}

void LogRingWriter::write(const LogRecord& record) {
  const std::lock_guard lock{mutex_};
  if (try_push(record)) return;
  if (record.level >= LogLevel::warning)
    write_to_standard_error(record);
  else
    memory_.control->producer_dropped.store(++dropped_, std::memory_order_relaxed);
}

bool LogRingWriter::try_push(const LogRecord& record) {
  std::string short_name;
  std::string short_text;
  const std::string_view name = shorten(record.logger, longest_name, short_name);
  const std::string_view text = shorten(record.text, longest_text, short_text);
  const std::size_t size = record_size(name.size(), text.size());
  // SYNC POINT with consumer_head store in LogRing::read_records
  const std::uint64_t used = tail_ - memory_.control->consumer_head.load(std::memory_order_acquire);
  if (used > memory_.capacity || memory_.capacity - used < size) return false;

  const LogRecordHeader header{
      .size = static_cast<std::uint32_t>(size),
      .level = static_cast<std::uint8_t>(record.level),
      .unused = 0,
      .name_size = static_cast<std::uint16_t>(name.size()),
      .text_size = static_cast<std::uint32_t>(text.size()),
      .pid = record.pid,
      .time = std::chrono::duration_cast<std::chrono::nanoseconds>(record.time.time_since_epoch()).count()};
  std::byte* const place = memory_.records + (tail_ & (memory_.capacity - 1));
  std::memcpy(place, &header, sizeof header);
  std::memcpy(place + sizeof header, name.data(), name.size());
  std::memcpy(place + sizeof header + name.size(), text.data(), text.size());
  tail_ += size;
  // SYNC POINT with producer_tail load in LogRing::read_records
  memory_.control->producer_tail.store(tail_, std::memory_order_release);
  return true;
}

}  // namespace prong::log::detail

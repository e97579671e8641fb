#include "prong/log/log_ring.hpp"

#include "prong/base/bytes.hpp"
#include "prong/base/untrusted.hpp"
#include "prong/log/detail/log_output.hpp"
#include "prong/log/detail/log_ring_layout.hpp"
#include "prong/os/process_token.hpp"

#include <algorithm>
#include <bit>
#include <chrono>
#include <cstring>
#include <new>
#include <utility>

namespace prong {
namespace {

using log::detail::LogRecordHeader;
using log::detail::LogRingControl;

constexpr std::size_t least_capacity =
    std::bit_ceil(log::detail::record_size(log::detail::longest_name, log::detail::longest_text));

// Takes what would steer a terminal out of a text that a backend wrote: control characters of ASCII, and those of
// Latin-1 as UTF-8 spells them.
void make_printable(std::string& text, std::string_view allowed) {
  bool after_c2 = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto byte = static_cast<unsigned char>(text[i]);
    if (after_c2 && byte >= 0x80U && byte < 0xA0U)
      text[i - 1] = text[i] = '?';
    else if ((byte < 0x20U || byte == 0x7FU) && allowed.find(text[i]) == std::string_view::npos)
      text[i] = '?';
    after_c2 = byte == 0xC2U;
  }
}

bool is_valid(const LogRecordHeader& header, std::uint64_t available) noexcept {
  return header.name_size <= log::detail::longest_name && header.text_size <= log::detail::longest_text &&
         header.size == log::detail::record_size(header.name_size, header.text_size) && header.size <= available &&
         header.level <= static_cast<std::uint8_t>(LogLevel::error) && header.time >= 0;
}

}  // namespace

LogRing::LogRing(std::string name, os::SharedMemory memory, os::Mapping control, os::Mapping records) noexcept
    : name_{std::move(name)},
      owner_{os::process_token()},
      shared_memory_{std::move(memory)},
      control_memory_{std::move(control)},
      record_memory_{std::move(records)},
      capacity_{record_memory_.size() / 2} {
  new (control_memory_.data()) LogRingControl;
}

Result<LogRing> LogRing::create(std::string name, std::size_t capacity) {
  if (capacity > SIZE_MAX / 8) return fail(Errc::size_invalid, "a log ring of " + std::to_string(capacity) + " bytes");
  const std::size_t page = os::page_size();
  const std::size_t wanted = std::bit_ceil(std::max({capacity, least_capacity, page}));
  PRONG_TRY_ASSIGN(auto memory, os::SharedMemory::create("prong-log-ring", page + wanted));
  // The control words are the first page of a mapping of everything; the records are used through a mapping of their
  // own, without a seam.
  PRONG_TRY_ASSIGN(auto control, memory.map(os::Access::read_write));
  PRONG_TRY_ASSIGN(auto records, memory.map_twice(page, wanted, os::Access::read_write));
  for (os::Mapping* const mapping : {&control, &records}) PRONG_TRY(mapping->keep_from_children());
  return LogRing{std::move(name), std::move(memory), std::move(control), std::move(records)};
}

bool LogRing::is_of_this_process() const noexcept {
  return owner_ == os::process_token();
}

LogRingControl& LogRing::control() const noexcept {
  return *std::launder(reinterpret_cast<LogRingControl*>(control_memory_.data()));
}

Result<std::size_t> LogRing::drain() {
  return drain(log::detail::output_to_sinks);
}

Result<std::size_t> LogRing::drain(const LogSink& sink) {
  if (!is_of_this_process()) return fail(Errc::wrong_process, "a log is read in the process that made its ring");
  if (broken_) return *broken_;
  auto count = read_records(sink);
  if (!count) broken_ = count.error();
  return count;
}

Result<void> LogRing::reset() {
  if (!is_of_this_process()) return fail(Errc::wrong_process, "a log is reset in the process that made its ring");
  control().producer_tail.store(0, std::memory_order_relaxed);
  control().producer_dropped.store(0, std::memory_order_relaxed);
  control().consumer_head.store(0, std::memory_order_relaxed);
  head_ = 0;
  reported_ = 0;
  broken_.reset();
  return {};
}

Result<std::size_t> LogRing::read_records(const LogSink& sink) {
  // How many were dropped is read first: each of them came after records that are read now.
  PRONG_TRY_ASSIGN(const std::uint64_t dropped, Untrusted<std::uint64_t>::read(control().producer_dropped)
                                                    .checked([&](std::uint64_t count) { return count >= reported_; },
                                                             "the number of dropped log records went back"));
  // SYNC POINT with producer_tail store in LogRingWriter::try_push
  PRONG_TRY_ASSIGN(
      const std::uint64_t tail,
      Untrusted<std::uint64_t>::read(control().producer_tail)
          .checked(
              [&](std::uint64_t end) { return end - head_ <= capacity_ && end % log::detail::record_alignment == 0; },
              "the end of the log ring is outside of it"));
  // The end was read once: a backend that goes on writing does not keep the reader.
  std::size_t count = 0;
  for (; head_ != tail; ++count) PRONG_TRY(read_record(tail - head_, sink));
  if (dropped != reported_) report_dropped(dropped - std::exchange(reported_, dropped), sink);
  return count;
}

Result<void> LogRing::read_record(std::uint64_t available, const LogSink& sink) {
  if (available < sizeof(LogRecordHeader)) return fail(Errc::bad_message, "half a log record");
  const std::byte* const place = record_memory_.data() + (head_ & (capacity_ - 1));
  LogRecordHeader copied;
  std::memcpy(&copied, place, sizeof copied);
  PRONG_TRY_ASSIGN(
      const LogRecordHeader header,
      Untrusted<LogRecordHeader>{copied}.checked([&](const LogRecordHeader& read) { return is_valid(read, available); },
                                                 "a log record whose fields disagree"));
  std::string name{as_text({place + sizeof header, header.name_size})};
  std::string text{as_text({place + sizeof header + header.name_size, header.text_size})};
  head_ += header.size;
  // SYNC POINT with consumer_head load in LogRingWriter::try_push
  control().consumer_head.store(head_, std::memory_order_release);

  make_printable(name, "");
  make_printable(text, "\t\n");
  pid_ = header.pid;
  const std::chrono::nanoseconds since_epoch{header.time};
  sink({.time = std::chrono::system_clock::time_point{std::chrono::duration_cast<std::chrono::system_clock::duration>(
            since_epoch)},
        .level = static_cast<LogLevel>(header.level),
        .pid = header.pid,
        .logger = name,
        .text = text});
  return {};
}

void LogRing::report_dropped(std::uint64_t count, const LogSink& sink) const {
  const std::string text = std::to_string(count) + " records were dropped: the log ring was full";
  sink({.time = std::chrono::system_clock::now(),
        .level = LogLevel::warning,
        .pid = pid_,
        .logger = name_,
        .text = text});
}

}  // namespace prong

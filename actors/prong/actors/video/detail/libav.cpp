#include "prong/actors/video/detail/libav.hpp"

#include <array>
#include <cstdarg>
#include <cstdio>
#include <mutex>
#include <utility>

namespace prong::video::detail {
namespace {

thread_local std::string logged_error;

void keep_error_line(void* origin, int level, const char* format, std::va_list arguments) {
  if (level > AV_LOG_ERROR) return;
  std::array<char, 512> line{};
  int print_prefix = 0;
  std::va_list copy;
  va_copy(copy, arguments);
  av_log_format_line2(origin, level, format, copy, line.data(), static_cast<int>(line.size()), &print_prefix);
  va_end(copy);
  std::string text{line.data()};
  while (!text.empty() && text.back() == '\n') text.pop_back();
  if (!text.empty()) logged_error = std::move(text);
}

Errc code_of(int number) noexcept {
  switch (number) {
    case AVERROR_INVALIDDATA: return Errc::malformed;
    case AVERROR_DECODER_NOT_FOUND:
    case AVERROR_DEMUXER_NOT_FOUND:
    case AVERROR_ENCODER_NOT_FOUND:
    case AVERROR_MUXER_NOT_FOUND:
    case AVERROR_PROTOCOL_NOT_FOUND:
    case AVERROR_PATCHWELCOME: return Errc::not_supported;
    default: return Errc::system;
  }
}

}  // namespace

void capture_log() {
  static std::once_flag once;
  std::call_once(once, [] { av_log_set_callback(keep_error_line); });
}

std::string take_logged_error() {
  return std::exchange(logged_error, {});
}

Error error_from_libav(const std::string& what, int number) {
  std::string detail = take_logged_error();
  // FFmpeg's own numbers are four-letter tags far below any errno.
  if (const int errno_value = AVUNERROR(number); errno_value > 0 && errno_value < 4096)
    return Error::from_errno(detail.empty() ? what : what + " (" + detail + ")", errno_value);
  std::array<char, AV_ERROR_MAX_STRING_SIZE> text{};
  av_strerror(number, text.data(), text.size());
  std::string message = what + ": " + text.data();
  if (!detail.empty()) message += " (" + detail + ")";
  return Error{code_of(number), std::move(message)};
}

}  // namespace prong::video::detail

// FFmpeg's objects with owners, its error numbers as Errors, and its log kept off the terminal.
#pragma once

#include "prong/base/result.hpp"

extern "C" {
#include <libavcodec/avcodec.h>
#include <libavformat/avformat.h>
#include <libavutil/frame.h>
#include <libswscale/swscale.h>
}

#include <memory>
#include <string>

namespace prong::video::detail {

struct FormatContextCloser {
  void operator()(AVFormatContext* context) const noexcept { avformat_close_input(&context); }
};
struct CodecContextFreer {
  void operator()(AVCodecContext* context) const noexcept { avcodec_free_context(&context); }
};
struct FrameFreer {
  void operator()(AVFrame* frame) const noexcept { av_frame_free(&frame); }
};
struct PacketFreer {
  void operator()(AVPacket* packet) const noexcept { av_packet_free(&packet); }
};

using InputContext = std::unique_ptr<AVFormatContext, FormatContextCloser>;
using CodecContext = std::unique_ptr<AVCodecContext, CodecContextFreer>;
using Frame = std::unique_ptr<AVFrame, FrameFreer>;
using Packet = std::unique_ptr<AVPacket, PacketFreer>;

/// A dictionary of options for FFmpeg.
class Dictionary {
 public:
  Dictionary() = default;
  Dictionary(const Dictionary&) = delete;
  Dictionary& operator=(const Dictionary&) = delete;
  ~Dictionary() { av_dict_free(&entries_); }

  void set(const char* key, const char* value) { av_dict_set(&entries_, key, value, 0); }
  [[nodiscard]] AVDictionary** get() noexcept { return &entries_; }

 private:
  AVDictionary* entries_ = nullptr;
};

/// Keeps FFmpeg's log off the terminal: the last error line of each thread is remembered instead.
///
/// Process-wide, since FFmpeg has one callback; done once, at the first call.
void capture_log();

/// Returns the last error line that FFmpeg logged on this thread since the last call, or nothing.
[[nodiscard]] std::string take_logged_error();

/// Makes an Error of FFmpeg's `number`: "`what`: FFmpeg's text (last line of its log)".
///
/// errno values become `system`, invalid data becomes `malformed`, a missing codec or protocol `not_supported`.
[[nodiscard]] Error error_from_libav(const std::string& what, int number);

}  // namespace prong::video::detail

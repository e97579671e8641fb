// Writes a video file.
#pragma once

#include "prong/actors/video/frame_info.hpp"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace prong::video {

/// How frames are encoded. `best` is h264 where FFmpeg has libx264 and both sides are even, else mpeg4.
enum class VideoCodec : std::uint8_t { best, h264, mpeg4 };

struct Mp4Options {
  int width = 0;     ///< Units: pixels.
  int height = 0;    ///< Units: pixels.
  FrameRate rate{};  ///< The usual one: how long the last frame is shown, and how finely times are kept.
  VideoCodec codec = VideoCodec::best;
};

/// One frame as the encoder left it. Plain data, which an archive can save.
struct EncodedFrame {
  std::vector<std::byte> bytes;
  std::int64_t ticks = 0;  ///< When it is shown. Units: the writer's clock, which its options decide.
  bool is_key = false;

  template <class Archive>
  void serialize(Archive& archive) {
    archive(bytes, ticks, is_key);
  }
};

/// Encodes YUV420P frames into an MP4 file, with no thread of its own.
///
/// Writes to "`path`.part" and renames it in finish(). What was not finished stays as the .part file, which players
/// cannot open: the index of an MP4 file comes last.
/// Thread safety: one thread at a time. After fork: use it in one of the two processes only.
class Mp4Writer {
 public:
  /// Fails with: system (cannot be written; the sentence names `path`), not_supported (no such encoder, an odd side
  /// for h264), size_invalid, invalid_argument (the rate).
  [[nodiscard]] static Result<Mp4Writer> create(std::string path, const Mp4Options& options);

  Mp4Writer(Mp4Writer&&) noexcept;
  Mp4Writer& operator=(Mp4Writer&&) noexcept;
  /// Leaves a file that was not finished as "`path`.part".
  ~Mp4Writer();

  /// Encodes `frame`, to be shown at `time` since the start. A time that does not grow is moved behind the last one.
  /// Requires: finish() was not called.
  /// Fails with: size_invalid (another size or pixel format than the file's), system (the disk is full).
  [[nodiscard]] Result<void> write(const ImageView& frame, std::chrono::nanoseconds time);

  /// Encodes `frame` as write() does, but only returns what it has become; append() puts it into the file.
  /// The encoder holds nothing back: each frame comes out when it goes in. Fails with: as write().
  [[nodiscard]] Result<EncodedFrame> encode(const ImageView& frame, std::chrono::nanoseconds time);
  /// Puts an encoded frame into the file: one of this writer, or of another with the same options, which may have died.
  /// Requires: in the order of encoding; the first one that this writer encodes comes behind all of another's.
  /// Fails with: system.
  [[nodiscard]] Result<void> append(const EncodedFrame& frame);

  /// Writes the index and gives the file its name.
  /// Requires: finish() was not called. Fails with: system.
  [[nodiscard]] Result<void> finish();

  /// Returns how many frames were taken.
  [[nodiscard]] std::uint64_t frames() const noexcept;
  /// Returns the codec's name, such as "libx264".
  [[nodiscard]] std::string codec() const;

 private:
  class Impl;
  explicit Mp4Writer(std::unique_ptr<Impl> impl) noexcept;
  std::unique_ptr<Impl> impl_;
};

}  // namespace prong::video

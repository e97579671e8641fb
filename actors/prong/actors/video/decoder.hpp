// Reads a video: a file, a camera's RTSP or HTTP stream, anything that FFmpeg opens.
//
// FFmpeg's types stay in the source file. Behaviours and the reasons for them: docs/video.md.
#pragma once

#include "prong/actors/video/frame_info.hpp"
#include "prong/base/deadline.hpp"

#include <functional>
#include <memory>
#include <optional>
#include <string>

namespace prong::video {

/// How an RTSP camera sends its packets: over the connection itself, or beside it, where some are lost.
enum class RtspTransport : std::uint8_t { tcp, udp };

/// Whether an rtsp:// URL is called, or is where we wait for the camera to call.
enum class RtspRole : std::uint8_t { client, listener };

struct DecoderOptions {
  RtspTransport rtsp_transport = RtspTransport::tcp;
  RtspRole rtsp_role = RtspRole::client;
  /// Asked about ten times a second while a peer is waited for, on the waiting thread; true ends the wait with
  /// `cancelled`. Must not throw. May be empty.
  std::function<bool()> interrupted;
};

/// What is known about a stream once it is open.
struct StreamInfo {
  std::string name;                     ///< The URL without its password, as errors show it.
  std::string container;                ///< FFmpeg's name of the container, such as "avi".
  std::string codec;                    ///< FFmpeg's name of the codec, such as "h264".
  bool live = false;                    ///< A camera: time passes there, and an end means that the connection was lost.
  ImageLayout layout;                   ///< Of every frame; `layout.size` is what next_into() needs.
  std::optional<FrameRate> rate;        ///< Nothing where the stream does not say.
  std::optional<std::uint64_t> frames;  ///< As the container claims; often unknown.
  std::optional<std::chrono::nanoseconds> duration;  ///< As the container claims; often unknown.
};

/// What has happened so far.
struct DecoderCounts {
  std::uint64_t frames = 0;           ///< Given to the caller.
  std::uint64_t damaged_frames = 0;   ///< Given to the caller though parts of them were guessed by the codec.
  std::uint64_t damaged_packets = 0;  ///< Refused by the codec: their frames are missing.
  std::uint64_t rescaled_frames = 0;  ///< Came in another size than the first.
};

/// A frame with its own pixels.
struct DecodedFrame {
  FrameInfo info;
  Image image;
};

/// Decodes one video stream to YUV420P, frame by frame, with no thread of its own.
///
/// Every frame has the size of the first: one that comes in another size (a camera was switched over) is scaled and
/// counted. Full-range colours become limited range. Rotation and the shape of pixels are left to the caller.
/// FFmpeg's log goes into the errors, and nowhere else, from the first open() of the process on.
/// Thread safety: one thread at a time. After fork: use it in one of the two processes only.
class Decoder {
 public:
  /// Opens `url`, a path or URL, and finds its best video stream.
  ///
  /// Blocks: until the peer has answered and enough was read to know size and codec; looking a host name up is not
  /// ended by the deadline.
  /// Fails with: system (no such file, no permission, connection refused; `system_error` tells), malformed (not a
  /// video), not_supported (no codec for it; a pipe), size_invalid, deadline_exceeded, cancelled.
  [[nodiscard]] static Result<Decoder> open(const std::string& url, DecoderOptions options, Deadline deadline);

  Decoder(Decoder&&) noexcept;
  Decoder& operator=(Decoder&&) noexcept;
  ~Decoder();

  [[nodiscard]] const StreamInfo& info() const noexcept;

  /// Decodes the next frame straight into `destination`. Nothing means that the stream is over; check_whole() then
  /// tells whether it ended as it should.
  ///
  /// Blocks: until the frame has come.
  /// Fails with: oversize (`destination` is smaller than info().layout.size; nothing is lost), deadline_exceeded,
  /// cancelled.
  /// If you stop waiting: the stream is over, every later call fails the same way. Open it again.
  [[nodiscard]] Result<std::optional<FrameInfo>> next_into(MutableBytes destination, Deadline deadline);

  /// Decodes the next frame into memory of its own; otherwise the same.
  [[nodiscard]] Result<std::optional<DecodedFrame>> next(Deadline deadline);

  [[nodiscard]] const DecoderCounts& counts() const noexcept;

  /// Says, once the stream is over, whether it was whole. What was decoded before stays good.
  /// Fails with: malformed (it ended early, as far as the container tells, or parts of it did not decode), system
  /// (reading failed), closed (a live stream has ended, whatever the reason: open it again), invalid_state (it is not
  /// over), deadline_exceeded and cancelled (it was given up).
  [[nodiscard]] Result<void> check_whole() const;

 private:
  class Impl;
  explicit Decoder(std::unique_ptr<Impl> impl) noexcept;

  std::unique_ptr<Impl> impl_;
};

}  // namespace prong::video

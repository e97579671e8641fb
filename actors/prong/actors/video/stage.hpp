// What the processes of a video pipeline tell each other and their main process.
#pragma once

#include "prong/actors/video/decoder.hpp"
#include "prong/actors/video/tracker.hpp"
#include "prong/frame/frame_ring.hpp"

#include <cereal/types/string.hpp>
#include <cereal/types/vector.hpp>

#include <cstdint>
#include <cstring>
#include <string>
#include <type_traits>
#include <vector>

namespace prong::video {

/// What a source is to open.
struct SourceOptions {
  std::string url;
  /// The rate at which frames are handed on; 0 takes a file as fast as it goes and a camera as it comes.
  double frames_per_second = 0;
  /// How long one frame may take to come. Units: nanoseconds.
  std::int64_t stall_limit = 10'000'000'000;
  /// Wait for the camera to call instead of calling it (rtsp:// only).
  bool listen = false;
  /// Go on behind what a predecessor that died has handed on: a file is decoded from its start again, and what the ring
  /// has seen is left out; a camera goes on with what it shows now.
  bool resume = false;
  /// Put a checksum of its pixels beside each frame.
  bool checksums = false;

  template <class Archive>
  void serialize(Archive& archive) {
    archive(url, frames_per_second, stall_limit, listen, resume, checksums);
  }
};

/// What a source has found.
struct StreamSummary {
  std::string name;  ///< The URL without its password.
  std::string container;
  std::string codec;
  bool live = false;
  std::int32_t width = 0;   ///< Units: pixels.
  std::int32_t height = 0;  ///< Units: pixels.
  std::int32_t rate_numerator = 25;
  std::int32_t rate_denominator = 1;
  std::uint64_t frames = 0;       ///< As the container claims; 0 where it does not.
  std::uint64_t frame_bytes = 0;  ///< What a slot of the frame ring must hold.

  [[nodiscard]] FrameRate rate() const noexcept { return {rate_numerator, rate_denominator}; }

  template <class Archive>
  void serialize(Archive& archive) {
    archive(name, container, codec, live, width, height, rate_numerator, rate_denominator, frames, frame_bytes);
  }
};

/// What one stage has done so far. Once `ended`, nothing changes any more.
struct StageReport {
  std::uint64_t frames_in = 0;
  std::uint64_t frames_out = 0;
  std::uint64_t frames_lost = 0;  ///< Dropped by policy before this stage could have them.
  std::uint64_t events = 0;       ///< Found or written.
  bool ended = false;
  std::string problem;             ///< Why it ended early, or empty.
  std::vector<std::string> files;  ///< What was written and is whole.

  template <class Archive>
  void serialize(Archive& archive) {
    archive(frames_in, frames_out, frames_lost, events, ended, problem, files);
  }
};

/// Somebody who was recognised in the box of a track.
struct SeenPerson {
  std::uint64_t track = 0;
  Box box;           ///< From head to feet; between two looks it moves with the track.
  double score = 0;  ///< How sure that is; see PersonFinder.

  template <class Archive>
  void serialize(Archive& archive) {
    archive(track, box, score);
  }
};

/// What was found in one frame; travels through a frame ring of its own, in the order of the frames.
struct Detections {
  std::uint64_t sequence = 0;  ///< Of the frame in the frame ring.
  std::vector<Track> tracks;   ///< Those that are confirmed, with their trails.
  std::vector<TrackEvent> events;
  std::vector<SeenPerson> people;   ///< Where somebody looks for them.
  std::uint32_t skipped_after = 0;  ///< How often the frame ended the detector before it was skipped; 0 otherwise.

  template <class Archive>
  void serialize(Archive& archive) {
    archive(sequence, tracks, events, people, skipped_after);
  }
};

/// What a detector notes beside each Detections, for its successor: a frame ring keeps it through any death.
struct DetectionMark {
  std::uint64_t frame = 0;       ///< The sequence of the last frame looked at.
  std::uint64_t frames_out = 0;  ///< How many were looked at.
  std::uint64_t frames_lost = 0;
  std::uint64_t events = 0;
};

/// Units: bytes of one slot in the ring of detections.
inline constexpr std::size_t detections_slot_bytes = std::size_t{256} * 1024;

/// Fills `slot` with `detections` and publishes it. A crowd that does not fit is cut, events never are: what is drawn
/// is for the eye, what is logged is counted. `mark` is kept beside it. Fails with: as FrameWriter::publish().
[[nodiscard]] Result<void> publish(FrameWriter& slot, Detections detections, std::chrono::nanoseconds source_time,
                                   const DetectionMark& mark = {});

/// Returns the metadata of a frame as the ring carries it.
[[nodiscard]] FrameMeta to_frame_meta(const FrameInfo& info);
/// Puts a plain struct into, or takes it from, what a frame's metadata keeps for its user.
template <class Mark>
void put_mark(FrameMeta& meta, const Mark& mark) noexcept {
  static_assert(sizeof(Mark) <= sizeof meta.user && std::is_trivially_copyable_v<Mark>);
  std::memcpy(meta.user.data(), &mark, sizeof mark);
}
template <class Mark>
[[nodiscard]] Mark mark_of(const FrameMeta& meta) noexcept {
  Mark mark;
  std::memcpy(&mark, meta.user.data(), sizeof mark);
  return mark;
}

/// What a source puts beside a frame.
struct FrameChecksum {
  std::uint32_t present = 0;
  std::uint32_t adler32 = 0;  ///< Source: RFC 1950.
};

/// Returns the checksum of a frame's bytes.
[[nodiscard]] FrameChecksum checksum_of(Bytes pixels) noexcept;
/// Succeeds if a frame has the checksum that its source gave it, or was given none. Fails with: malformed.
[[nodiscard]] Result<void> check_pixels(Bytes pixels, const FrameMeta& meta);

/// Views a frame of the ring as a picture. Fails with: not_supported (another pixel format), size_invalid.
[[nodiscard]] Result<ImageView> view_of(Bytes pixels, const FrameMeta& meta);

}  // namespace prong::video

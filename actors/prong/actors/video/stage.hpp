// What the processes of a video pipeline tell each other and their main process.
#pragma once

#include "prong/actors/video/decoder.hpp"
#include "prong/actors/video/tracker.hpp"
#include "prong/frame/frame_ring.hpp"

#include <cereal/types/string.hpp>
#include <cereal/types/vector.hpp>

#include <cstdint>
#include <string>
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

  template <class Archive>
  void serialize(Archive& archive) {
    archive(url, frames_per_second, stall_limit, listen);
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
  std::vector<SeenPerson> people;  ///< Where somebody looks for them.

  template <class Archive>
  void serialize(Archive& archive) {
    archive(sequence, tracks, events, people);
  }
};

/// Units: bytes of one slot in the ring of detections.
inline constexpr std::size_t detections_slot_bytes = std::size_t{256} * 1024;

/// Fills `slot` with `detections` and publishes it. A crowd that does not fit is cut, events never are: what is drawn
/// is for the eye, what is logged is counted. Fails with: as FrameWriter::publish().
[[nodiscard]] Result<void> publish(FrameWriter& slot, Detections detections, std::chrono::nanoseconds source_time);

/// Returns the metadata of a frame as the ring carries it.
[[nodiscard]] FrameMeta to_frame_meta(const FrameInfo& info);
/// Views a frame of the ring as a picture. Fails with: not_supported (another pixel format), size_invalid.
[[nodiscard]] Result<ImageView> view_of(Bytes pixels, const FrameMeta& meta);

}  // namespace prong::video

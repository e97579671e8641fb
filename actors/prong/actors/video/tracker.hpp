// Follows boxes from frame to frame and says who came and who left.
#pragma once

#include "prong/actors/video/geometry.hpp"

#include <chrono>
#include <cstdint>
#include <span>
#include <vector>

namespace prong::video {

struct TrackerOptions {
  double least_overlap = 0.15;  ///< A box belongs to a track when they overlap so much, from 0 to 1.
  int confirm_after = 4;        ///< A track enters once it was seen in so many frames.
  int forget_after = 10;        ///< A track leaves once it was missed in so many frames in a row.
  int trail_length = 40;        ///< How many of its last places a track remembers. Units: frames.
};

/// Something that is followed. Plain data, which an archive can save.
struct Track {
  std::uint64_t id = 0;          ///< Counts from 1 in the order of entering; 0 until then.
  Box box;                       ///< Where it was seen last.
  double velocity_x = 0;         ///< Of the box's centre. Units: pixels per frame.
  double velocity_y = 0;         ///< The same downwards.
  int hits = 0;                  ///< Frames it was seen in.
  int misses = 0;                ///< Frames it was not seen in since it was seen last.
  std::uint64_t age = 0;         ///< Frames since it was seen first.
  std::uint64_t last_frame = 0;  ///< The frame it was seen in last.
  std::int64_t last_time = 0;    ///< The time of that frame. Units: nanoseconds since the stream's start.
  std::vector<Point> trail;      ///< Where it stood: the middles of the boxes' lower edges, the newest last.
                                 ///< Starts anew where the box jumps.

  [[nodiscard]] bool is_confirmed() const noexcept { return id != 0; }

  template <class Archive>
  void serialize(Archive& archive) {
    archive(id, box, velocity_x, velocity_y, hits, misses, age, last_frame, last_time, trail);
  }
};

/// Something came, left, or was recognised as a person; the last is no tracker's to say.
struct TrackEvent {
  enum class Kind : std::uint8_t { enter, leave, person };

  Kind kind = Kind::enter;
  std::uint64_t frame = 0;          ///< Enter, person: the one that confirmed it. Leave: the last it was seen in.
  std::chrono::nanoseconds time{};  ///< Of that frame, since the stream's start.
  std::uint64_t track = 0;
  Box box;  ///< Where it was in that frame.

  template <class Archive>
  void serialize(Archive& archive) {
    archive(kind, frame, time, track, box);
  }
};

/// Gives boxes identities: what overlaps where a track is expected to be is that track.
///
/// Pairs are made greedily, the largest overlap first. Its whole state is plain data: save and load it with an archive
/// (Cereal: include <cereal/types/vector.hpp>), and it goes on as if nothing had happened.
/// Thread safety: one thread at a time.
class Tracker {
 public:
  explicit Tracker(const TrackerOptions& options = {}) noexcept : options_{options} {}

  /// Takes the boxes of one frame and returns who came and who left. Requires: `frame` grows from call to call.
  std::vector<TrackEvent> update(std::uint64_t frame, std::chrono::nanoseconds time, std::span<const Box> boxes);

  /// Ends the stream: everybody who is still there leaves.
  std::vector<TrackEvent> finish();

  /// Returns everything that is followed, also what is not confirmed yet or was missed lately.
  [[nodiscard]] std::span<const Track> tracks() const noexcept { return tracks_; }
  /// Returns how many have entered so far.
  [[nodiscard]] std::uint64_t entered() const noexcept { return entered_; }

  /// Saves or loads everything but the options.
  template <class Archive>
  void serialize(Archive& archive) {
    archive(entered_, tracks_);
  }

 private:
  [[nodiscard]] std::vector<bool> match(std::uint64_t frame, std::chrono::nanoseconds time, std::span<const Box> boxes);
  void see(Track& track, std::uint64_t frame, std::chrono::nanoseconds time, const Box& box) const;

  TrackerOptions options_;
  std::uint64_t entered_ = 0;
  std::vector<Track> tracks_;
};

}  // namespace prong::video

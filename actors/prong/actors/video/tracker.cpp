#include "prong/actors/video/tracker.hpp"

#include <cmath>
#include <cstdlib>
#include <functional>

namespace prong::video {
namespace {

// How much of a new velocity is believed: boxes shake more than people do.
constexpr double velocity_share = 0.3;

struct Pair {
  double overlap;
  std::size_t track;
  std::size_t box;
};

// Where a track should be now, had it gone on as before.
Box expected(const Track& track) noexcept {
  const double frames = track.misses + 1;
  Box box = track.box;
  box.x += static_cast<int>(std::lround(track.velocity_x * frames));
  box.y += static_cast<int>(std::lround(track.velocity_y * frames));
  return box;
}

Point feet(const Box& box) noexcept {
  return {box.x + box.width / 2, box.bottom() - 1};
}

TrackEvent event_of(TrackEvent::Kind kind, const Track& track) {
  return {kind, track.last_frame, std::chrono::nanoseconds{track.last_time}, track.id, track.box};
}

}  // namespace

void Tracker::see(Track& track, std::uint64_t frame, std::chrono::nanoseconds time, const Box& box) const {
  if (track.hits > 0) {
    const Point before = track.box.centre();
    const Point now = box.centre();
    const double frames = track.misses + 1;
    track.velocity_x += velocity_share * ((now.x - before.x) / frames - track.velocity_x);
    track.velocity_y += velocity_share * ((now.y - before.y) / frames - track.velocity_y);
  }
  track.box = box;
  ++track.hits;
  track.misses = 0;
  track.last_frame = frame;
  track.last_time = time.count();
  if (options_.trail_length <= 0) return;
  if (track.trail.size() >= static_cast<std::size_t>(options_.trail_length)) track.trail.erase(track.trail.begin());
  const Point now = feet(box);
  // Two who meet become one box and part again: the box jumps, nobody walked that way.
  const int jump = std::max(box.width, box.height) / 2;
  if (!track.trail.empty() &&
      std::max(std::abs(now.x - track.trail.back().x), std::abs(now.y - track.trail.back().y)) > jump)
    track.trail.clear();
  track.trail.push_back(now);
}

// Pairs tracks with boxes; returns which boxes were used. Tracks without a box count a miss.
std::vector<bool> Tracker::match(std::uint64_t frame, std::chrono::nanoseconds time, std::span<const Box> boxes) {
  std::vector<Pair> pairs;
  for (std::size_t track = 0; track < tracks_.size(); ++track)
    for (std::size_t box = 0; box < boxes.size(); ++box)
      if (const double share = overlap(expected(tracks_[track]), boxes[box]); share >= options_.least_overlap)
        pairs.push_back({share, track, box});
  std::ranges::stable_sort(pairs, std::greater{}, &Pair::overlap);

  std::vector<bool> seen(tracks_.size());
  std::vector<bool> used(boxes.size());
  for (const Pair& pair : pairs) {
    if (seen[pair.track] || used[pair.box]) continue;
    seen[pair.track] = used[pair.box] = true;
    see(tracks_[pair.track], frame, time, boxes[pair.box]);
  }
  for (std::size_t track = 0; track < tracks_.size(); ++track)
    if (!seen[track]) ++tracks_[track].misses;
  return used;
}

std::vector<TrackEvent> Tracker::update(std::uint64_t frame, std::chrono::nanoseconds time,
                                        std::span<const Box> boxes) {
  for (Track& track : tracks_) ++track.age;
  const std::vector<bool> used = match(frame, time, boxes);
  for (std::size_t box = 0; box < boxes.size(); ++box) {
    if (used[box]) continue;
    tracks_.emplace_back();
    see(tracks_.back(), frame, time, boxes[box]);
  }

  std::vector<TrackEvent> events;
  for (Track& track : tracks_) {
    if (track.is_confirmed() || track.hits < options_.confirm_after) continue;
    track.id = ++entered_;
    events.push_back(event_of(TrackEvent::Kind::enter, track));
  }
  std::erase_if(tracks_, [&](const Track& track) {
    if (!track.is_confirmed()) return track.misses > 0;
    if (track.misses < options_.forget_after) return false;
    events.push_back(event_of(TrackEvent::Kind::leave, track));
    return true;
  });
  return events;
}

std::vector<TrackEvent> Tracker::finish() {
  std::vector<TrackEvent> events;
  for (const Track& track : tracks_)
    if (track.is_confirmed()) events.push_back(event_of(TrackEvent::Kind::leave, track));
  tracks_.clear();
  return events;
}

}  // namespace prong::video

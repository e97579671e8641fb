// What happened in a video, as a file with one JSON object per line.
#pragma once

#include "prong/actors/video/tracker.hpp"
#include "prong/base/result.hpp"

#include <cstdint>
#include <memory>
#include <string>

namespace prong::video {

/// Returns `event` as one JSON object: {"ev":"enter","frame":25,"t":2.50,"track":1,"box":[648,250,82,116]}.
/// Units: t in seconds, the box as x, y, width, height in pixels.
[[nodiscard]] std::string to_json(const TrackEvent& event);

/// Writes events to "`path`.part" and renames it when it is whole.
///
/// Each line is one write(2): a log whose process died has every event up to that moment, in the .part file.
/// Thread safety: one thread at a time.
class EventLog {
 public:
  /// Fails with: system, with a sentence that names `path`.
  [[nodiscard]] static Result<EventLog> create(std::string path);

  EventLog(EventLog&&) noexcept;
  EventLog& operator=(EventLog&&) noexcept;
  /// Leaves a log that was not finished as "`path`.part".
  ~EventLog();

  /// Adds a line. Requires: finish() was not called. Fails with: system.
  [[nodiscard]] Result<void> write(const TrackEvent& event);
  /// Adds the line that says that a frame was skipped: {"ev":"poison_frame","frame":600,"attempts":2}. Otherwise as
  /// above.
  [[nodiscard]] Result<void> write_skipped(std::uint64_t frame, std::uint32_t attempts);
  /// Gives the file its name. Requires: finish() was not called. Fails with: system.
  [[nodiscard]] Result<void> finish();

  /// Returns how many lines were written.
  [[nodiscard]] std::uint64_t size() const noexcept;

 private:
  class Impl;
  explicit EventLog(std::unique_ptr<Impl> impl) noexcept;
  std::unique_ptr<Impl> impl_;
};

}  // namespace prong::video

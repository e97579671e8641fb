// What a sink has finished, in a file that outlives it.
#pragma once

#include "prong/actors/video/mp4_writer.hpp"
#include "prong/actors/video/tracker.hpp"
#include "prong/os/unique_fd.hpp"

#include <cereal/types/vector.hpp>

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace prong::video {

/// All that came of one frame.
struct SinkRecord {
  std::uint64_t frame = 0;  ///< Its sequence in the frame ring; 0 where there was none.
  std::uint64_t found = 0;  ///< The sequence of its detections in theirs; 0 where there were none.
  std::int64_t time = 0;    ///< Units: nanoseconds since the stream's start.
  double busyness = 0;      ///< As the contact sheet was told.
  std::vector<TrackEvent> events;
  std::uint32_t skipped_after = 0;  ///< As in Detections.
  std::vector<EncodedFrame> video;  ///< One, or none where no video is written.
  std::vector<std::byte> picture;   ///< What the contact sheet kept of it, or empty.
  std::int32_t picture_height = 0;  ///< Units: pixels.

  template <class Archive>
  void serialize(Archive& archive) {
    archive(frame, found, time, busyness, events, skipped_after, video, picture, picture_height);
  }
};

/// A file to which records are appended whole.
///
/// A record is one write(2), with its length and a checksum: a writer that is killed leaves every record before, and
/// its successor cuts off what is not whole. So a frame may be given back to its ring once append() has returned. It is
/// safe from the death of the process, not from that of the machine: nothing is forced to the disk. Layout:
/// docs/formats/sink_journal.md. Thread safety: one thread at a time.
class SinkJournal {
 public:
  /// Begins an empty journal; one that is there is replaced. Fails with: system, with a sentence that names `path`.
  [[nodiscard]] static Result<SinkJournal> create(std::string path);
  /// Goes on with the journal of a predecessor, or begins one: calls `replay` for each record and cuts off the rest.
  /// Fails with: system, malformed (a file that is no journal), what `replay` fails with.
  [[nodiscard]] static Result<SinkJournal> resume(std::string path,
                                                  const std::function<Result<void>(const SinkRecord&)>& replay);

  /// Fails with: system; the journal is then as it was, unless the disk says otherwise.
  [[nodiscard]] Result<void> append(const SinkRecord& record);
  /// Returns the highest sequences in any record: what the rings deliver again up to these is done.
  [[nodiscard]] std::uint64_t last_frame() const noexcept { return last_frame_; }
  [[nodiscard]] std::uint64_t last_found() const noexcept { return last_found_; }
  /// Takes the file away: what it was for is finished.
  void remove() noexcept;

 private:
  SinkJournal(std::string path, os::UniqueFd file) noexcept : path_{std::move(path)}, file_{std::move(file)} {}
  [[nodiscard]] static Result<SinkJournal> open(std::string path, int flags);
  Result<void> read_all(const std::function<Result<void>(const SinkRecord&)>& replay);
  void note(const SinkRecord& record) noexcept;
  [[nodiscard]] Error error(const char* what) const;

  std::string path_;
  os::UniqueFd file_;
  std::int64_t end_ = 0;
  std::uint64_t last_frame_ = 0;
  std::uint64_t last_found_ = 0;
  std::vector<std::byte> scratch_;
};

}  // namespace prong::video

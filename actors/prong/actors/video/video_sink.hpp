// A process that draws what was found and writes it down.
#pragma once

#include "prong/actors/video/sink_journal.hpp"
#include "prong/actors/video/stage.hpp"
#include "prong/process/message_process.hpp"
#include "prong/sync/event_group.hpp"

#include <memory>

namespace prong::video {

/// What a sink writes.
struct SinkOptions {
  std::string directory;  ///< Where; it is made if it does not exist.
  std::string caption;    ///< Drawn into the corner of each frame.
  std::int32_t rate_numerator = 25;
  std::int32_t rate_denominator = 1;
  std::int32_t width = 0;   ///< Units: pixels.
  std::int32_t height = 0;  ///< Units: pixels.
  bool video = true;        ///< annotated.mp4, and not only the picture and the events.
  /// Keep `directory`/sink.journal, from which a successor goes on; conclude() takes it away. It is as large as the
  /// video.
  bool journal = false;
  /// Go on where a predecessor that died has left its journal. Its files are written anew, from their start.
  bool resume = false;

  template <class Archive>
  void serialize(Archive& archive) {
    archive(directory, caption, rate_numerator, rate_denominator, width, height, video, journal, resume);
  }
};

/// Joins frames and detections by their sequence, and writes annotated.mp4, contact-sheet.png and events.jsonl.
///
/// Each file is written aside and gets its name when it is whole. Frames are copied once, to be drawn on: the ring's
/// memory is read-only here.
class VideoSink : public MessageProcess {
 public:
  /// Reads `frames` as reader number `frames_reader` and `found` as reader 0.
  /// Requires: both rings and `events` outlive it.
  VideoSink(std::string name, FrameRing& frames, std::size_t frames_reader, FrameRing& found, EventGroup& events);
  ~VideoSink() override;

  /// Opens the files and begins; sets `ended` when both rings have ended and every file has its name.
  /// Fails with: handler_failed, naming what cannot be written.
  [[nodiscard]] Future<void> open(const SinkOptions& options, EventIndex ended);
  [[nodiscard]] Future<StageReport> report();
  /// Ends here, because the stages before it will not: what was written so far becomes whole files. Blocks: never.
  void finish(std::string reason);
  /// Takes the journal away: its owner has the last report, and nobody will need to go on. Blocks: never.
  void conclude();

 private:
  void c__open(const SinkOptions& options, EventIndex ended);
  StageReport c__report() const;
  void c__finish(const std::string& reason);
  void c__conclude();
  void post_run() override;

  void step();
  void wait_for(int descriptor);
  bool next_frame();
  bool next_detections();
  Result<void> write_frame();
  Result<void> write_detections();
  Result<void> keep(const SinkRecord& record);
  Result<void> apply(const SinkRecord& record, bool is_replay);
  void end(std::string problem);

  struct Work;
  FrameRing& frames_;
  std::size_t frames_reader_;
  FrameRing& found_;
  EventGroup& events_;
  std::unique_ptr<Work> work_;
  StageReport report_;
};

}  // namespace prong::video

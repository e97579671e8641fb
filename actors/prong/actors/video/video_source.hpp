// A process that decodes a video into a frame ring.
#pragma once

#include "prong/actors/video/stage.hpp"
#include "prong/process/message_process.hpp"
#include "prong/sync/event_group.hpp"
#include "prong/sync/shared_event.hpp"

#include <memory>

namespace prong::video {

/// Opens a file or a camera in a process of its own and hands its frames on, without a copy.
///
/// With a ring whose policy is `block` nothing is lost: the source waits for its readers. With `latest_only` or
/// `drop_oldest` it keeps up with a camera, and the ring counts what its readers missed.
/// A damaged or hostile video can crash or hang this process and no other.
class VideoSource : public MessageProcess {
 public:
  /// Requires: `frames` and `events` outlive it; it is the only producer of `frames`.
  VideoSource(std::string name, FrameRing& frames, EventGroup& events);
  ~VideoSource() override;

  /// Opens a stream. The outcome is what it is, or an error that names the URL.
  [[nodiscard]] Future<StreamSummary> open(const SourceOptions& options);
  /// Hands on all frames from now on; sets `ended` when the stream is over, for whatever reason.
  /// Fails with: invalid_state unless a stream is open.
  [[nodiscard]] Future<void> play(EventIndex ended);
  /// Ends the stream here, as if it were over; one that is still being opened fails with `cancelled` in its sentence.
  ///
  /// A wait for a silent camera ends too, within 0.1 s: the backend sees this without reading a message.
  /// Blocks: never.
  void finish();
  /// Returns the figures so far.
  [[nodiscard]] Future<StageReport> report();

 private:
  StreamSummary c__open(const SourceOptions& options);
  void c__play(EventIndex ended);
  void c__finish();
  StageReport c__report() const;
  void pre_run() override;
  void post_run() override;

  void pump();
  bool pace();
  void end(std::string problem);
  [[nodiscard]] std::string why_it_ended(const Error& error) const;

  struct Stream;
  FrameRing& frames_;
  EventGroup& events_;
  SharedEvent finish_asked_ = SharedEvent::create().value();
  std::unique_ptr<Stream> stream_;
  StageReport report_;
};

/// Finds out what a URL is, in a process of its own that ends with the answer.
///
/// The frame ring's slots must be as large as a frame, and rings are made before the processes that use them: so one
/// looks first. Requires: one thread, as every start of a process. Fails with: what Decoder::open() fails with;
/// process_expired if the video crashes the decoder.
[[nodiscard]] Result<StreamSummary> probe(const SourceOptions& options);

}  // namespace prong::video

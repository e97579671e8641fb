#include "prong/actors/video/video_sink.hpp"

#include "prong/actors/video/contact_sheet.hpp"
#include "prong/actors/video/event_log.hpp"
#include "prong/actors/video/mp4_writer.hpp"
#include "prong/actors/video/painter.hpp"
#include "prong/base/exception.hpp"
#include "prong/loop/event_loop.hpp"

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <optional>
#include <utility>

namespace prong::video {
namespace {

template <class T>
T opened(Result<T> result) {
  if (!result) throw std::runtime_error{result.error().message()};
  return std::move(*result);
}

std::string time_text(std::chrono::nanoseconds time) {
  char text[32];
  std::snprintf(text, sizeof text, "%.1f S", std::chrono::duration<double>(time).count());
  return text;
}

void draw(Painter& painter, const Detections& found, std::string_view caption, std::chrono::nanoseconds time) {
  for (const Track& track : found.tracks) {
    const Colour colour = Colour::of_number(track.id);
    painter.polyline(track.trail, colour, 2);
    painter.frame(track.box, colour, 2);
    const bool is_person = std::ranges::find(found.people, track.id, &SeenPerson::track) != found.people.end();
    painter.label({track.box.x, std::max(0, track.box.y - 11)}, std::to_string(track.id) + (is_person ? " PERSON" : ""),
                  Colour::black, colour);
  }
  for (const SeenPerson& person : found.people) painter.frame(person.box, Colour::white, 1);
  painter.label({4, 4}, std::string{caption} + "  " + time_text(time), Colour::white, Colour::black);
  if (found.skipped_after > 0) painter.label({4, 20}, "SKIPPED (POISON)", Colour::white, Colour::of_number(1), 2);
}

}  // namespace

struct VideoSink::Work {
  FrameConsumer frames;
  FrameConsumer found;
  SinkOptions options;
  EventIndex ended;
  std::optional<Mp4Writer> video;
  EventLog log;
  ContactSheet sheet;
  std::optional<SinkJournal> journal{};
  std::optional<FrameLease> frame{};       // taken, and waiting for its detections
  std::optional<Detections> detections{};  // of `frame` or of a later one
  std::optional<FrameLease> detections_lease{};
  bool frames_over = false;
  bool found_over = false;
  std::uint64_t last_sequence = 0;
  int listening_to = -1;
  std::string problem{};
};

VideoSink::VideoSink(std::string name, FrameRing& frames, std::size_t frames_reader, FrameRing& found,
                     EventGroup& events)
    : MessageProcess{std::move(name)}, frames_{frames}, frames_reader_{frames_reader}, found_{found}, events_{events} {
  command<&VideoSink::c__open>("open", "options"_a, "ended"_a);
  command<&VideoSink::c__report>("report");
  command<&VideoSink::c__finish>("finish", "reason"_a);
  command<&VideoSink::c__conclude>("conclude");
}

VideoSink::~VideoSink() = default;

Future<void> VideoSink::open(const SinkOptions& options, EventIndex ended) {
  return call<&VideoSink::c__open>(options, ended);
}

Future<StageReport> VideoSink::report() {
  return call<&VideoSink::c__report>();
}

StageReport VideoSink::c__report() const {
  return report_;
}

void VideoSink::finish(std::string reason) {
  send_message_to_back({"finish", {{"reason", std::move(reason)}}});
}

void VideoSink::c__finish(const std::string& reason) {
  if (work_) end(reason);
}

void VideoSink::conclude() {
  send_message_to_back({"conclude"});
}

void VideoSink::c__conclude() {
  if (work_ && work_->journal) std::exchange(work_->journal, std::nullopt)->remove();
}

void VideoSink::post_run() {
  work_.reset();
}

void VideoSink::c__open(const SinkOptions& options, EventIndex ended) {
  std::error_code error;
  std::filesystem::create_directories(options.directory, error);
  if (error) throw std::runtime_error{"cannot make the directory " + options.directory + ": " + error.message()};
  const std::string base = options.directory + "/";
  EventLog log = opened(EventLog::create(base + "events.jsonl"));
  std::optional<Mp4Writer> video;
  if (options.video)
    video =
        opened(Mp4Writer::create(base + "annotated.mp4", {.width = options.width,
                                                          .height = options.height,
                                                          .rate = {options.rate_numerator, options.rate_denominator},
                                                          .codec = VideoCodec::best}));
  work_ = std::make_unique<Work>(Work{opened(frames_.consumer(frames_reader_)), opened(found_.consumer(0)), options,
                                      ended, std::move(video), std::move(log), ContactSheet{}});
  report_ = {};
  if (options.journal) {
    const std::string path = base + "sink.journal";
    work_->journal = opened(
        options.resume ? SinkJournal::resume(path, [this](const SinkRecord& record) { return apply(record, true); })
                       : SinkJournal::create(path));
  }
  wait_for(work_->frames.descriptor());
}

// Goes on until something is missing, a frame at a time.
void VideoSink::step() {
  if (report_.ended) return;
  Work& work = *work_;
  if (!work.frame && !work.frames_over && !next_frame() && !work.frames_over) return wait_for(work.frames.descriptor());
  // What was found in this frame; behind the last frame, whatever is left.
  while (!work.found_over &&
         (!work.frame || !work.detections || work.detections->sequence < work.frame->meta().sequence)) {
    if (auto written = write_detections(); !written) return end(written.error().message());
    if (!next_detections() && !work.found_over) return wait_for(work.found.descriptor());
  }
  if (!work.frame) return end(work.problem);
  if (auto written = write_frame(); !written) return end(written.error().message());
  wait_for(work.frames.descriptor());
}

// Listens to the one ring that the next step needs: the other may be full and readable all the time.
void VideoSink::wait_for(int descriptor) {
  Work& work = *work_;
  if (work.listening_to == descriptor) return;
  if (work.listening_to >= 0) unwatch(work.listening_to);
  work.listening_to = descriptor;
  watch(descriptor, [this] { step(); });
}

bool VideoSink::next_frame() {
  Work& work = *work_;
  for (;;) {
    auto next = work.frames.next(Deadline::now());
    if (next) {
      // A predecessor has written this one, and died before it gave it back.
      if (work.journal && next->meta().sequence <= work.journal->last_frame()) continue;
      ++report_.frames_in;
      work.frame = std::move(*next);
      return true;
    }
    if (next.error().code() == Errc::queue_empty) return false;
    work.frames_over = true;
    if (next.error().code() != Errc::closed) work.problem = to_string(next.error());
    return false;
  }
}

bool VideoSink::next_detections() {
  Work& work = *work_;
  for (;;) {
    auto next = work.found.next(Deadline::now());
    if (!next) {
      if (next.error().code() == Errc::queue_empty) return false;
      work.found_over = true;
      if (next.error().code() != Errc::closed) work.problem = to_string(next.error());
      return false;
    }
    if (work.journal && next->meta().sequence <= work.journal->last_found()) continue;
    auto detections = decode<Detections>(next->bytes());
    if (!detections) {
      work.found_over = true;
      work.problem = to_string(detections.error());
      return false;
    }
    work.detections = std::move(*detections);
    work.detections_lease = std::move(*next);
    return true;
  }
}

Result<void> VideoSink::write_frame() {
  Work& work = *work_;
  const FrameMeta& meta = work.frame->meta();
  const std::chrono::nanoseconds time = meta.source_time;
  PRONG_TRY(check_pixels(work.frame->bytes(), meta));
  PRONG_TRY_ASSIGN(const ImageView seen, view_of(work.frame->bytes(), meta));
  Image picture = Image::copy_of(seen);
  Painter painter{picture.view()};
  const Detections none;
  const Detections& found = work.detections ? *work.detections : none;
  draw(painter, found, work.options.caption, time);
  SinkRecord record;
  record.frame = meta.sequence;
  record.time = time.count();
  for (const Track& track : found.tracks) record.busyness += 1 + static_cast<double>(track.box.area()) * 1e-6;
  const bool is_its_own = found.sequence == meta.sequence;
  if (is_its_own) {
    record.found = work.detections_lease->sequence();
    record.events = found.events;
    record.skipped_after = found.skipped_after;
  }
  PRONG_TRY_ASSIGN(const bool taken, work.sheet.offer(picture.view(), time, record.busyness));
  if (taken && work.journal) {
    const Image& kept = *work.sheet.picture_of(time);
    record.picture.assign(kept.bytes().begin(), kept.bytes().end());
    record.picture_height = kept.layout().height;
  }
  if (work.video) {
    PRONG_TRY_ASSIGN(EncodedFrame encoded, work.video->encode(picture.view(), time));
    record.video.push_back(std::move(encoded));
  }
  PRONG_TRY(keep(record));
  work.frame.reset();
  if (is_its_own) {
    work.detections.reset();
    work.detections_lease.reset();
  }
  return {};
}

// Writes what was found in a frame that this sink was not given, or behind the last.
Result<void> VideoSink::write_detections() {
  Work& work = *work_;
  if (!work.detections) return {};
  SinkRecord record;
  record.found = work.detections_lease->sequence();
  record.events = std::move(work.detections->events);
  record.skipped_after = work.detections->skipped_after;
  work.detections.reset();
  PRONG_TRY(keep(record));
  work.detections_lease.reset();
  return {};
}

// Only what the journal has is given back to the rings.
Result<void> VideoSink::keep(const SinkRecord& record) {
  if (work_->journal) PRONG_TRY(work_->journal->append(record));
  return apply(record, false);
}

// Writes a record to the files: a new one, whose picture the contact sheet has, or one of the journal.
Result<void> VideoSink::apply(const SinkRecord& record, bool is_replay) {
  Work& work = *work_;
  const std::chrono::nanoseconds time{record.time};
  // A log that cannot be written is told at the end; it is no reason to give up the video.
  const auto logged = [&work](const Result<void>& written) {
    if (!written && work.problem.empty()) work.problem = written.error().message();
    return written.has_value();
  };
  for (const TrackEvent& event : record.events)
    if (logged(work.log.write(event))) ++report_.events;
  if (record.skipped_after > 0) logged(work.log.write_skipped(record.frame, record.skipped_after));
  if (record.frame == 0) return {};
  if (is_replay && !record.picture.empty())
    PRONG_TRY(work.sheet.restore(record.picture, record.picture_height, time, record.busyness));
  if (work.video)
    for (const EncodedFrame& encoded : record.video) PRONG_TRY(work.video->append(encoded));
  report_.frames_lost += record.frame - work.last_sequence - 1;
  work.last_sequence = record.frame;
  ++report_.frames_out;
  if (is_replay) ++report_.frames_in;
  return {};
}

void VideoSink::end(std::string problem) {
  if (std::exchange(report_.ended, true)) return;
  Work& work = *work_;
  if (work.listening_to >= 0) unwatch(std::exchange(work.listening_to, -1));
  if (auto written = write_detections(); !written && problem.empty()) problem = written.error().message();
  // Whoever still puts something in shall not wait for this reader.
  work.frame.reset();
  work.detections_lease.reset();
  work.frames.leave();
  work.found.leave();
  const std::string base = work.options.directory + "/";
  const auto finished = [&](Result<void> outcome, const char* file) {
    if (outcome)
      report_.files.push_back(base + file);
    else if (problem.empty())
      problem = outcome.error().message();
  };
  if (work.video) finished(work.video->finish(), "annotated.mp4");
  if (work.sheet.size() > 0) finished(work.sheet.write(base + "contact-sheet.png"), "contact-sheet.png");
  finished(work.log.finish(), "events.jsonl");
  report_.problem = std::move(problem);
  static_cast<void>(events_.set(work.ended));
}

}  // namespace prong::video

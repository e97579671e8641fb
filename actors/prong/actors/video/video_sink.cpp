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
  std::optional<FrameLease> frame{};       // taken, and waiting for its detections
  std::optional<Detections> detections{};  // of `frame`, of a later one, or of none
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
  wait_for(work_->frames.descriptor());
}

// Goes on until something is missing, a frame at a time.
void VideoSink::step() {
  if (report_.ended) return;
  Work& work = *work_;
  if (!work.frame && !work.frames_over && !next_frame() && !work.frames_over) return wait_for(work.frames.descriptor());
  // What was found in this frame; behind the last frame, whatever is left.
  while (!work.found_over &&
         (!work.frame || !work.detections || work.detections->sequence < work.frame->meta().sequence))
    if (!next_detections() && !work.found_over) return wait_for(work.found.descriptor());
  if (!work.frame) return end(work.problem);
  if (auto written = write_frame(); !written) return end(written.error().message());
  work.frame.reset();
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
  auto next = work.frames.next(Deadline::now());
  if (next) {
    ++report_.frames_in;
    report_.frames_lost += next->meta().sequence - work.last_sequence - 1;
    work.last_sequence = next->meta().sequence;
    work.frame = std::move(*next);
    return true;
  }
  if (next.error().code() == Errc::queue_empty) return false;
  work.frames_over = true;
  if (next.error().code() != Errc::closed) work.problem = to_string(next.error());
  return false;
}

bool VideoSink::next_detections() {
  Work& work = *work_;
  auto next = work.found.next(Deadline::now());
  if (!next) {
    if (next.error().code() == Errc::queue_empty) return false;
    work.found_over = true;
    if (next.error().code() != Errc::closed) work.problem = to_string(next.error());
    return false;
  }
  auto detections = decode<Detections>(next->bytes());
  if (!detections) {
    work.found_over = true;
    work.problem = to_string(detections.error());
    return false;
  }
  for (const TrackEvent& event : detections->events) {
    if (auto written = work.log.write(event); !written)
      work.problem = written.error().message();
    else
      ++report_.events;
  }
  work.detections = std::move(*detections);
  return true;
}

Result<void> VideoSink::write_frame() {
  Work& work = *work_;
  const FrameMeta& meta = work.frame->meta();
  const std::chrono::nanoseconds time = meta.source_time;
  PRONG_TRY_ASSIGN(const ImageView seen, view_of(work.frame->bytes(), meta));
  Image picture = Image::copy_of(seen);
  Painter painter{picture.view()};
  const Detections none;
  const Detections& found = work.detections ? *work.detections : none;
  draw(painter, found, work.options.caption, time);
  double busyness = 0;
  for (const Track& track : found.tracks) busyness += 1 + static_cast<double>(track.box.area()) * 1e-6;
  PRONG_TRY_ASSIGN([[maybe_unused]] const bool taken, work.sheet.offer(picture.view(), time, busyness));
  if (work.video) PRONG_TRY(work.video->write(picture.view(), time));
  ++report_.frames_out;
  return {};
}

void VideoSink::end(std::string problem) {
  if (std::exchange(report_.ended, true)) return;
  Work& work = *work_;
  if (work.listening_to >= 0) unwatch(std::exchange(work.listening_to, -1));
  // Whoever still puts something in shall not wait for this reader.
  work.frame.reset();
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

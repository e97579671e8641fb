#include "prong/actors/person/person_detector_process.hpp"

#include "prong/actors/person/person_finder.hpp"
#include "prong/base/exception.hpp"
#include "prong/message/codec.hpp"

#include <algorithm>
#include <map>
#include <optional>
#include <stdexcept>
#include <utility>

namespace prong::video {

using namespace std::chrono_literals;

struct PersonDetectorProcess::Work {
  /// What is known about one track.
  struct Subject {
    int found = 0;                      // looks in which somebody was found
    std::vector<FoundPerson> people{};  // in the last look
    Box looked_at{};                    // where the track was then
  };

  FrameConsumer frames;
  FrameConsumer found;
  FrameProducer marked;
  PersonFinder finder;
  PersonOptions options;
  EventIndex ended;
  std::optional<FrameLease> frame{};       // the next one that was not passed by yet
  std::optional<Detections> detections{};  // taken, and not handed on yet
  std::chrono::nanoseconds time{};         // of `detections`
  std::map<std::uint64_t, Subject> subjects{};
  std::uint64_t next_look = 0;  // the first frame that is due
  std::uint64_t last_sequence = 0;
  bool is_behind_the_last = false;  // `detections` are of no frame: who leaves when it is over
};

PersonDetectorProcess::PersonDetectorProcess(std::string name, const Rings& rings, EventGroup& events)
    : MessageProcess{std::move(name)}, rings_{rings}, events_{events} {
  command<&PersonDetectorProcess::c__watch_frames>("watch_frames", "options"_a = PersonOptions{}, "ended"_a);
  command<&PersonDetectorProcess::c__report>("report");
}

PersonDetectorProcess::~PersonDetectorProcess() = default;

Future<void> PersonDetectorProcess::watch_frames(const PersonOptions& options, EventIndex ended) {
  return call<&PersonDetectorProcess::c__watch_frames>(options, ended);
}

Future<StageReport> PersonDetectorProcess::report() {
  return call<&PersonDetectorProcess::c__report>();
}

StageReport PersonDetectorProcess::c__report() const {
  return report_;
}

void PersonDetectorProcess::pre_run() {
  PersonFinder::use_one_thread();
}

void PersonDetectorProcess::post_run() {
  work_.reset();
}

void PersonDetectorProcess::c__watch_frames(const PersonOptions& options, EventIndex ended) {
  if (options.every_frames < 1 || options.confirm_after < 1 || options.least_height < 1)
    throw std::invalid_argument{"the numbers of PersonOptions are above 0"};
  auto frames = rings_.frames.consumer(rings_.frames_reader);
  if (!frames) throw_error(std::move(frames).error());
  auto found = rings_.found.consumer(rings_.found_reader);
  if (!found) throw_error(std::move(found).error());
  auto marked = rings_.marked.producer();
  if (!marked) throw_error(std::move(marked).error());
  PersonFinder finder{{.least_score = options.least_score, .least_height = options.least_height}};
  work_ = std::make_unique<Work>(
      Work{std::move(*frames), std::move(*found), std::move(*marked), std::move(finder), options, ended});
  watch(work_->found.descriptor(), [this] { step(); });
}

// One Detections, then the loop's turn. Its frame was published before it: nobody waits for frames here.
void PersonDetectorProcess::step() {
  Work& work = *work_;
  if (!work.detections) {
    if (!take_detections()) return;
    look();
  }
  const bool has_frame = !work.is_behind_the_last;
  const auto taken = hand_on();
  if (!taken) return end(to_string(taken.error()));
  if (*taken && has_frame) ++report_.frames_out;
}

// False if there are none, or no more.
bool PersonDetectorProcess::take_detections() {
  Work& work = *work_;
  auto next = work.found.next(Deadline::now());
  if (!next) {
    if (next.error().code() != Errc::queue_empty)
      end(next.error().code() == Errc::closed ? "" : to_string(next.error()));
    return false;
  }
  auto detections = decode<Detections>(next->bytes());
  if (!detections) {
    end(to_string(detections.error()));
    return false;
  }
  work.time = next->meta().source_time;
  work.detections = std::move(*detections);
  return true;
}

// Looks at the tracks, if a look is due and the frame is there, and adds what is known about them.
void PersonDetectorProcess::look() {
  Work& work = *work_;
  Detections& detections = *work.detections;
  while (!work.frame || work.frame->meta().sequence < detections.sequence) {
    auto next = work.frames.next(Deadline::now());
    if (!next) {
      work.frame.reset();  // dropped, or there was none
      work.is_behind_the_last = next.error().code() == Errc::closed;
      break;
    }
    work.frame = std::move(*next);
  }
  if (!work.is_behind_the_last) {
    ++report_.frames_in;
    report_.frames_lost += detections.sequence - std::exchange(work.last_sequence, detections.sequence) - 1;
  }
  const bool is_there = work.frame && work.frame->meta().sequence == detections.sequence;
  const auto picture = is_there ? view_of(work.frame->bytes(), work.frame->meta()) : fail(Errc::stale_frame, "dropped");
  const bool is_due = picture && detections.sequence >= work.next_look;
  if (is_due) work.next_look = detections.sequence + static_cast<std::uint64_t>(work.options.every_frames);

  for (const Track& track : detections.tracks) {
    Work::Subject& subject = work.subjects[track.id];
    if (is_due) {
      subject.people = work.finder.find(*picture, track.box);
      subject.looked_at = track.box;
      if (!subject.people.empty() && ++subject.found == work.options.confirm_after) {
        detections.events.push_back(
            {TrackEvent::Kind::person, detections.sequence - 1, work.time, track.id, subject.people.front().box});
        ++report_.events;
      }
    }
    if (subject.found < work.options.confirm_after) continue;
    for (const FoundPerson& person : subject.people) {
      Box box = person.box;
      box.x += track.box.centre().x - subject.looked_at.centre().x;
      box.y += track.box.bottom() - subject.looked_at.bottom();
      detections.people.push_back({track.id, box, person.score});
    }
  }
  for (const TrackEvent& event : detections.events)
    if (event.kind == TrackEvent::Kind::leave) work.subjects.erase(event.track);
  if (is_there) work.frame.reset();
}

// False while the ring is full: the loop comes back.
Result<bool> PersonDetectorProcess::hand_on() {
  Work& work = *work_;
  auto slot = work.marked.acquire(Deadline::after(50ms));
  if (!slot && slot.error().code() == Errc::deadline_exceeded) return false;
  if (!slot) return std::move(slot).error();
  PRONG_TRY(publish(*slot, *std::exchange(work.detections, std::nullopt), work.time));
  return true;
}

void PersonDetectorProcess::end(std::string problem) {
  Work& work = *work_;
  unwatch(work.found.descriptor());
  report_.problem = std::move(problem);
  report_.ended = true;
  // Whoever still puts something in shall not wait for this reader.
  work.frame.reset();
  work.frames.leave();
  work.found.leave();
  static_cast<void>(work.marked.finish());
  static_cast<void>(events_.set(work.ended));
}

}  // namespace prong::video

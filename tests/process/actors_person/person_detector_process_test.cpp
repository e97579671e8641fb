#include "prong/actors/person/person_detector_process.hpp"

#include "drawn_person.hpp"
#include "process_test.hpp"
#include "prong/actors/video/painter.hpp"
#include "prong/message/codec.hpp"

#include <algorithm>
#include <optional>

namespace prong::video {
namespace {

using namespace std::chrono_literals;

constexpr Box person_box{170, 80, 60, 100};
constexpr Box van_box{20, 100, 120, 60};

/// Plays source, motion detector and sink of one person detector.
class PersonDetectorProcess_ : public tests::ProcessTest {
 protected:
  void connect(FramePolicy policy = FramePolicy::block) {
    const auto ring = [](std::string name, std::size_t bytes, FramePolicy when_full) {
      return FrameRingOptions{.name = std::move(name), .slots = 8, .slot_bytes = bytes, .policy = when_full};
    };
    frames_ring_.emplace(ring("frames", layout_.size, policy));
    found_ring_.emplace(ring("found", detections_slot_bytes, FramePolicy::block));
    marked_ring_.emplace(ring("marked", detections_slot_bytes, FramePolicy::block));
    persons_.emplace(
        "persons",
        PersonDetectorProcess::Rings{.frames = *frames_ring_, .found = *found_ring_, .marked = *marked_ring_}, events_);
    persons_->start();
    frames_.emplace(frames_ring_->producer().value());
    found_.emplace(found_ring_->producer().value());
    marked_.emplace(marked_ring_->consumer().value());
  }
  void TearDown() override {
    EXPECT_TRUE(persons_->stop(Deadline::after(20s)));
    marked_.reset();
    found_.reset();
    frames_.reset();
    persons_.reset();
    marked_ring_.reset();
    found_ring_.reset();
    frames_ring_.reset();
    ProcessTest::TearDown();
  }

  /// Publishes a street with a person and a van in it.
  void film() {
    FrameWriter slot = frames_->acquire(Deadline::never()).value();
    const auto view = MutableImageView::create(slot.bytes(), layout_).value();
    const Image street = tests::empty_street();
    std::ranges::copy(street.bytes(), slot.bytes().begin());
    tests::draw_person(view, person_box, 30);
    Painter{view}.fill(van_box, {220, 128, 128});
    slot.publish(to_frame_meta({0, 0ns, layout_})).value();
  }
  /// Says that both move in the frame of this sequence; the person by `dx`.
  void find(std::uint64_t sequence, int dx = 0) {
    Track person;
    person.id = 1;
    person.box = person_box;
    person.box.x += dx;
    Track van;
    van.id = 2;
    van.box = van_box;
    hand_on({.sequence = sequence, .tracks = {person, van}, .events = {}, .people = {}});
  }
  void hand_on(Detections detections) {
    FrameWriter slot = found_->acquire(Deadline::never()).value();
    ASSERT_TRUE(publish(slot, std::move(detections), 100ms));
  }
  Detections marked() {
    const FrameLease lease = marked_->next(*persons_, Deadline::never()).value();
    return decode<Detections>(lease.bytes()).value();
  }
  void begin(const PersonOptions& options = {.every_frames = 1}) {
    ended_ = events_.reserve().value();
    persons_->watch_frames(options, ended_->index).get();
  }

  const ImageLayout layout_ = ImageLayout::of(PixelFormat::yuv420p, 384, 288).value();
  EventGroup events_{2};
  std::optional<FrameRing> frames_ring_;
  std::optional<FrameRing> found_ring_;
  std::optional<FrameRing> marked_ring_;
  std::optional<PersonDetectorProcess> persons_;
  std::optional<FrameProducer> frames_;
  std::optional<FrameProducer> found_;
  std::optional<FrameConsumer> marked_;
  std::optional<ReservedEvent> ended_;
};

TEST_F(PersonDetectorProcess_, marks_the_person_after_two_looks_and_says_so_once) {
  connect();
  begin();

  std::vector<Detections> all;
  for (std::uint64_t sequence = 1; sequence <= 4; ++sequence) {
    film();
    find(sequence);
    all.push_back(marked());
  }

  EXPECT_TRUE(all[0].people.empty()) << "one look is none";
  for (std::size_t i = 1; i < 4; ++i) {
    ASSERT_EQ(all[i].people.size(), 1U);
    EXPECT_EQ(all[i].people[0].track, 1U) << "the van is none";
    EXPECT_GT(overlap(all[i].people[0].box, {181, 80, 38, 100}), 0.6);
  }
  ASSERT_EQ(all[1].events.size(), 1U);
  EXPECT_EQ(all[1].events[0].kind, TrackEvent::Kind::person);
  EXPECT_EQ(all[1].events[0].frame, 1U) << "frames count from 0";
  EXPECT_EQ(all[1].events[0].time, 100ms);
  EXPECT_EQ(all[1].events[0].track, 1U);
  EXPECT_TRUE(all[0].events.empty() && all[2].events.empty() && all[3].events.empty());
  for (const Detections& one : all) EXPECT_EQ(one.tracks.size(), 2U) << "what was found is handed on";
}

TEST_F(PersonDetectorProcess_, moves_a_person_with_its_track_between_two_looks) {
  connect();
  begin({.every_frames = 3, .confirm_after = 1});

  std::vector<Detections> all;
  for (std::uint64_t sequence = 1; sequence <= 3; ++sequence) {
    film();
    find(sequence, sequence == 1 ? 0 : 40);  // the picture is not looked at again: nobody notices that he is not there
    all.push_back(marked());
  }

  for (const Detections& one : all) ASSERT_EQ(one.people.size(), 1U);
  EXPECT_EQ(all[1].people[0].box.x, all[0].people[0].box.x + 40);
  EXPECT_EQ(all[2].people[0].box.x, all[0].people[0].box.x + 40);
  EXPECT_EQ(all[1].people[0].score, all[0].people[0].score);
}

TEST_F(PersonDetectorProcess_, hands_on_what_was_found_in_frames_that_were_dropped) {
  connect(FramePolicy::latest_only);
  begin({.every_frames = 1, .confirm_after = 1});

  for (int frame = 0; frame < 5; ++frame) film();  // read by nobody: only the last is left
  for (const std::uint64_t sequence : {2U, 5U}) find(sequence);
  const Detections second = marked();
  const Detections fifth = marked();

  EXPECT_EQ(second.sequence, 2U);
  EXPECT_TRUE(second.people.empty());
  EXPECT_EQ(fifth.sequence, 5U);
  EXPECT_EQ(fifth.people.size(), 1U);
}

TEST_F(PersonDetectorProcess_, ends_with_its_input_and_has_handed_on_everything) {
  connect();
  begin();
  film();
  find(1);
  frames_->finish().value();
  hand_on({.sequence = 2, .tracks = {}, .events = {{TrackEvent::Kind::leave, 0, 0ns, 1, person_box}}, .people = {}});
  found_->finish().value();

  EXPECT_TRUE(ended_->event.wait(*persons_, Deadline::never()));
  const StageReport report = persons_->report().get();
  EXPECT_EQ(marked().sequence, 1U);
  EXPECT_EQ(marked().events.size(), 1U);
  EXPECT_EQ(marked_->next(Deadline::never()).error().code(), Errc::closed);
  EXPECT_TRUE(report.ended);
  EXPECT_EQ(report.problem, "");
  EXPECT_EQ(report.frames_in, 1U) << "the last entry is of no frame";
  EXPECT_EQ(report.frames_out, 1U);
}

TEST_F(PersonDetectorProcess_, gives_up_on_bytes_that_are_no_detections_and_says_why) {
  connect();
  begin();
  FrameWriter slot = found_->acquire(Deadline::never()).value();
  std::ranges::fill(slot.bytes().first(64), std::byte{0xff});
  FrameMeta meta{};
  meta.format = prong::PixelFormat::bytes;
  meta.size = 64;
  slot.publish(meta).value();

  EXPECT_TRUE(ended_->event.wait(*persons_, Deadline::never()));
  EXPECT_NE(persons_->report().get().problem, "");
  EXPECT_EQ(marked_->next(Deadline::never()).error().code(), Errc::closed);
  for (int frame = 0; frame < 20; ++frame) film();  // nobody waits for a reader that gave up
}

TEST_F(PersonDetectorProcess_, refuses_options_that_make_no_sense) {
  connect();
  const auto ended = events_.reserve().value();

  for (const PersonOptions& options :
       {PersonOptions{.every_frames = 0}, PersonOptions{.confirm_after = 0}, PersonOptions{.least_height = 0}})
    EXPECT_EQ(persons_->watch_frames(options, ended.index).result().error().code(), Errc::handler_failed);

  EXPECT_TRUE(persons_->watch_frames({}, ended.index).result()) << "it lives";
}

}  // namespace
}  // namespace prong::video

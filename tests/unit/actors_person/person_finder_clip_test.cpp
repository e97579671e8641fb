// The person finder on real people.
#include "prong/actors/person/person_finder.hpp"

#include "prong/actors/video/decoder.hpp"
#include "prong/actors/video/motion_detector.hpp"
#include "prong/actors/video/tracker.hpp"

#include <gtest/gtest.h>

namespace prong::video {
namespace {

// Everything that moves in the clip is people. Some are half behind a lamp post, cut by the picture's edge, or so close
// together that their box is twice as high as they are.
TEST(PersonFinderOnTheClip, finds_people_in_most_of_what_moves) {
  auto decoder = Decoder::open(PRONG_CLIP, {}, Deadline::never()).value();
  MotionDetector detector{MotionOptions::for_rate(decoder.info().rate.value())};
  Tracker tracker;
  const PersonFinder finder;
  int looks = 0;
  int hits = 0;

  while (const auto frame = decoder.next(Deadline::never()).value()) {
    const auto boxes = detector.update(frame->image.view());
    static_cast<void>(tracker.update(frame->info.number, frame->info.time, boxes));
    if (frame->info.number % 10 != 0) continue;
    for (const Track& track : tracker.tracks()) {
      if (!track.is_confirmed() || track.misses > 0) continue;
      ++looks;
      for (const FoundPerson& person : finder.find(frame->image.view(), track.box))
        if (intersection(person.box, track.box).area() * 2 > person.box.area()) {
          ++hits;
          break;
        }
    }
  }

  EXPECT_GT(looks, 300);
  EXPECT_GT(hits, looks * 3 / 4) << "of " << looks;
}

}  // namespace
}  // namespace prong::video

#include "prong/actors/person/person_finder.hpp"

#include "drawn_person.hpp"
#include "prong/actors/video/painter.hpp"
#include "prong/os/threads.hpp"

#include <gtest/gtest.h>

#include <algorithm>

namespace prong::video {
namespace {

class PersonFinder_ : public ::testing::Test {
 protected:
  static void SetUpTestSuite() { PersonFinder::use_one_thread(); }
};

using tests::draw_person;
using tests::empty_street;

TEST_F(PersonFinder_, finds_somebody_of_any_size_and_brightness_where_he_is) {
  const PersonFinder finder;
  for (const int height : {32, 50, 100, 220})
    for (const int luma : {30, 220}) {
      Image picture = empty_street();
      const Box truth = draw_person(picture.view(), {170, 30, 60, height}, luma);

      const auto people = finder.find(picture.view(), truth);

      ASSERT_EQ(people.size(), 1U) << height << " pixels high, luma " << luma;
      EXPECT_GT(overlap(people[0].box, truth), 0.6) << height << " pixels high, luma " << luma;
      EXPECT_GT(people[0].score, 0.6);
    }
}

TEST_F(PersonFinder_, finds_him_in_a_box_that_is_cut_or_has_his_shadow_in_it) {
  const PersonFinder finder;
  Image picture = empty_street();
  const Box truth = draw_person(picture.view(), {170, 80, 60, 100}, 30);
  const Box without_head{truth.x, truth.y + 12, truth.width, truth.height - 12};
  const Box with_shadow{truth.x, truth.y, truth.width * 2, truth.height + 15};

  for (const Box& box : {without_head, with_shadow}) {
    const auto people = finder.find(picture.view(), box);

    ASSERT_EQ(people.size(), 1U);
    EXPECT_GT(overlap(people[0].box, truth), 0.6);
  }
}

TEST_F(PersonFinder_, tells_two_apart_who_walk_side_by_side) {
  const PersonFinder finder;
  Image picture = empty_street();
  const Box left = draw_person(picture.view(), {120, 80, 60, 100}, 30);
  const Box right = draw_person(picture.view(), {190, 80, 60, 100}, 220);

  auto people = finder.find(picture.view(), enclosing(left, right));

  ASSERT_EQ(people.size(), 2U);
  std::ranges::sort(people, {}, [](const FoundPerson& person) { return person.box.x; });
  EXPECT_GT(overlap(people[0].box, left), 0.6);
  EXPECT_GT(overlap(people[1].box, right), 0.6);
}

TEST_F(PersonFinder_, finds_nobody_where_nobody_is) {
  const PersonFinder finder;
  Image picture = empty_street();
  Painter painter{picture.view()};
  const Box van{60, 100, 120, 60};
  const Box door{220, 80, 45, 100};
  painter.fill(van, {30, 128, 128});
  painter.fill(door, {220, 128, 128});

  EXPECT_TRUE(finder.find(picture.view(), van).empty());
  EXPECT_TRUE(finder.find(picture.view(), door).empty());
  EXPECT_TRUE(finder.find(picture.view(), {300, 150, 60, 120}).empty());
}

TEST_F(PersonFinder_, looks_only_at_what_lies_in_the_picture_and_is_large_enough) {
  const PersonFinder finder;
  Image picture = empty_street();
  const Box at_the_edge = draw_person(picture.view(), {-10, 60, 60, 100}, 30);
  const Box small = draw_person(picture.view(), {200, 200, 20, 24}, 30);

  EXPECT_EQ(finder.find(picture.view(), at_the_edge).size(), 1U);
  EXPECT_TRUE(finder.find(picture.view(), small).empty());
  EXPECT_TRUE(finder.find(picture.view(), {-500, -500, 100, 100}).empty());
  EXPECT_TRUE(finder.find(picture.view(), {10, 10, 0, 0}).empty());
  for (const Box& huge : {Box{-10'000, -10'000, 20'000, 20'000}, Box{0, 0, 1, 288}, Box{0, 100, 384, 28}})
    static_cast<void>(finder.find(picture.view(), huge));  // whatever it says, it does not fall over
}

TEST_F(PersonFinder_, starts_no_thread) {
  const PersonFinder finder;
  Image picture = empty_street();
  const Box truth = draw_person(picture.view(), {100, 10, 200, 270}, 30);

  EXPECT_EQ(finder.find(picture.view(), truth).size(), 1U);

  EXPECT_TRUE(os::require_single_thread("a test")) << "backends may be forked from here";
}

}  // namespace
}  // namespace prong::video

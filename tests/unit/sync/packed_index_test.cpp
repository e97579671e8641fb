#include "prong/sync/detail/packed_index.hpp"

#include <gtest/gtest.h>

#include <random>

namespace prong::sync::detail {
namespace {

TEST(PackedIndex, keeps_its_fields) {
  const PackedIndex fields =
      unpack(pack({.slot = most_slots - 1, .group = last_group - 1, .generation = last_generation}));

  EXPECT_EQ(fields.slot, most_slots - 1);
  EXPECT_EQ(fields.group, last_group - 1);
  EXPECT_EQ(fields.generation, last_generation);
}

TEST(PackedIndex, of_any_64_bits_has_fields_within_their_bits_and_packs_back) {
  const auto seed = std::random_device{}();
  SCOPED_TRACE(seed);
  std::mt19937_64 random{seed};

  for (int i = 0; i < 100'000; ++i) {
    const EventIndex index{random()};
    const PackedIndex fields = unpack(index);
    ASSERT_LT(fields.slot, most_slots);
    ASSERT_LE(fields.group, last_group);
    ASSERT_LE(fields.generation, last_generation);
    ASSERT_EQ(pack(fields), index);
  }
}

TEST(PackedIndex, value_initialised_has_no_generation) {
  EXPECT_EQ(unpack(EventIndex{}).generation, no_generation);
}

TEST(Generation, begins_again_without_the_one_that_means_none) {
  EXPECT_EQ(next(1), 2U);
  EXPECT_EQ(next(last_generation), 1U);
}

TEST(Generation, is_earlier_up_to_half_way_round) {
  EXPECT_TRUE(is_earlier(1, 2));
  EXPECT_TRUE(is_earlier(last_generation, 1));
  EXPECT_FALSE(is_earlier(2, 2));
  EXPECT_FALSE(is_earlier(3, 2));
  EXPECT_FALSE(is_earlier(no_generation, 2));
}

}  // namespace
}  // namespace prong::sync::detail

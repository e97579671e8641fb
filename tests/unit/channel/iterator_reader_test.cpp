#include "prong/channel/iterator_reader.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <ranges>
#include <sstream>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

namespace prong {
namespace {

TEST(IteratorReader, reads_a_range_piece_by_piece) {
  IteratorReader reader{std::vector{1, 2, 3, 4, 5}};

  EXPECT_EQ(reader.read(2, Deadline::never()).value(), (std::vector{1, 2}));
  EXPECT_EQ(reader.next(Deadline::never()).value(), 3);
  EXPECT_FALSE(reader.at_end());
  EXPECT_EQ(reader.read(0, Deadline::never()).value(), (std::vector{4, 5}));
  EXPECT_TRUE(reader.at_end());
  EXPECT_TRUE(reader.read(0, Deadline::never()).value().empty());
  EXPECT_EQ(reader.next(Deadline::never()).error().code(), Errc::closed);
}

TEST(IteratorReader, an_endless_range_gives_no_more_than_is_read) {
  int made = 0;
  auto counted = std::views::iota(0) | std::views::transform([&](int i) {
                   ++made;
                   return i;
                 });
  IteratorReader<int> reader{counted};

  EXPECT_EQ(reader.read(3, Deadline::now()).value(), (std::vector{0, 1, 2}));
  EXPECT_EQ(made, 3);
}

TEST(IteratorReader, a_read_of_an_endless_range_ends_at_its_deadline) {
  IteratorReader<int> reader{std::views::iota(0)};

  EXPECT_TRUE(reader.read(0, Deadline::after(std::chrono::milliseconds{1})));
  EXPECT_TRUE(reader.read(0, Deadline::at(Deadline::Clock::now())).value().empty());
  EXPECT_FALSE(reader.at_end());
}

TEST(IteratorReader, takes_ranges_that_can_be_walked_only_once) {
  std::istringstream text{"a few words"};
  IteratorReader reader{std::views::istream<std::string>(text)};

  EXPECT_EQ(reader.read(0, Deadline::never()).value(), (std::vector<std::string>{"a", "few", "words"}));
}

TEST(IteratorReader, all_walks_a_range_where_it_is) {
  std::vector<int> numbers{1, 2};
  IteratorReader reader{std::views::all(numbers)};

  numbers[1] = 7;

  EXPECT_EQ(reader.read(0, Deadline::never()).value(), (std::vector{1, 7}));
}

TEST(IteratorReader, copies_share_the_range) {
  IteratorReader first{std::vector{1, 2, 3}};
  auto second = first;

  EXPECT_EQ(first.next(Deadline::never()).value(), 1);
  EXPECT_EQ(second.next(Deadline::never()).value(), 2);
}

TEST(IteratorReader, an_exception_of_the_range_ends_it_and_keeps_what_was_read_before) {
  IteratorReader<int> reader{std::views::iota(0) | std::views::transform([](int i) {
                               if (i == 2) throw std::runtime_error{"worn out"};
                               return i;
                             })};
  std::vector<int> items;

  EXPECT_THROW((void)reader.read_into(items, 5, Deadline::never()), std::runtime_error);

  EXPECT_EQ(items, (std::vector{0, 1}));
  EXPECT_TRUE(reader.at_end());
}

TEST(IteratorReader, each_item_goes_to_one_of_several_threads) {
  constexpr int count = 2'000;
  IteratorReader<int> reader{std::views::iota(0, count)};
  std::vector<std::atomic<int>> seen(count);
  std::vector<std::thread> threads;

  for (int i = 0; i < 3; ++i)
    threads.emplace_back([&seen, reader]() mutable {
      while (const auto item = reader.try_next()) seen[static_cast<std::size_t>(*item)].fetch_add(1);
    });
  for (auto& thread : threads) thread.join();

  for (const auto& times : seen) ASSERT_EQ(times.load(), 1);
}

}  // namespace
}  // namespace prong

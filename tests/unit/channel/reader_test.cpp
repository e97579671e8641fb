#include "prong/channel/reader.hpp"

#include <gtest/gtest.h>

namespace prong {
namespace {

using namespace std::chrono_literals;

// Gives 1, 2, 3 and notes with which deadlines it was asked.
class Counter : public Reader<int> {
 public:
  [[nodiscard]] Result<std::size_t> read_into(std::vector<int>& out, std::size_t count, Deadline deadline) override {
    deadlines.push_back(deadline);
    std::size_t done = 0;
    for (; last < 3 && (count == everything || done != count); ++done) out.push_back(++last);
    return done;
  }
  [[nodiscard]] bool at_end() const override { return last == 3; }

  int last = 0;
  std::vector<Deadline> deadlines;
};

TEST(Reader, a_deadline_is_one_for_the_whole_read) {
  Counter counter;
  const Deadline deadline = Deadline::after(1h);

  EXPECT_EQ(counter.read(3, deadline).value(), (std::vector{1, 2, 3}));

  EXPECT_EQ(counter.deadlines, std::vector{deadline});
}

TEST(Reader, a_deadline_per_item_begins_anew_with_each) {
  Counter counter;

  EXPECT_EQ(counter.read(0, PerItem{1h}).value(), (std::vector{1, 2, 3}));

  ASSERT_EQ(counter.deadlines.size(), 4U);
  for (std::size_t i = 1; i < 4; ++i) EXPECT_GT(counter.deadlines[i], counter.deadlines[i - 1]);
}

TEST(Reader, a_kind_of_reader_needs_read_into_and_at_end_only) {
  Counter counter;

  EXPECT_EQ(counter.next(Deadline::now()).value(), 1);
  EXPECT_EQ(counter.try_next(), 2);
  std::vector<int> rest;
  for (const int item : counter.items(Deadline::never())) rest.push_back(item);

  EXPECT_EQ(rest, std::vector{3});
  EXPECT_EQ(counter.next(Deadline::never()).error().code(), Errc::closed);
  EXPECT_EQ(counter.try_next(), std::nullopt);
}

}  // namespace
}  // namespace prong

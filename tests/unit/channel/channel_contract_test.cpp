// What every kind of channel does the same, used by one thread.
#include "prong/channel/make_channel.hpp"
#include "prong/channel/serial_channel.hpp"
#include "prong/os/poll.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <numeric>
#include <ranges>
#include <stdexcept>
#include <string>

namespace prong {
namespace {

using namespace std::chrono_literals;

struct WithLocks {
  template <class T>
  using Kind = Channel<T>;
};
struct WithoutLocks {
  template <class T>
  using Kind = SerialChannel<T>;
};

template <class Kind>
class ChannelContract : public ::testing::Test {
 protected:
  template <class T = int>
  static auto make(ChannelOptions options = {}) {
    return make_channel<T, Kind::template Kind>(options);
  }
};
using Kinds = ::testing::Types<WithLocks, WithoutLocks>;
TYPED_TEST_SUITE(ChannelContract, Kinds);

template <class WriterType>
void write_all(WriterType& writer, const std::vector<int>& items) {
  for (const int item : items) ASSERT_TRUE(writer.write(item, Deadline::now()));
}

TYPED_TEST(ChannelContract, gives_items_in_the_order_in_which_they_were_written) {
  auto [reader, writer] = this->make();

  write_all(writer, {1, 2, 3});

  EXPECT_EQ(writer.size(), 3U);
  EXPECT_EQ(reader.read(2, Deadline::now()).value(), (std::vector{1, 2}));
  EXPECT_EQ(reader.next(Deadline::now()).value(), 3);
  EXPECT_EQ(writer.size(), 0U);
}

TYPED_TEST(ChannelContract, reads_more_items_than_it_holds_at_once) {
  auto [reader, writer] = this->make({.capacity = 3});
  std::vector<int> all;

  for (int round = 0; round < 5; ++round) {
    write_all(writer, {1, 2, 3});
    for (const int item : reader.try_read(0).value()) all.push_back(item);
  }

  EXPECT_EQ(all.size(), 15U);
}

TYPED_TEST(ChannelContract, read_of_zero_reads_all_until_it_is_closed) {
  auto [reader, writer] = this->make();
  write_all(writer, {1, 2, 3});

  writer.close();

  EXPECT_EQ(reader.read(0, Deadline::never()).value(), (std::vector{1, 2, 3}));
  EXPECT_TRUE(reader.at_end());
  EXPECT_TRUE(reader.read(0, Deadline::never()).value().empty());
}

TYPED_TEST(ChannelContract, a_read_returns_fewer_items_at_the_end_and_none_behind_it) {
  auto [reader, writer] = this->make();
  write_all(writer, {1, 2});
  writer.close();

  EXPECT_EQ(reader.read(5, Deadline::never()).value(), (std::vector{1, 2}));
  EXPECT_TRUE(reader.read(5, Deadline::never()).value().empty());
  EXPECT_EQ(reader.next(Deadline::never()).error().code(), Errc::closed);
}

TYPED_TEST(ChannelContract, a_read_returns_what_came_before_its_deadline) {
  auto [reader, writer] = this->make();
  write_all(writer, {1, 2});

  EXPECT_EQ(reader.read(3, Deadline::after(1ms)).value(), (std::vector{1, 2}));
  EXPECT_TRUE(reader.read(3, Deadline::after(1ms)).value().empty());
  EXPECT_FALSE(reader.at_end());
  EXPECT_EQ(reader.next(Deadline::after(1ms)).error().code(), Errc::deadline_exceeded);
  EXPECT_FALSE(reader.try_next());
}

TYPED_TEST(ChannelContract, a_write_after_the_close_fails_and_leaves_the_item_alone) {
  auto [reader, writer] = this->template make<std::string>();
  std::string item = "a text that is longer than what fits into a string itself";
  writer.close();
  writer.close();

  const auto written = writer.write(std::move(item), Deadline::never());

  EXPECT_TRUE(writer.closed());
  EXPECT_EQ(written.error().code(), Errc::read_only);
  EXPECT_FALSE(item.empty());
  EXPECT_THROW(writer.write(item, Deadline::never()).value(), ReadOnly);
}

TYPED_TEST(ChannelContract, failure_comes_after_the_items_and_stays) {
  auto [reader, writer] = this->make();
  write_all(writer, {1, 2});

  writer.close(Error{Errc::handler_failed, "no more paper"});

  EXPECT_EQ(reader.read(5, Deadline::never()).value(), (std::vector{1, 2}));
  EXPECT_EQ(reader.read(5, Deadline::never()).error().message(), "no more paper");
  EXPECT_EQ(reader.read(0, PerItem{1ms}).error().message(), "no more paper");
  EXPECT_EQ(reader.next(Deadline::never()).error().message(), "no more paper");
}

TYPED_TEST(ChannelContract, only_the_first_close_counts) {
  auto [reader, writer] = this->make();

  writer.close();
  writer.close(Error{Errc::handler_failed, "too late"});

  EXPECT_TRUE(reader.read(0, Deadline::never()));
}

TYPED_TEST(ChannelContract, is_full_at_its_capacity_whatever_number_that_is) {
  for (const std::size_t capacity : {1U, 2U, 3U, 7U}) {
    auto [reader, writer] = this->make({.capacity = capacity});
    for (std::size_t i = 0; i < capacity; ++i) ASSERT_TRUE(writer.try_write(0));

    EXPECT_EQ(writer.try_write(0).error().code(), Errc::overloaded);
    EXPECT_EQ(writer.write(0, Deadline::after(1ms)).error().code(), Errc::deadline_exceeded);
    EXPECT_EQ(writer.size(), capacity);
  }
}

TYPED_TEST(ChannelContract, a_refused_item_stays_with_the_caller) {
  auto [reader, writer] = this->template make<std::unique_ptr<int>>({.capacity = 1});
  auto item = std::make_unique<int>(7);
  ASSERT_TRUE(writer.try_write(std::make_unique<int>(6)));

  EXPECT_FALSE(writer.try_write(std::move(item)));
  ASSERT_TRUE(item);
  EXPECT_EQ(*reader.next(Deadline::now()).value(), 6);
  EXPECT_TRUE(writer.try_write(std::move(item)));
  EXPECT_FALSE(item);
}

TYPED_TEST(ChannelContract, reject_does_not_wait_for_room) {
  auto [reader, writer] = this->make({.capacity = 1, .when_full = ChannelPolicy::reject});
  write_all(writer, {1});

  EXPECT_EQ(writer.write(2, Deadline::never()).error().code(), Errc::overloaded);
  EXPECT_EQ(reader.try_read(0).value(), (std::vector{1}));
}

TYPED_TEST(ChannelContract, drop_oldest_takes_the_place_of_the_oldest_and_counts_it) {
  auto [reader, writer] = this->make({.capacity = 3, .when_full = ChannelPolicy::drop_oldest});

  write_all(writer, {1, 2, 3, 4, 5});

  EXPECT_EQ(reader.try_read(0).value(), (std::vector{3, 4, 5}));
  const ChannelStatistics figures = reader.channel()->statistics();
  EXPECT_EQ(figures.written, 5U);
  EXPECT_EQ(figures.read, 3U);
  EXPECT_EQ(figures.dropped, 2U);
}

TYPED_TEST(ChannelContract, write_some_says_how_many_went_in) {
  auto [reader, writer] = this->make({.capacity = 3});
  std::vector<int> items{1, 2, 3, 4, 5};

  EXPECT_EQ(writer.write_some(items, Deadline::now()).value(), 3U);
  EXPECT_EQ(writer.write_some(std::span{items}.subspan(3), Deadline::now()).error().code(), Errc::deadline_exceeded);
  EXPECT_EQ(writer.write_some({}, Deadline::now()).value(), 0U);
}

TYPED_TEST(ChannelContract, the_last_writer_that_goes_closes_it) {
  auto [reader, writer] = this->make();
  {
    const auto first = std::move(writer);
    auto second = first;
    write_all(second, {1});
  }

  EXPECT_EQ(reader.read(0, Deadline::never()).value(), (std::vector{1}));
}

TYPED_TEST(ChannelContract, a_last_writer_that_an_exception_takes_away_is_no_quiet_end) {
  auto [reader, writer] = this->make();
  auto produce = [writer = std::move(writer)]() mutable {
    const auto mine = std::move(writer);
    throw std::runtime_error{"out of ideas"};
  };

  EXPECT_THROW(produce(), std::runtime_error);

  EXPECT_EQ(reader.read(0, Deadline::never()).error().code(), Errc::cancelled);
}

TYPED_TEST(ChannelContract, a_write_fails_when_nobody_is_left_to_read) {
  auto [reader, writer] = this->make();
  write_all(writer, {1});
  { const auto last = std::move(reader); }

  EXPECT_EQ(writer.write(2, Deadline::never()).error().code(), Errc::read_only);
}

TYPED_TEST(ChannelContract, items_that_nobody_reads_are_destroyed_with_it) {
  const auto item = std::make_shared<int>(0);
  {
    auto [reader, writer] = this->template make<std::shared_ptr<int>>({.capacity = 5});
    for (int i = 0; i < 4; ++i) ASSERT_TRUE(writer.try_write(item));
    ASSERT_TRUE(reader.try_next());
    ASSERT_EQ(item.use_count(), 4);
  }

  EXPECT_EQ(item.use_count(), 1);
}

TYPED_TEST(ChannelContract, its_items_are_an_input_range) {
  auto [reader, writer] = this->make();
  write_all(writer, {1, 2, 3, 4});
  writer.close();
  using Range = decltype(reader.items(Deadline::never()));
  static_assert(std::ranges::input_range<Range>);
  static_assert(std::input_iterator<std::ranges::iterator_t<Range>>);

  auto items = reader.items(Deadline::never());
  auto even = items | std::views::filter([](int item) { return item % 2 == 0; });
  std::vector<int> found;
  std::ranges::copy(even, std::back_inserter(found));

  EXPECT_EQ(found, (std::vector{2, 4}));
}

TYPED_TEST(ChannelContract, a_loop_over_items_throws_what_the_writer_failed_with_or_the_deadline) {
  auto [reader, writer] = this->make();
  write_all(writer, {1, 2});
  int sum = 0;

  EXPECT_THROW(for (const int item : reader.items(Deadline::after(1ms))) sum += item, DeadlineExceeded);
  writer.close(Error{Errc::out_of_range, "below zero"});
  EXPECT_THROW(for (const int item : reader.items(Deadline::never())) sum += item, Exception);

  EXPECT_EQ(sum, 3);
}

TYPED_TEST(ChannelContract, its_descriptor_is_readable_while_there_is_something_or_the_end) {
  auto [reader, writer] = this->make();
  const int descriptor = reader.descriptor().value();
  EXPECT_EQ(reader.descriptor().value(), descriptor);
  EXPECT_FALSE(os::readable(descriptor));

  write_all(writer, {1, 2});
  EXPECT_TRUE(os::readable(descriptor));
  ASSERT_TRUE(reader.try_next());
  EXPECT_TRUE(os::readable(descriptor));
  ASSERT_TRUE(reader.try_next());
  ASSERT_FALSE(reader.try_next());
  EXPECT_FALSE(os::readable(descriptor));

  write_all(writer, {3});
  EXPECT_TRUE(os::readable(descriptor));
  EXPECT_EQ(reader.try_read(0).value().size(), 1U);
  EXPECT_FALSE(os::readable(descriptor));
  writer.close();
  EXPECT_TRUE(os::readable(descriptor));
  EXPECT_FALSE(reader.try_next());
  EXPECT_TRUE(os::readable(descriptor));
}

TYPED_TEST(ChannelContract, a_descriptor_asked_for_late_knows_what_was_written_before) {
  auto [reader, writer] = this->make();
  write_all(writer, {1});

  EXPECT_TRUE(os::readable(reader.descriptor().value()));
}

TYPED_TEST(ChannelContract, calls_back_once_when_there_is_something_and_once_when_there_is_room) {
  auto [reader, writer] = this->make({.capacity = 1});
  int readable = 0;
  int writable = 0;

  writer.on_writable([&] { ++writable; });
  EXPECT_EQ(writable, 1);
  reader.on_readable([&] { ++readable; });
  EXPECT_EQ(readable, 0);
  write_all(writer, {1});
  EXPECT_EQ(readable, 1);
  writer.on_writable([&] { ++writable; });
  EXPECT_EQ(writable, 1);
  ASSERT_TRUE(reader.try_next());
  EXPECT_EQ(writable, 2);
  write_all(writer, {2});

  EXPECT_EQ(readable, 1);
}

TYPED_TEST(ChannelContract, calls_back_at_its_end) {
  auto [reader, writer] = this->make({.capacity = 1});
  int calls = 0;
  reader.on_readable([&] { ++calls; });

  writer.close();
  EXPECT_EQ(calls, 1);
  reader.on_readable([&] { ++calls; });
  writer.on_writable([&] { ++calls; });

  EXPECT_EQ(calls, 3);
}

}  // namespace
}  // namespace prong

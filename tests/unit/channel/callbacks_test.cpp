#include "prong/channel/callbacks.hpp"

#include "prong/channel/make_channel.hpp"

#include <gtest/gtest.h>

#include <stdexcept>

namespace prong {
namespace {

auto make_called_back() {
  return make_channel<int, Channel, CallbackChannelReader, CallbackChannelWriter>();
}

TEST(CallbackChannelReader, is_told_the_count_before_anything_is_read) {
  auto [reader, writer] = make_called_back();
  ASSERT_TRUE(writer.try_write(1));
  std::vector<std::size_t> counts;
  reader.set_pre_callback([&, writer = writer](std::size_t count) {
    counts.push_back(count);
    counts.push_back(writer.size());
  });

  EXPECT_EQ(reader.try_read(3).value(), std::vector{1});
  EXPECT_EQ(counts, (std::vector<std::size_t>{3, 1}));
}

TEST(CallbackChannelReader, an_exception_before_a_read_leaves_everything_in_the_channel) {
  auto [reader, writer] = make_called_back();
  ASSERT_TRUE(writer.try_write(1));
  reader.set_pre_callback([](std::size_t) { throw std::logic_error{"not now"}; });

  EXPECT_THROW((void)reader.try_read(1), std::logic_error);
  EXPECT_THROW((void)reader.try_next(), std::logic_error);

  EXPECT_EQ(writer.size(), 1U);
}

TEST(CallbackChannelReader, gets_the_items_as_the_callback_left_them) {
  auto [reader, writer] = make_called_back();
  for (int i = 1; i <= 4; ++i) ASSERT_TRUE(writer.try_write(i));
  reader.set_post_callback([](std::vector<int>& items) {
    std::erase(items, 2);
    for (int& item : items) item *= 10;
  });

  EXPECT_EQ(reader.read(3, Deadline::now()).value(), (std::vector{10, 30}));
  EXPECT_EQ(reader.next(Deadline::now()).value(), 40);
}

TEST(CallbackChannelReader, next_goes_on_to_an_item_that_the_callback_leaves) {
  auto [reader, writer] = make_called_back();
  for (int i = 1; i <= 3; ++i) ASSERT_TRUE(writer.try_write(i));
  writer.close();
  reader.set_post_callback([](std::vector<int>& items) { std::erase_if(items, [](int item) { return item < 3; }); });

  EXPECT_EQ(reader.next(Deadline::never()).value(), 3);
  EXPECT_EQ(reader.next(Deadline::never()).error().code(), Errc::closed);
}

TEST(CallbackChannelReader, items_that_the_callback_adds_come_next) {
  auto [reader, writer] = make_called_back();
  ASSERT_TRUE(writer.try_write(1));
  ASSERT_TRUE(writer.try_write(2));
  writer.close();
  reader.set_post_callback([](std::vector<int>& items) { items.push_back(items.back() * 100); });

  EXPECT_EQ(reader.next(Deadline::never()).value(), 1);
  EXPECT_EQ(reader.next(Deadline::never()).value(), 100);
  EXPECT_EQ(reader.next(Deadline::never()).value(), 2);
  EXPECT_FALSE(reader.at_end());
  EXPECT_EQ(reader.read(0, Deadline::never()).value(), std::vector{200});
  EXPECT_TRUE(reader.at_end());
}

TEST(CallbackChannelReader, a_setter_returns_what_was_set_before) {
  auto [reader, writer] = make_called_back();
  int calls = 0;

  EXPECT_FALSE(reader.set_pre_callback([&](std::size_t) { ++calls; }));
  EXPECT_FALSE(reader.set_post_callback([&](std::vector<int>&) { ++calls; }));
  const auto pre = reader.set_pre_callback(nullptr);
  const auto post = reader.set_post_callback(nullptr);
  ASSERT_TRUE(writer.try_write(1));
  EXPECT_EQ(reader.try_read(0).value().size(), 1U);
  EXPECT_EQ(calls, 0);

  ASSERT_TRUE(pre);
  ASSERT_TRUE(post);
  std::vector<int> items;
  pre(1);
  post(items);
  EXPECT_EQ(calls, 2);
}

TEST(CallbackChannelWriter, writes_what_the_callback_makes_of_an_item) {
  auto [reader, writer] = make_called_back();
  EXPECT_FALSE(writer.set_pre_callback([](int& item) { item += 1; }));
  std::vector<int> items{10, 20};

  ASSERT_TRUE(writer.write(1, Deadline::now()));
  EXPECT_EQ(writer.write_some(items, Deadline::now()).value(), 2U);
  EXPECT_TRUE(writer.set_pre_callback(nullptr));
  ASSERT_TRUE(writer.try_write(5));

  EXPECT_EQ(reader.try_read(0).value(), (std::vector{2, 11, 21, 5}));
}

TEST(CallbackChannelWriter, an_exception_before_a_write_writes_nothing) {
  auto [reader, writer] = make_called_back();
  writer.set_pre_callback([](int&) { throw std::logic_error{"not now"}; });

  EXPECT_THROW((void)writer.write(1, Deadline::now()), std::logic_error);

  EXPECT_EQ(writer.size(), 0U);
}

}  // namespace
}  // namespace prong

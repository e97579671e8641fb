// What a channel does between threads.
#include "prong/channel/channel.hpp"

#include "prong/channel/make_channel.hpp"
#include "prong/os/poll.hpp"
#include "random_rounds.hpp"

#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <latch>
#include <random>
#include <thread>
#include <vector>

namespace prong {
namespace {

using namespace std::chrono_literals;

TEST(Channel, a_reader_waits_for_a_writer_and_a_writer_for_room) {
  auto [reader, writer] = make_channel<int>({.capacity = 2});
  constexpr int count = 10'000;

  std::thread producer{[writer = std::move(writer)]() mutable {
    for (int i = 0; i < count; ++i) ASSERT_TRUE(writer.write(i, Deadline::never()));
  }};
  int expected = 0;
  for (const int item : reader.items(Deadline::never())) ASSERT_EQ(item, expected++);
  producer.join();

  EXPECT_EQ(expected, count);
}

TEST(Channel, closing_wakes_every_reader_and_each_gets_an_end) {
  auto [reader, writer] = make_channel<int>();
  constexpr int readers = 4;
  std::latch started{readers};
  std::atomic<int> ends{0};
  std::vector<std::thread> threads;
  for (int i = 0; i < readers; ++i)
    threads.emplace_back([&, reader = reader]() mutable {
      started.count_down();
      const auto items = reader.read(0, Deadline::never());
      if (items && items->empty()) ends.fetch_add(1);
    });
  started.wait();

  writer.close();
  for (auto& thread : threads) thread.join();

  EXPECT_EQ(ends.load(), readers);
}

TEST(Channel, closing_wakes_writers_that_wait_for_room) {
  auto [reader, writer] = make_channel<int>({.capacity = 1});
  ASSERT_TRUE(writer.try_write(0));
  std::latch started{2};
  std::atomic<int> refused{0};
  std::vector<std::thread> threads;
  for (int i = 0; i < 2; ++i)
    threads.emplace_back([&, writer = writer]() mutable {
      started.count_down();
      if (writer.write(1, Deadline::never()).error().code() == Errc::read_only) refused.fetch_add(1);
    });
  started.wait();

  writer.close();
  for (auto& thread : threads) thread.join();

  EXPECT_EQ(refused.load(), 2);
  EXPECT_EQ(reader.read(0, Deadline::never()).value(), std::vector{0});
}

TEST(Channel, the_last_reader_that_goes_wakes_a_writer_that_waits_for_room) {
  auto [reader, writer] = make_channel<int>({.capacity = 1});
  ASSERT_TRUE(writer.try_write(0));
  std::latch started{1};
  std::thread thread{[&, writer = std::move(writer)]() mutable {
    started.count_down();
    EXPECT_EQ(writer.write(1, Deadline::never()).error().code(), Errc::read_only);
  }};
  started.wait();

  { const auto last = std::move(reader); }

  thread.join();
}

// With a deadline for each item these reads would have no end: there is always a next one in time.
TEST(Channel, a_read_ends_at_its_deadline_however_fast_somebody_writes) {
  auto [reader, writer] = make_channel<int>({.capacity = 64});
  std::thread producer{[writer = std::move(writer)]() mutable {
    while (writer.write(1, Deadline::never())) {
    }
  }};

  ASSERT_TRUE(reader.next(Deadline::never()));  // it has begun
  EXPECT_TRUE(reader.read(0, Deadline::after(2ms)));
  for (int i = 0; i < 100; ++i) EXPECT_TRUE(reader.try_read(0));

  reader = {};
  producer.join();
}

TEST(Channel, poll_on_its_descriptor_loses_no_item) {
  auto [reader, writer] = make_channel<int>({.capacity = 4});
  constexpr int count = 5'000;
  const int descriptor = reader.descriptor().value();
  std::thread producer{[writer = std::move(writer)]() mutable {
    for (int i = 0; i < count; ++i) ASSERT_TRUE(writer.write(i, Deadline::never()));
  }};

  int expected = 0;
  while (!reader.at_end()) {
    ASSERT_TRUE(os::wait_readable(descriptor, Deadline::never()));
    while (const auto item = reader.try_next()) ASSERT_EQ(*item, expected++);
  }
  producer.join();

  EXPECT_EQ(expected, count);
}

TEST(Channel, drop_oldest_keeps_the_order_and_counts_exactly_while_somebody_reads) {
  auto [reader, writer] = make_channel<std::uint64_t>({.capacity = 3, .when_full = ChannelPolicy::drop_oldest});
  constexpr std::uint64_t count = 50'000;
  const auto channel = reader.channel();
  std::thread producer{[writer = std::move(writer)]() mutable {
    for (std::uint64_t i = 1; i <= count; ++i) ASSERT_TRUE(writer.write(i, Deadline::never()));
  }};

  std::uint64_t last = 0;
  std::uint64_t got = 0;
  for (const std::uint64_t item : reader.items(Deadline::never())) {
    ASSERT_GT(item, last);
    last = item;
    ++got;
  }
  producer.join();

  const ChannelStatistics figures = channel->statistics();
  EXPECT_EQ(last, count);
  EXPECT_EQ(figures.written, count);
  EXPECT_EQ(figures.read, got);
  EXPECT_EQ(figures.read + figures.dropped, figures.written);
}

// An item knows who wrote it and when, so that loss, doubling and disorder show.
struct Stamp {
  std::uint32_t writer;
  std::uint32_t number;
};

struct StressCase {
  ChannelOptions options;
  std::size_t writers;
  std::size_t readers;
  std::uint32_t items;
};

void write_stamps(ChannelWriter<Stamp> writer, std::uint32_t name, std::uint32_t count, std::uint64_t seed) {
  std::mt19937_64 random{seed};
  std::uint32_t next = 0;
  while (next != count) {
    std::vector<Stamp> batch;
    const auto size = std::min<std::uint32_t>(static_cast<std::uint32_t>(random() % 6 + 1), count - next);
    for (std::uint32_t i = 0; i < size; ++i) batch.push_back({name, next + i});
    const auto deadline =
        random() % 3 == 0 ? Deadline::now() : Deadline::after(std::chrono::microseconds{random() % 200});
    const auto written = writer.write_some(batch, deadline);
    next += written ? static_cast<std::uint32_t>(*written) : 0;
    if (!written) std::this_thread::yield();  // whoever could make room
  }
}

std::vector<Stamp> read_stamps(ChannelReader<Stamp> reader, std::uint64_t seed) {
  std::mt19937_64 random{seed};
  std::vector<Stamp> all;
  while (!reader.at_end()) {
    const auto deadline =
        random() % 3 == 0 ? Deadline::now() : Deadline::after(std::chrono::microseconds{random() % 200});
    const std::size_t before = all.size();
    if (random() % 2 == 0) {
      if (const auto item = reader.next(deadline)) all.push_back(*item);
    } else {
      EXPECT_TRUE(reader.read_into(all, random() % 7 + 1, deadline));
    }
    if (all.size() == before) std::this_thread::yield();
  }
  return all;
}

void run_stress(const StressCase& stress, std::mt19937_64& random) {
  auto [reader, writer] = make_channel<Stamp>(stress.options);
  std::vector<std::vector<Stamp>> got(stress.readers);
  std::vector<std::thread> threads;
  for (std::size_t i = 0; i < stress.readers; ++i)
    threads.emplace_back([&got, i, reader = reader, seed = random()] { got[i] = read_stamps(reader, seed); });
  for (std::size_t i = 0; i < stress.writers; ++i)
    threads.emplace_back(write_stamps, writer, static_cast<std::uint32_t>(i), stress.items, random());
  const auto channel = writer.channel();
  writer = {};
  for (auto& thread : threads) thread.join();

  std::vector<std::vector<int>> seen(stress.writers, std::vector<int>(stress.items));
  for (const auto& items : got) {
    std::vector<std::int64_t> last(stress.writers, -1);
    for (const Stamp& stamp : items) {
      ASSERT_GT(stamp.number, last[stamp.writer]) << "disorder";
      last[stamp.writer] = stamp.number;
      ++seen[stamp.writer][stamp.number];
    }
  }
  std::uint64_t missing = 0;
  for (const auto& numbers : seen)
    for (const int times : numbers) {
      ASSERT_LE(times, 1) << "doubled";
      missing += times == 0 ? 1 : 0;
    }
  EXPECT_EQ(missing, channel->statistics().dropped);
}

TEST(Channel, many_writers_and_readers_lose_and_double_nothing_whatever_their_deadlines) {
  const std::uint64_t seed = tests::random_seed();
  SCOPED_TRACE(seed);
  std::mt19937_64 random{seed};
  constexpr std::array policies{ChannelPolicy::block, ChannelPolicy::reject, ChannelPolicy::drop_oldest};
  for (int round = 0; round < 12; ++round) {
    const StressCase stress{.options = {.capacity = random() % 9 + 1, .when_full = policies[random() % 3]},
                            .writers = random() % 3 + 1,
                            .readers = random() % 3 + 1,
                            .items = 1'000};
    run_stress(stress, random);
  }
}

TEST(Channel, a_close_in_the_middle_loses_nothing_that_was_written) {
  const std::uint64_t seed = tests::random_seed();
  SCOPED_TRACE(seed);
  std::mt19937_64 random{seed};
  for (int round = 0; round < 30; ++round) {
    auto [reader, writer] = make_channel<int>({.capacity = random() % 5 + 1});
    std::atomic<std::uint64_t> written{0};
    std::atomic<std::uint64_t> read{0};
    const std::uint64_t close_at = random() % 300;
    std::vector<std::thread> threads;
    for (int i = 0; i < 2; ++i) {
      threads.emplace_back([&, writer = writer]() mutable {
        while (writer.write(1, Deadline::never())) written.fetch_add(1);
      });
      threads.emplace_back([&, reader = reader]() mutable {
        while (reader.next(Deadline::never())) read.fetch_add(1);
      });
    }
    while (written.load() < close_at) std::this_thread::yield();

    writer.close();
    for (auto& thread : threads) thread.join();

    ASSERT_EQ(read.load(), written.load());
  }
}

}  // namespace
}  // namespace prong

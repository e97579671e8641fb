#include "prong/transport/port.hpp"

#include "prong/os/poll.hpp"

#include <gtest/gtest.h>
#include <sys/epoll.h>

#include <cstring>
#include <random>
#include <thread>

namespace prong::transport {
namespace {

using namespace std::chrono_literals;

struct Pair {
  Segment segment = Segment::create("test", {.data_bytes = 4096}).value();
  Port front = Port::open(segment, Side::frontend).value();
  Port back = Port::open(segment, Side::backend).value();
};

std::string take(Port& port, Lane lane = Lane::data) {
  const auto record = port.next(lane).value();
  if (!record) return "nothing";
  std::string text{as_text(*record)};
  port.release();
  return text;
}

TEST(Segment, of_a_size_that_is_no_power_of_two_or_less_than_a_page_is_refused) {
  EXPECT_EQ(Segment::create("t", {.data_bytes = 5000}).error().code(), Errc::size_invalid);
  EXPECT_EQ(Segment::create("t", {.data_bytes = 1024}).error().code(), Errc::size_invalid);
  EXPECT_EQ(Segment::create("t", {.data_bytes = std::size_t{1} << 63}).error().code(), Errc::size_invalid);
}

TEST(Port, a_record_of_two_parts_arrives_whole_after_flush_and_not_before) {
  Pair pair;

  ASSERT_EQ(pair.front.try_send(Lane::data, as_bytes("head"), as_bytes("tail")), Push::done);
  EXPECT_EQ(take(pair.back), "nothing");
  pair.front.flush(Lane::data);

  EXPECT_EQ(take(pair.back), "headtail");
  EXPECT_EQ(take(pair.back), "nothing");
  EXPECT_EQ(pair.front.sent(Lane::data), pair.back.received(Lane::data));
}

TEST(Port, control_gets_through_while_data_is_full) {
  Pair pair;
  const std::string large(1000, 'x');
  while (pair.front.try_send(Lane::data, as_bytes(large), {}) == Push::done) {
  }

  EXPECT_EQ(pair.front.try_send(Lane::control, as_bytes("stop"), {}), Push::done);
  pair.front.flush(Lane::control);

  EXPECT_EQ(take(pair.back, Lane::control), "stop");
}

TEST(Port, a_full_lane_takes_records_again_once_some_were_released) {
  Pair pair;
  const std::string large(1000, 'x');
  int sent = 0;
  while (pair.front.try_send(Lane::data, as_bytes(large), {}) == Push::done) ++sent;
  pair.front.flush(Lane::data);

  ASSERT_TRUE(pair.back.next(Lane::data).value());
  EXPECT_EQ(pair.front.try_send(Lane::data, as_bytes(large), {}), Push::full);
  pair.back.release();

  EXPECT_EQ(sent, 4);
  EXPECT_EQ(pair.front.try_send(Lane::data, as_bytes(large), {}), Push::done);
}

TEST(Port, the_bell_is_rung_only_for_a_peer_that_sleeps_and_once_per_sleep) {
  Pair pair;

  static_cast<void>(pair.front.try_send(Lane::data, as_bytes("a"), {}));
  pair.front.flush(Lane::data);
  EXPECT_FALSE(os::readable(pair.back.descriptor()));
  EXPECT_FALSE(pair.back.prepare_sleep());
  EXPECT_EQ(take(pair.back), "a");
  ASSERT_TRUE(pair.back.prepare_sleep());
  static_cast<void>(pair.front.try_send(Lane::data, as_bytes("b"), {}));
  pair.front.flush(Lane::data);

  EXPECT_TRUE(os::readable(pair.back.descriptor()));
}

TEST(Port, impossible_positions_and_lengths_of_a_hostile_peer_are_bad_messages) {
  std::mt19937_64 random{7};
  for (int round = 0; round < 2'000; ++round) {
    Pair pair;
    const auto memory = pair.segment.memory().map(os::Access::read_write).value();
    static_cast<void>(pair.back.try_send(Lane::data, as_bytes("hello"), {}));
    pair.back.flush(Lane::data);

    for (int word = 0; word < 64; ++word) {
      const std::uint64_t value = random() >> (random() % 64);
      std::memcpy(memory.data() + random() % (memory.size() / 8) * 8, &value, sizeof value);
    }
    for (std::size_t page = 0; page < 128; ++page) {
      const std::uint64_t value = random() >> (random() % 64);
      std::memcpy(memory.data() + page * 8, &value, sizeof value);
    }

    // Whatever is found: no crash, no read outside the ring, and an end.
    for (int i = 0; i < 2'000; ++i) {
      const auto record = pair.front.next(Lane::data);
      if (!record || !*record) break;
      ASSERT_LE((*record)->size(), max_record(4096));
    }
    static_cast<void>(pair.front.try_send(Lane::data, as_bytes("x"), {}));
    static_cast<void>(pair.front.calls().give_up(RequestNumber{7, 1}));
  }
}

TEST(Port, each_side_sees_what_the_other_says_of_every_call) {
  Pair pair;
  const std::size_t slots = pair.front.calls().slots();
  const RequestNumber last{slots - 1, 3};
  const RequestNumber given_up{0, 1};

  EXPECT_EQ(slots, 4096U / 32);
  EXPECT_TRUE(pair.back.calls().try_begin(last));
  EXPECT_TRUE(pair.front.calls().give_up(last));
  EXPECT_FALSE(pair.front.calls().give_up(given_up));
  EXPECT_FALSE(pair.back.calls().try_begin(given_up));
}

// The receiver's thread: sleeps on the bell whenever there is nothing.
std::uint64_t receive_all(Port& port, std::uint64_t rounds) {
  const os::UniqueFd epoll{::epoll_create1(EPOLL_CLOEXEC)};
  epoll_event event{.events = EPOLLIN | EPOLLET, .data = {}};
  EXPECT_EQ(::epoll_ctl(epoll.get(), EPOLL_CTL_ADD, port.descriptor(), &event), 0);
  std::uint64_t sum = 0;
  for (std::uint64_t received = 0; received < rounds;) {
    const auto record = port.next(Lane::data).value();
    if (record) {
      std::uint64_t number = 0;
      std::memcpy(&number, record->data(), sizeof number);
      sum += number;
      ++received;
      if (received % 3 == 0) port.release();
      continue;
    }
    port.release();
    if (!port.prepare_sleep()) continue;
    while (::epoll_wait(epoll.get(), &event, 1, -1) < 0) {
    }
    port.finish_sleep();
  }
  return sum;
}

TEST(Port, no_wake_up_is_lost_between_a_sender_and_a_receiver_that_both_sleep) {
  Pair pair;
  constexpr std::uint64_t rounds = 200'000;
  std::uint64_t sum = 0;

  std::thread receiver{[&] { sum = receive_all(pair.back, rounds); }};
  const os::UniqueFd epoll{::epoll_create1(EPOLL_CLOEXEC)};
  epoll_event event{.events = EPOLLIN | EPOLLET, .data = {}};
  ASSERT_EQ(::epoll_ctl(epoll.get(), EPOLL_CTL_ADD, pair.front.descriptor(), &event), 0);
  for (std::uint64_t i = 0; i < rounds; ++i) {
    const Bytes bytes = std::as_bytes(std::span{&i, 1});
    while (pair.front.try_send(Lane::data, bytes, {}) == Push::full) {
      pair.front.flush(Lane::data);
      pair.front.prepare_space_wait();
      if (pair.front.try_send(Lane::data, bytes, {}) == Push::done) break;
      while (::epoll_wait(epoll.get(), &event, 1, -1) < 0) {
      }
    }
    pair.front.finish_space_wait();
    if (i % 7 == 0) pair.front.flush(Lane::data);
  }
  pair.front.flush(Lane::data);
  receiver.join();

  EXPECT_EQ(sum, rounds * (rounds - 1) / 2);
}

}  // namespace
}  // namespace prong::transport

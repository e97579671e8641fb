#include "prong/frame/frame_ring.hpp"

#include "frame_pattern.hpp"
#include "prong/base/exception.hpp"
#include "prong/os/poll.hpp"
#include "prong/testing/census.hpp"
#include "test_peer.hpp"

#include <gtest/gtest.h>

#include <thread>

namespace prong {
namespace {

using namespace std::chrono_literals;
using tests::fill_pattern;
using tests::has_pattern;
using tests::ThreadPeer;

FrameRingOptions options(FramePolicy policy, std::size_t slots = 4, std::size_t readers = 1) {
  return {.name = "test", .slots = slots, .slot_bytes = 4096, .readers = readers, .policy = policy};
}

// Both ends in one process.
struct Ends {
  explicit Ends(const FrameRingOptions& wanted) : ring{wanted} {}

  std::uint64_t put() {
    auto writer = producer.acquire(Deadline::now()).value();
    return writer.publish(fill_pattern(writer.bytes(), producer.published() + 1)).value();
  }
  Errc fails_to_put() { return producer.acquire(Deadline::now()).error().code(); }
  FrameLease take() { return consumer.next(Deadline::now()).value(); }
  Errc fails_to_take() { return consumer.next(Deadline::now()).error().code(); }
  FrameReaderStatistics statistics() { return ring.statistics().value().readers.at(0); }

  FrameRing ring;
  FrameProducer producer = ring.producer().value();
  FrameConsumer consumer = ring.consumer().value();
};

TEST(FrameRing, of_impossible_size_is_refused) {
  const auto refused = [](FrameRingOptions wanted) {
    try {
      const FrameRing ring{wanted};
    } catch (const Exception& exception) {
      return exception.code();
    }
    return Errc{};
  };

  EXPECT_EQ(refused({.slots = 0, .slot_bytes = 10}), Errc::size_invalid);
  EXPECT_EQ(refused({.slots = 65'536, .slot_bytes = 10}), Errc::size_invalid);
  EXPECT_EQ(refused({.slots = 4, .slot_bytes = 0}), Errc::size_invalid);
  EXPECT_EQ(refused({.slots = 4, .slot_bytes = SIZE_MAX}), Errc::size_invalid);
  EXPECT_EQ(refused({.slots = 4, .slot_bytes = SIZE_MAX / 2}), Errc::size_invalid);
  EXPECT_EQ(refused({.slots = 4, .slot_bytes = 10, .readers = 0}), Errc::size_invalid);
  EXPECT_EQ(refused({.slots = 4, .slot_bytes = 10, .readers = 65}), Errc::size_invalid);
  EXPECT_EQ(refused({.name = "", .slots = 4, .slot_bytes = 10}), Errc::invalid_argument);
  EXPECT_EQ(refused({.name = std::string(201, 'x'), .slots = 4, .slot_bytes = 10}), Errc::invalid_argument);
}

TEST(FrameRing, slots_of_any_size_do_not_overlap_and_are_aligned) {
  for (const std::size_t size : {1UL, 100UL, 128UL, 4095UL, 4096UL, 5000UL, 1'000'001UL}) {
    const FrameRing ring{{.slots = 3, .slot_bytes = size}};
    auto producer = ring.producer().value();
    const auto a = producer.acquire(Deadline::now()).value();
    const auto b = producer.acquire(Deadline::now()).value();
    const auto c = producer.acquire(Deadline::now()).value();

    for (const auto& [low, high] : {std::pair{&a, &b}, std::pair{&b, &c}}) {
      EXPECT_EQ(low->bytes().size(), size);
      EXPECT_LE(low->bytes().data() + size, high->bytes().data());
      EXPECT_EQ(reinterpret_cast<std::uintptr_t>(high->bytes().data()) % 128, 0U);
    }
  }
}

TEST(FrameRing, frame_arrives_with_what_was_said_about_it) {
  Ends ends{options(FramePolicy::block)};
  auto writer = ends.producer.acquire(Deadline::now()).value();
  FrameMeta meta = packed_picture(PixelFormat::yuv420p, 32, 16).value();
  meta.source_time = 40ms;
  meta.user[63] = std::byte{7};
  const auto before = std::chrono::steady_clock::now();
  fill_pattern(writer.bytes(), 1);

  EXPECT_EQ(writer.publish(meta).value(), 1U);
  const FrameLease lease = ends.take();

  EXPECT_FALSE(writer);
  EXPECT_EQ(lease.bytes().size(), 768U);
  EXPECT_TRUE(has_pattern(lease.bytes(), 1));
  EXPECT_EQ(lease.plane(1).data(), lease.bytes().data() + 512);
  EXPECT_EQ(lease.plane(1).size(), 128U);
  EXPECT_EQ(lease.delivery(), 1U);
  EXPECT_GE(lease.meta().published_at, before);
  EXPECT_LE(lease.meta().published_at, std::chrono::steady_clock::now());
  meta.sequence = 1;
  meta.slot = lease.meta().slot;
  meta.published_at = lease.meta().published_at;
  EXPECT_EQ(lease.meta(), meta);
}

TEST(FrameRing, larger_frame_than_the_slot_is_an_error_and_the_slot_can_still_be_published) {
  Ends ends{options(FramePolicy::block, 1)};
  auto writer = ends.producer.acquire(Deadline::now()).value();
  FrameMeta meta;

  meta.size = 4097;
  EXPECT_EQ(writer.publish(meta).error().code(), Errc::oversize);
  meta = packed_picture(PixelFormat::gray8, 100, 100).value();
  EXPECT_EQ(writer.publish(meta).error().code(), Errc::oversize);
  meta = packed_picture(PixelFormat::gray8, 10, 10).value();
  meta.planes[0].offset = 1;
  EXPECT_EQ(writer.publish(meta).error().code(), Errc::invalid_argument);
  EXPECT_EQ(ends.fails_to_take(), Errc::queue_empty);
  meta.planes[0].offset = 0;
  EXPECT_EQ(writer.publish(meta).value(), 1U);

  EXPECT_EQ(writer.publish(meta).error().code(), Errc::invalid_state);
  EXPECT_EQ(ends.take().bytes().size(), 100U);
}

TEST(FrameRing, abandoned_writer_publishes_nothing_and_gives_its_slot_back) {
  Ends ends{options(FramePolicy::block, 1)};
  for (int i = 0; i < 3; ++i) {
    const auto writer = ends.producer.acquire(Deadline::now()).value();
    EXPECT_EQ(ends.fails_to_put(), Errc::no_free_slot);
  }

  EXPECT_EQ(ends.put(), 1U);
  EXPECT_EQ(ends.take().sequence(), 1U);
}

TEST(FrameRing, moved_writers_and_leases_give_back_once) {
  Ends ends{options(FramePolicy::block, 2)};
  auto first = ends.producer.acquire(Deadline::now()).value();
  auto second = ends.producer.acquire(Deadline::now()).value();
  first = std::move(second);
  EXPECT_FALSE(second);
  EXPECT_TRUE(ends.producer.acquire(Deadline::now()));
  first.abandon();

  ends.put();
  ends.put();
  FrameLease lease = ends.take();
  lease = ends.take();
  EXPECT_EQ(lease.sequence(), 2U);
  EXPECT_EQ(ends.statistics().leased, 1U);
  const FrameLease moved{std::move(lease)};
  EXPECT_FALSE(lease);
  EXPECT_TRUE(lease.bytes().empty());

  EXPECT_EQ(ends.statistics().leased, 1U);
}

TEST(FrameRing, full_ring_blocks_until_the_deadline_and_counts_it) {
  Ends ends{options(FramePolicy::block, 2)};
  ends.put();
  ends.put();

  EXPECT_EQ(ends.fails_to_put(), Errc::no_free_slot);
  EXPECT_EQ(ends.ring.statistics().value().blocked, 0U);
  EXPECT_EQ(ends.producer.acquire(Deadline::after(5ms)).error().code(), Errc::deadline_exceeded);

  EXPECT_EQ(ends.ring.statistics().value().blocked, 1U);
  EXPECT_GE(ends.ring.statistics().value().blocked_time, 5ms);
}

TEST(FrameRing, empty_ring_waits_until_the_deadline) {
  Ends ends{options(FramePolicy::block)};
  ThreadPeer peer;

  EXPECT_EQ(ends.fails_to_take(), Errc::queue_empty);
  EXPECT_EQ(ends.consumer.next(Deadline::after(5ms)).error().code(), Errc::deadline_exceeded);
  EXPECT_EQ(ends.consumer.next(peer, Deadline::after(5ms)).error().code(), Errc::deadline_exceeded);
}

TEST(FrameRing, waits_end_with_the_peer_but_not_before_what_it_left) {
  Ends ends{options(FramePolicy::block, 1)};
  ThreadPeer peer;
  ends.put();
  peer.stop();

  EXPECT_EQ(ends.producer.acquire(peer, Deadline::never()).error().code(), Errc::stopped);
  EXPECT_EQ(ends.consumer.next(peer, Deadline::never()).value().sequence(), 1U);
  EXPECT_EQ(ends.consumer.next(peer, Deadline::never()).error().code(), Errc::stopped);
  EXPECT_TRUE(ends.producer.acquire(peer, Deadline::never()));
}

TEST(FrameRing, finished_stream_is_closed_after_its_last_frame) {
  Ends ends{options(FramePolicy::block)};
  ends.put();
  ASSERT_TRUE(ends.producer.finish());

  EXPECT_TRUE(ends.ring.statistics().value().finished);
  EXPECT_EQ(ends.take().sequence(), 1U);
  EXPECT_EQ(ends.fails_to_take(), Errc::closed);
  EXPECT_EQ(ends.consumer.next(Deadline::never()).error().code(), Errc::closed);
}

TEST(FrameRing, accounts_for_every_frame_under_each_policy) {
  for (const FramePolicy policy : {FramePolicy::block, FramePolicy::drop_oldest, FramePolicy::latest_only}) {
    Ends ends{options(policy, 3)};
    std::uint64_t put = 0;
    for (int i = 0; i < 10; ++i)
      if (auto writer = ends.producer.acquire(Deadline::now())) put = writer->publish({}).value();

    const auto all = ends.ring.statistics().value();
    EXPECT_EQ(all.published, put);
    EXPECT_EQ(all.published, all.readers[0].delivered + all.readers[0].dropped + all.readers[0].queued);
    const auto lease = ends.take();
    const auto after = ends.statistics();
    EXPECT_EQ(all.published, after.delivered + after.dropped + after.queued);
    EXPECT_EQ(after.leased, 1U);
    EXPECT_EQ(lease.sequence(), after.dropped + 1);
  }
}

TEST(FrameRing, end_is_held_once_and_can_be_taken_again) {
  const FrameRing ring{options(FramePolicy::block, 4, 2)};
  {
    auto producer = ring.producer().value();
    const auto consumer = ring.consumer(0).value();
    EXPECT_EQ(ring.producer().error().code(), Errc::invalid_state);
    EXPECT_EQ(ring.consumer(0).error().code(), Errc::invalid_state);
    EXPECT_TRUE(ring.consumer(1));
    EXPECT_EQ(ring.consumer(2).error().code(), Errc::invalid_argument);
    ASSERT_TRUE(producer.acquire(Deadline::now()).value().publish({}));
  }

  auto producer = ring.producer().value();
  EXPECT_EQ(producer.acquire(Deadline::now()).value().publish({}).value(), 2U);
  EXPECT_EQ(ring.consumer(0).value().next(Deadline::now()).value().sequence(), 1U);
  EXPECT_EQ(ring.consumer(0).value().next(Deadline::now()).value().sequence(), 2U);
}

TEST(FrameRing, lease_outlives_its_consumer_and_the_ring) {
  auto ends = std::make_unique<Ends>(options(FramePolicy::block));
  ends->put();
  FrameLease lease = ends->take();

  ends.reset();

  EXPECT_TRUE(has_pattern(lease.bytes(), 1));
}

TEST(FrameRing, last_published_is_known_to_the_next_producer) {
  const FrameRing ring{options(FramePolicy::block)};
  EXPECT_FALSE(ring.producer().value().last_published());
  FrameMeta meta;
  meta.source_time = 17ms;
  ASSERT_TRUE(ring.producer().value().acquire(Deadline::now()).value().publish(meta));

  const auto producer = ring.producer().value();

  EXPECT_EQ(producer.published(), 1U);
  EXPECT_EQ(producer.last_published()->source_time, 17ms);
}

TEST(FrameRing, reader_that_left_is_told_so_and_holds_nobody_up) {
  Ends ends{options(FramePolicy::block, 2)};
  ends.put();
  ends.put();

  ends.consumer.leave();
  ends.consumer.leave();

  EXPECT_EQ(ends.fails_to_take(), Errc::closed);
  EXPECT_EQ(ends.put(), 3U);
  EXPECT_TRUE(ends.statistics().has_left);
}

TEST(FrameRing, descriptor_is_readable_exactly_while_there_is_something_to_take) {
  Ends ends{options(FramePolicy::block)};
  const int descriptor = ends.consumer.descriptor();
  EXPECT_FALSE(os::readable(descriptor));

  for (int round = 0; round < 3; ++round) {
    ends.put();
    EXPECT_TRUE(os::readable(descriptor));
    ends.put();
    ends.take();
    EXPECT_TRUE(os::readable(descriptor)) << "one is left";
    ends.take();
    EXPECT_FALSE(os::readable(descriptor));
    EXPECT_EQ(ends.fails_to_take(), Errc::queue_empty);
    EXPECT_FALSE(os::readable(descriptor));
    EXPECT_EQ(ends.consumer.next(Deadline::after(1ms)).error().code(), Errc::deadline_exceeded);
    EXPECT_FALSE(os::readable(descriptor));
  }
  ASSERT_TRUE(ends.producer.finish());

  EXPECT_TRUE(os::readable(descriptor));
  EXPECT_EQ(ends.fails_to_take(), Errc::closed);
  EXPECT_TRUE(os::readable(descriptor));
}

TEST(FrameRing, descriptor_asked_for_late_tells_of_frames_that_are_there) {
  Ends ends{options(FramePolicy::block)};
  ends.put();

  EXPECT_TRUE(os::readable(ends.consumer.descriptor()));
}

TEST(FrameRing, leaves_nothing_behind) {
  const auto before = testing::Census::take();
  {
    Ends ends{options(FramePolicy::block, 4, 3)};
    ends.put();
    const FrameLease lease = ends.take();
    ASSERT_TRUE(ends.ring.pool().resolve(lease.handle()));
  }

  EXPECT_EQ(before.differences(testing::Census::take()), std::vector<std::string>{});
}

// Threads: both sides sleep whenever they find nothing, so that each wake counts.

TEST(FrameRingThreads, no_wake_is_lost_when_both_sides_sleep) {
  for (const std::size_t slots : {1UL, 2UL}) {
    Ends ends{options(FramePolicy::block, slots)};
    constexpr std::uint64_t frames = 20'000;

    std::thread other{[&] {
      for (std::uint64_t sequence = 1; sequence <= frames; ++sequence) {
        auto writer = ends.producer.acquire(Deadline::never()).value();
        EXPECT_TRUE(writer.publish(fill_pattern(writer.bytes().first(64), sequence)));
      }
      EXPECT_TRUE(ends.producer.finish());
    }};
    std::uint64_t sequence = 0;
    for (;;) {
      const auto lease = ends.consumer.next(Deadline::never());
      if (!lease) {
        EXPECT_EQ(lease.error().code(), Errc::closed);
        break;
      }
      EXPECT_EQ(lease->sequence(), ++sequence);
      EXPECT_TRUE(has_pattern(lease->bytes(), sequence));
    }
    other.join();

    EXPECT_EQ(sequence, frames);
  }
}

TEST(FrameRingThreads, leases_are_given_back_by_other_threads) {
  Ends ends{options(FramePolicy::block, 4)};
  constexpr std::uint64_t frames = 2'000;

  std::thread producing{[&] {
    for (std::uint64_t sequence = 1; sequence <= frames; ++sequence) {
      auto writer = ends.producer.acquire(Deadline::never()).value();
      EXPECT_TRUE(writer.publish(fill_pattern(writer.bytes(), sequence)));
    }
  }};
  for (std::uint64_t sequence = 1; sequence <= frames; sequence += 2) {
    auto first = ends.consumer.next(Deadline::never()).value();
    auto second = ends.consumer.next(Deadline::never()).value();
    std::thread reading{[&, lease = std::move(first)] { EXPECT_TRUE(has_pattern(lease.bytes(), sequence)); }};
    EXPECT_TRUE(has_pattern(second.bytes(), sequence + 1));
    reading.join();
  }
  producing.join();

  EXPECT_EQ(ends.statistics().delivered, frames);
}

}  // namespace
}  // namespace prong

#include "prong/frame/frame_pool.hpp"

#include "frame_pattern.hpp"
#include "prong/base/exception.hpp"
#include "prong/frame/frame_ring.hpp"

#include <gtest/gtest.h>

namespace prong {
namespace {

using tests::fill_pattern;
using tests::has_pattern;

FrameLease keep(FrameProducer& producer, std::uint64_t number) {
  auto writer = producer.acquire(Deadline::now()).value();
  const FrameMeta meta = fill_pattern(writer.bytes(), number);
  return writer.publish_and_keep(meta).value();
}

TEST(FramePool, of_impossible_size_is_refused) {
  EXPECT_THROW((FramePool{{.slots = 0, .slot_bytes = 10}}), Exception);
  EXPECT_THROW((FramePool{{.slots = 10, .slot_bytes = 0}}), Exception);
}

TEST(FramePool, handle_leads_to_the_frame_without_copying) {
  const FramePool pool{{.slots = 2, .slot_bytes = 1000}};
  auto producer = pool.producer().value();
  const FrameLease lease = keep(producer, 9);

  const FrameView view = pool.resolve(lease.handle()).value();

  EXPECT_EQ(view.bytes().data(), lease.bytes().data());
  EXPECT_EQ(view.meta(), lease.meta());
  EXPECT_TRUE(has_pattern(view.bytes(), 9));
  EXPECT_TRUE(view.is_current());
  EXPECT_EQ(lease.handle().pool, pool.id());
  EXPECT_EQ(lease.handle().sequence, 1U);
}

TEST(FramePool, frame_stays_while_its_lease_is_kept_and_is_stale_afterwards) {
  const FramePool pool{{.slots = 2, .slot_bytes = 1000}};
  auto producer = pool.producer().value();
  FrameLease lease = keep(producer, 1);
  const FrameHandle handle = lease.handle();
  const FrameView view = pool.resolve(handle).value();

  for (std::uint64_t number = 2; number < 10; ++number) keep(producer, number);
  EXPECT_TRUE(view.is_current());
  EXPECT_TRUE(has_pattern(pool.resolve(handle).value().bytes(), 1));
  lease.release();
  EXPECT_TRUE(pool.resolve(handle)) << "nobody has taken the slot yet";
  for (std::uint64_t number = 2; number < 10; ++number) keep(producer, number);

  EXPECT_FALSE(view.is_current());
  EXPECT_EQ(pool.resolve(handle).error().code(), Errc::stale_frame);
}

TEST(FramePool, slot_being_filled_again_is_stale) {
  const FramePool pool{{.slots = 1, .slot_bytes = 1000}};
  auto producer = pool.producer().value();
  const FrameHandle handle = keep(producer, 1).handle();

  const auto writer = producer.acquire(Deadline::now()).value();

  EXPECT_EQ(pool.resolve(handle).error().code(), Errc::stale_frame);
}

TEST(FramePool, all_slots_kept_leave_none) {
  const FramePool pool{{.slots = 2, .slot_bytes = 1000}};
  auto producer = pool.producer().value();
  const FrameLease first = keep(producer, 1);
  FrameLease second = keep(producer, 2);

  EXPECT_EQ(producer.acquire(Deadline::now()).error().code(), Errc::no_free_slot);
  second.release();

  EXPECT_TRUE(producer.acquire(Deadline::now()));
}

TEST(FramePool, forged_and_foreign_handles_are_refused) {
  const FramePool pool{{.slots = 2, .slot_bytes = 1000}};
  const FramePool other{{.slots = 2, .slot_bytes = 1000}};
  auto producer = pool.producer().value();
  const FrameLease lease = keep(producer, 1);
  const auto error = [&](auto change) {
    FrameHandle handle = lease.handle();
    change(handle);
    return pool.resolve(handle).error().code();
  };

  EXPECT_NE(pool.id(), other.id());
  EXPECT_EQ(other.resolve(lease.handle()).error().code(), Errc::invalid_argument);
  EXPECT_EQ(pool.resolve({}).error().code(), Errc::invalid_argument);
  EXPECT_EQ(error([](FrameHandle& handle) { handle.slot = 2; }), Errc::invalid_argument);
  EXPECT_EQ(error([](FrameHandle& handle) { handle.sequence = 0; }), Errc::invalid_argument);
  EXPECT_EQ(error([](FrameHandle& handle) { handle.slot = 1; }), Errc::stale_frame);
  EXPECT_EQ(error([](FrameHandle& handle) { ++handle.sequence; }), Errc::stale_frame);
  EXPECT_EQ(error([](FrameHandle& handle) { ++handle.generation; }), Errc::stale_frame);
}

TEST(FramePool, frame_of_a_ring_is_found_by_the_handle_of_a_readers_lease) {
  const FrameRing ring{{.slots = 3, .slot_bytes = 1000, .policy = FramePolicy::drop_oldest}};
  auto producer = ring.producer().value();
  auto consumer = ring.consumer().value();
  keep(producer, 1);
  const FrameLease lease = consumer.next(Deadline::now()).value();

  for (std::uint64_t number = 2; number < 20; ++number) keep(producer, number);

  EXPECT_TRUE(has_pattern(ring.pool().resolve(lease.handle()).value().bytes(), 1));
}

}  // namespace
}  // namespace prong

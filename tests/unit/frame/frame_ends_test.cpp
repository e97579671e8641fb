// The ends of a ring when the other one is dead or hostile: what the words say is set by hand.

#include "prong/frame/detail/producer_end.hpp"
#include "prong/frame/detail/reader_end.hpp"
#include "prong/os/poll.hpp"

#include <gtest/gtest.h>

#include <functional>

namespace prong::frame::detail {
namespace {

using namespace std::chrono_literals;

constexpr auto soon = 20s;  // Longer than anything here takes; a hang ends the test.

class FrameEnds : public ::testing::Test {
 protected:
  // Publishes one frame as a producer that dies before it rings.
  void publish_and_die() {
    const auto mapping = memory_->take(Role::producer()).value();
    QueueProducer producer{mapping->own_stream(), {mapping->reader(0)}, FramePolicy::block};
    EXPECT_TRUE(producer.resume());
    FrameMeta meta;
    producer.publish(producer.try_acquire().value(), meta);
    memory_->give_up(Role::producer());
  }
  // Reads one frame as a reader that dies before it rings.
  void release_and_die() {
    const auto mapping = memory_->take(Role::reader(0)).value();
    QueueReader reader{mapping->stream(), mapping->own_reader(0), FramePolicy::block};
    EXPECT_TRUE(reader.resume());
    const auto claim = reader.try_claim().value();
    reader.accept(*claim);
    reader.release(claim->slot);
    memory_->give_up(Role::reader(0));
  }

  std::shared_ptr<FrameMemory> memory_ =
      FrameMemory::create("ends", {.slots = 1, .slot_bytes = 100, .readers = 1, .policy = FramePolicy::block}).value();
};

TEST_F(FrameEnds, successor_of_a_producer_that_died_before_ringing_rings) {
  const auto reader = ReaderEnd::take(memory_, 0).value();
  const int bell = reader->watch();
  publish_and_die();
  EXPECT_FALSE(os::readable(bell));

  const auto successor = ProducerEnd::take(memory_).value();

  EXPECT_TRUE(os::readable(bell));
  EXPECT_EQ(reader->next(nullptr, Deadline::now()).value().sequence(), 1U);
}

// Acts in the moment in which the other end has fallen asleep.
class ActingPeer : public Peer {
 public:
  explicit ActingPeer(std::function<void(int bell)> act) : act_{std::move(act)} {}
  Result<void> wait_readable(int descriptor, Deadline deadline) override {
    act_(descriptor);
    return os::wait_readable(descriptor, deadline);
  }

 private:
  std::function<void(int)> act_;
};

TEST_F(FrameEnds, successor_of_a_reader_that_died_before_ringing_rings) {
  const auto producer = ProducerEnd::take(memory_).value();
  ASSERT_TRUE(producer->publish(producer->acquire(nullptr, Deadline::now()).value(), {}));
  ActingPeer peer{[&](int bell) {
    release_and_die();
    EXPECT_FALSE(os::readable(bell));
    const auto successor = ReaderEnd::take(memory_, 0).value();
    EXPECT_TRUE(os::readable(bell));
  }};

  EXPECT_TRUE(producer->acquire(&peer, Deadline::after(soon)));
}

TEST_F(FrameEnds, sleeping_sides_are_woken_by_the_other) {
  const auto producer = ProducerEnd::take(memory_).value();
  const auto reader = ReaderEnd::take(memory_, 0).value();
  ActingPeer publishing{[&](int bell) {
    EXPECT_FALSE(os::readable(bell));
    EXPECT_TRUE(producer->publish(producer->acquire(nullptr, Deadline::now()).value(), {}));
    EXPECT_TRUE(os::readable(bell));
  }};
  FrameLease lease = reader->next(&publishing, Deadline::after(soon)).value();
  ActingPeer releasing{[&](int bell) {
    EXPECT_FALSE(os::readable(bell));
    lease.release();
    EXPECT_TRUE(os::readable(bell));
  }};

  EXPECT_TRUE(producer->acquire(&releasing, Deadline::after(soon)));
}

TEST_F(FrameEnds, wrong_metadata_is_a_bad_message_and_the_next_frame_is_read) {
  // The first end that is taken is the mapping that view() returns: here one that may write the stream.
  const auto producer = ProducerEnd::take(memory_).value();
  const auto reader = ReaderEnd::take(memory_, 0).value();
  const auto stream = memory_->view().value()->own_stream();
  std::uint64_t sequence = 0;
  const auto publish_with = [&](auto&& change) {
    ASSERT_TRUE(producer->publish(producer->acquire(nullptr, Deadline::now()).value(), {.size = 50}));
    ++sequence;
    FrameMeta meta = load_meta(stream.slots[0].meta);
    change(meta);
    store_meta(stream.slots[0].meta, meta);
  };

  for (const auto& change : std::vector<void (*)(FrameMeta&)>{
           [](FrameMeta& meta) { meta.size = 101; },
           [](FrameMeta& meta) { meta.size = ~std::uint64_t{0}; },
           [](FrameMeta& meta) { meta.format = PixelFormat{99}; },
           [](FrameMeta& meta) { meta.format = PixelFormat::gray8; },
           [](FrameMeta& meta) { meta.slot = 1; },
           [](FrameMeta& meta) { meta.sequence += 1; },
       }) {
    publish_with(change);
    EXPECT_EQ(reader->next(nullptr, Deadline::now()).error().code(), Errc::bad_message);
    publish_with([](FrameMeta&) {});
    EXPECT_EQ(reader->next(nullptr, Deadline::now()).value().sequence(), sequence);
  }
}

}  // namespace
}  // namespace prong::frame::detail

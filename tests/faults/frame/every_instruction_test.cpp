// A producer that is killed after any instruction of publishing a frame, and a reader after any of reading one.
#include "every_instruction.hpp"
#include "frame_pattern.hpp"
#include "prong/frame/frame_ring.hpp"

namespace prong {
namespace {

using namespace std::chrono_literals;
using tests::fill_pattern;
using tests::has_pattern;

class EveryInstructionOfAFrame : public tests::EveryInstruction {
 protected:
  static FrameRing make_ring() { return FrameRing{{.name = "steps", .slots = 4, .slot_bytes = 64, .readers = 1}}; }
  static Result<std::uint64_t> put(FrameProducer& producer) {
    PRONG_TRY_ASSIGN(auto writer, producer.acquire(Deadline::now()));
    return writer.publish(fill_pattern(writer.bytes(), producer.published() + 1));
  }
  // Reads what there is and checks that each frame is whole.
  static std::vector<std::uint64_t> read_all(FrameConsumer& consumer) {
    std::vector<std::uint64_t> sequences;
    for (;;) {
      const auto lease = consumer.next(Deadline::now());
      if (!lease) {
        EXPECT_EQ(lease.error().code(), Errc::queue_empty) << lease.error().message();
        return sequences;
      }
      EXPECT_TRUE(has_pattern(lease->bytes(), lease->sequence())) << "frame " << lease->sequence() << " is torn";
      sequences.push_back(lease->sequence());
    }
  }
  static void expect_all_accounted_for(const FrameRing& ring, std::uint64_t published) {
    const auto statistics = ring.statistics().value();
    EXPECT_EQ(statistics.published, published);
    const FrameReaderStatistics& reader = statistics.readers.front();
    EXPECT_EQ(reader.delivered, published);
    EXPECT_EQ(reader.dropped, 0U);
    EXPECT_EQ(reader.queued, 0U);
    EXPECT_EQ(reader.leased, 0U);
  }
};

TEST_F(EveryInstructionOfAFrame, of_publishing_leaves_it_whole_or_not_at_all) {
  kill_everywhere(7, 0, 1, [this](std::uint64_t count) {
    const FrameRing ring = make_ring();
    const std::uint64_t ran = kill_child_in(
        [&] {
          auto producer = std::make_shared<FrameProducer>(ring.producer().value());
          EXPECT_TRUE(put(*producer));
          return [this, producer] {
            if (put(*producer)) ledger.seen = 2;
          };
        },
        count);

    auto successor = ring.producer();
    EXPECT_TRUE(successor) << successor.error().message();
    const std::uint64_t published = successor->published();
    EXPECT_GE(published, std::max<std::uint64_t>(1, ledger.seen));
    EXPECT_LE(published, 2U);
    EXPECT_EQ(put(*successor).value(), published + 1) << "it goes on with the next";
    auto consumer = ring.consumer().value();
    std::vector<std::uint64_t> expected;
    for (std::uint64_t sequence = 1; sequence <= published + 1; ++sequence) expected.push_back(sequence);
    EXPECT_EQ(read_all(consumer), expected);
    // Whatever slot it had taken can be filled again.
    for (int i = 0; i < 3; ++i) EXPECT_TRUE(put(*successor)) << "slot " << i;
    read_all(consumer);
    expect_all_accounted_for(ring, published + 4);
    return ran;
  });
}

TEST_F(EveryInstructionOfAFrame, of_reading_loses_none_for_its_successor) {
  kill_everywhere(7, 0, 1, [this](std::uint64_t count) {
    const FrameRing ring = make_ring();
    auto producer = ring.producer().value();
    EXPECT_TRUE(put(producer));
    EXPECT_TRUE(put(producer));
    const std::uint64_t ran = kill_child_in(
        [&] {
          auto consumer = std::make_shared<FrameConsumer>(ring.consumer().value());
          return [this, consumer] {
            for (int i = 0; i < 2; ++i) {
              if (const auto lease = consumer->next(Deadline::now()))
                if (has_pattern(lease->bytes(), lease->sequence())) ledger.seen = lease->sequence();
            }
          };
        },
        count);

    auto successor = ring.consumer();
    EXPECT_TRUE(successor) << successor.error().message();
    EXPECT_TRUE(put(producer));
    const auto again = read_all(*successor);
    // The last one that it saw may come again, those after it must.
    const std::uint64_t first = again.empty() ? 0 : again.front();
    EXPECT_TRUE(first == ledger.seen + 1 || (first == ledger.seen && first > 0) || (first == 1 && ledger.seen == 0))
        << "it saw " << ledger.seen << ", and its successor began with " << first;
    EXPECT_EQ(again.size(), 4 - first);
    for (int i = 0; i < 3; ++i) EXPECT_TRUE(put(producer)) << "slot " << i;
    read_all(*successor);
    expect_all_accounted_for(ring, 6);
    return ran;
  });
}

}  // namespace
}  // namespace prong

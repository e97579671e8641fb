#include "prong/frame/detail/frame_queue.hpp"

#include "prong/frame/detail/read_statistics.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <random>
#include <thread>
#include <vector>

namespace prong::frame::detail {
namespace {

// The memories of a ring in this process's own memory, as all sides see them.
class Ring {
 public:
  Ring(std::size_t slots, std::size_t readers, FramePolicy policy)
      : policy_{policy}, slots_{slots}, memory_(1 + readers) {
    memory_[0].resize(lines(stream_size(slots)));
    for (std::size_t i = 0; i < readers; ++i) memory_[1 + i].resize(lines(reader_size(slots)));
  }

  // A producer or a reader as it comes up, whatever its predecessor left.
  std::unique_ptr<QueueProducer> producer() {
    std::vector<ReaderWords<false>> readers;
    for (std::size_t i = 1; i < memory_.size(); ++i) readers.push_back(ReaderWords<false>::at(bytes(i), slots_));
    return std::make_unique<QueueProducer>(stream(), readers, policy_);
  }
  std::unique_ptr<QueueReader> reader(std::size_t index = 0) {
    return std::make_unique<QueueReader>(StreamWords<false>::at(bytes(0), slots_), reader_words(index), policy_);
  }
  std::unique_ptr<QueueProducer> resumed_producer() {
    auto made = producer();
    EXPECT_TRUE(made->resume());
    return made;
  }
  std::unique_ptr<QueueReader> resumed_reader(std::size_t index = 0) {
    auto made = reader(index);
    EXPECT_TRUE(made->resume());
    return made;
  }

  StreamWords<true> stream() { return StreamWords<true>::at(bytes(0), slots_); }
  ReaderWords<true> reader_words(std::size_t index = 0) { return ReaderWords<true>::at(bytes(1 + index), slots_); }
  // The words of one memory, as a hostile holder sees them.
  std::span<Word> words(std::size_t memory) {
    return {reinterpret_cast<Word*>(bytes(memory)), memory_[memory].size() * sizeof(Line) / sizeof(Word)};
  }
  FrameReaderStatistics statistics(std::size_t index = 0) {
    const auto stream = StreamWords<false>::at(bytes(0), slots_);
    return read_reader_statistics(stream, ReaderWords<false>::at(bytes(1 + index), slots_), policy_,
                                  read_stream_statistics(stream).published);
  }

 private:
  struct alignas(apart) Line {
    std::byte bytes[apart];
  };
  static std::size_t lines(std::size_t size) { return size / sizeof(Line) + 1; }
  std::byte* bytes(std::size_t memory) { return memory_[memory].data()->bytes; }

  FramePolicy policy_;
  std::size_t slots_;
  std::vector<std::vector<Line>> memory_;
};

// Acquires and publishes one frame. Returns its slot, or nothing if there was none to acquire.
std::optional<std::uint32_t> put(QueueProducer& producer) {
  const auto slot = producer.try_acquire();
  FrameMeta meta;
  if (slot) producer.publish(*slot, meta);
  return slot;
}

// Claims and accepts. Returns an empty claim, with sequence 0, if there is nothing.
Claim take(QueueReader& reader) {
  const auto claim = reader.try_claim();
  EXPECT_TRUE(claim);
  if (!claim || !*claim) return {};
  reader.accept(**claim);
  return **claim;
}

constexpr std::uint64_t nothing = 0;

TEST(FrameQueue, frames_arrive_in_order_with_their_metadata) {
  Ring ring{4, 1, FramePolicy::block};
  const auto producer = ring.resumed_producer();
  const auto reader = ring.resumed_reader();

  for (std::uint64_t sequence = 1; sequence < 50; ++sequence) {
    const auto slot = producer->try_acquire();
    ASSERT_TRUE(slot);
    FrameMeta meta;
    meta.size = sequence * 3;
    producer->publish(*slot, meta);
    const Claim claim = take(*reader);
    EXPECT_EQ(claim.sequence, sequence);
    EXPECT_EQ(claim.slot, *slot);
    EXPECT_EQ(claim.delivery, 1U);
    EXPECT_EQ(reader->meta(claim), meta);
    reader->release(claim.slot);
  }
  EXPECT_EQ(take(*reader).sequence, nothing);
}

TEST(FrameQueue, block_gives_no_slot_until_one_is_released) {
  Ring ring{2, 1, FramePolicy::block};
  const auto producer = ring.resumed_producer();
  const auto reader = ring.resumed_reader();
  ASSERT_TRUE(put(*producer) && put(*producer));

  EXPECT_FALSE(producer->try_acquire());
  const Claim claim = take(*reader);
  EXPECT_FALSE(producer->try_acquire());
  reader->release(claim.slot);

  EXPECT_EQ(producer->try_acquire(), claim.slot);
}

TEST(FrameQueue, block_waits_for_a_reader_that_has_never_come) {
  Ring ring{3, 2, FramePolicy::block};
  const auto producer = ring.resumed_producer();
  const auto first = ring.resumed_reader(0);
  for (int i = 0; i < 3; ++i) ASSERT_TRUE(put(*producer));
  for (std::uint64_t i = 1; i <= 3; ++i) first->release(take(*first).slot);

  EXPECT_FALSE(producer->try_acquire());
  const auto second = ring.resumed_reader(1);
  second->release(take(*second).slot);

  EXPECT_TRUE(producer->try_acquire());
}

TEST(FrameQueue, drop_oldest_takes_the_oldest_unread_frame_and_counts_it) {
  Ring ring{4, 1, FramePolicy::drop_oldest};
  const auto producer = ring.resumed_producer();
  const auto reader = ring.resumed_reader();

  for (int i = 0; i < 10; ++i) ASSERT_TRUE(put(*producer));

  EXPECT_EQ(ring.statistics().queued, 4U);
  EXPECT_EQ(ring.statistics().dropped, 6U);
  for (const std::uint64_t expected : {7U, 8U, 9U, 10U}) {
    const Claim claim = take(*reader);
    EXPECT_EQ(claim.sequence, expected);
    reader->release(claim.slot);
  }
  EXPECT_EQ(take(*reader).sequence, nothing);
  EXPECT_EQ(ring.statistics().delivered, 4U);
  EXPECT_EQ(ring.statistics().dropped, 6U);
}

TEST(FrameQueue, frame_being_read_is_not_taken_back_by_any_policy) {
  for (const FramePolicy policy : {FramePolicy::block, FramePolicy::drop_oldest, FramePolicy::latest_only}) {
    Ring ring{3, 1, policy};
    const auto producer = ring.resumed_producer();
    const auto reader = ring.resumed_reader();
    ASSERT_TRUE(put(*producer));
    const Claim held = take(*reader);

    for (int i = 0; i < 20; ++i) {
      const auto slot = put(*producer);
      EXPECT_NE(slot, held.slot);
    }

    EXPECT_EQ(ring.stream().slots[held.slot].filled.load(), held.sequence);
  }
}

TEST(FrameQueue, reader_that_holds_every_slot_leaves_none) {
  Ring ring{2, 1, FramePolicy::drop_oldest};
  const auto producer = ring.resumed_producer();
  const auto reader = ring.resumed_reader();
  ASSERT_TRUE(put(*producer) && put(*producer));
  const Claim first = take(*reader);
  const Claim second = take(*reader);

  EXPECT_FALSE(producer->try_acquire());
  reader->release(second.slot);

  EXPECT_EQ(producer->try_acquire(), second.slot);
  EXPECT_NE(first.slot, second.slot);
}

TEST(FrameQueue, latest_only_skips_to_the_newest_and_counts_the_rest) {
  Ring ring{8, 1, FramePolicy::latest_only};
  const auto producer = ring.resumed_producer();
  const auto reader = ring.resumed_reader();
  for (int i = 0; i < 5; ++i) ASSERT_TRUE(put(*producer));

  EXPECT_EQ(ring.statistics().queued, 1U);
  const Claim claim = take(*reader);

  EXPECT_EQ(claim.sequence, 5U);
  EXPECT_EQ(take(*reader).sequence, nothing);
  EXPECT_EQ(ring.statistics().delivered, 1U);
  EXPECT_EQ(ring.statistics().dropped, 4U);
}

TEST(FrameQueue, slow_reader_loses_frames_and_the_other_none) {
  Ring ring{4, 2, FramePolicy::drop_oldest};
  const auto producer = ring.resumed_producer();
  const auto fast = ring.resumed_reader(0);
  const auto slow = ring.resumed_reader(1);

  for (std::uint64_t sequence = 1; sequence <= 100; ++sequence) {
    ASSERT_TRUE(put(*producer));
    const Claim claim = take(*fast);
    ASSERT_EQ(claim.sequence, sequence);
    fast->release(claim.slot);
  }

  EXPECT_EQ(take(*slow).sequence, 97U);
  EXPECT_EQ(ring.statistics(0).dropped, 0U);
  EXPECT_EQ(ring.statistics(1).dropped, 96U);
  EXPECT_EQ(ring.statistics(1).queued, 3U);
}

TEST(FrameQueue, frame_held_longer_than_the_log_remembers_is_kept) {
  Ring ring{3, 2, FramePolicy::drop_oldest};
  const auto producer = ring.resumed_producer();
  const auto holder = ring.resumed_reader(0);
  const auto late = ring.resumed_reader(1);
  ASSERT_TRUE(put(*producer));
  const Claim held = take(*holder);

  for (int i = 0; i < 1000; ++i) ASSERT_TRUE(put(*producer));

  EXPECT_EQ(ring.stream().slots[held.slot].offered.load(), 1U);
  EXPECT_EQ(take(*late).sequence, 1000U);  // Its log entry is gone, so for this reader the frame is lost.
  EXPECT_EQ(ring.statistics(1).dropped, 999U);
  const auto successor = ring.resumed_producer();
  for (int i = 0; i < 10; ++i) {
    const auto slot = put(*successor);
    EXPECT_NE(slot, held.slot);
  }
}

TEST(FrameQueue, leased_frame_of_the_producer_is_kept_until_the_last_lease) {
  Ring ring{2, 0, FramePolicy::drop_oldest};
  const auto producer = ring.resumed_producer();
  const auto kept = producer->try_acquire();
  ASSERT_TRUE(kept);
  FrameMeta meta;
  producer->add_lease(*kept);
  producer->add_lease(*kept);
  producer->publish(*kept, meta);

  for (int i = 0; i < 10; ++i) EXPECT_NE(put(*producer), kept);
  producer->drop_lease(*kept);
  for (int i = 0; i < 10; ++i) EXPECT_NE(put(*producer), kept);
  producer->drop_lease(*kept);

  EXPECT_EQ(put(*producer), kept);
}

TEST(FrameQueue, several_slots_are_filled_at_once_and_abandoned_ones_come_back) {
  Ring ring{3, 1, FramePolicy::block};
  const auto producer = ring.resumed_producer();
  const auto reader = ring.resumed_reader();
  const auto a = producer->try_acquire();
  const auto b = producer->try_acquire();
  const auto c = producer->try_acquire();
  ASSERT_TRUE(a && b && c);
  EXPECT_FALSE(producer->try_acquire());

  FrameMeta meta;
  producer->publish(*c, meta);
  producer->abandon(*b);
  producer->publish(*a, meta);

  EXPECT_EQ(take(*reader).slot, *c);
  EXPECT_EQ(take(*reader).slot, *a);
  EXPECT_EQ(producer->try_acquire(), *b);
}

TEST(FrameQueue, end_is_told_after_the_last_frame_and_taken_back_by_the_next) {
  Ring ring{4, 1, FramePolicy::block};
  const auto producer = ring.resumed_producer();
  const auto reader = ring.resumed_reader();
  EXPECT_FALSE(reader->has_news());
  ASSERT_TRUE(put(*producer));
  producer->finish();

  EXPECT_FALSE(reader->at_end());
  take(*reader);
  EXPECT_TRUE(reader->at_end() && reader->has_news());
  ASSERT_TRUE(put(*producer));

  EXPECT_FALSE(reader->at_end());
  EXPECT_EQ(take(*reader).sequence, 2U);
}

TEST(FrameQueue, reader_that_left_is_not_waited_for_and_may_come_back) {
  Ring ring{2, 1, FramePolicy::block};
  const auto producer = ring.resumed_producer();
  ring.resumed_reader()->leave();

  for (int i = 0; i < 10; ++i) ASSERT_TRUE(put(*producer));
  EXPECT_TRUE(ring.statistics().has_left);
  const auto again = ring.resumed_reader();

  EXPECT_FALSE(producer->try_acquire());
  EXPECT_EQ(take(*again).sequence, 9U);
  EXPECT_EQ(ring.statistics().dropped, 8U);
}

TEST(FrameQueue, frame_held_stays_held_after_leaving) {
  Ring ring{2, 1, FramePolicy::block};
  const auto producer = ring.resumed_producer();
  const auto reader = ring.resumed_reader();
  ASSERT_TRUE(put(*producer));
  const Claim held = take(*reader);

  reader->leave();

  for (int i = 0; i < 10; ++i) EXPECT_NE(put(*producer), held.slot);
  reader->release(held.slot);
  EXPECT_EQ(put(*producer), held.slot);
}

// What a death leaves, point by point: docs/formats/frame_ring.md. A dead holder is one that is not used any more.

TEST(FrameQueueDeath, frames_held_are_delivered_again_in_order_and_nothing_is_lost) {
  Ring ring{4, 1, FramePolicy::block};
  const auto producer = ring.resumed_producer();
  const auto dead = ring.resumed_reader();
  for (int i = 0; i < 4; ++i) ASSERT_TRUE(put(*producer));
  take(*dead);
  dead->release(take(*dead).slot);
  take(*dead);

  const auto successor = ring.resumed_reader();

  EXPECT_TRUE(successor->has_news());
  std::vector<std::pair<std::uint64_t, std::uint32_t>> seen;
  for (Claim claim = take(*successor); claim.sequence != nothing; claim = take(*successor)) {
    seen.emplace_back(claim.sequence, claim.delivery);
    successor->release(claim.slot);
  }
  EXPECT_EQ(seen, (std::vector<std::pair<std::uint64_t, std::uint32_t>>{{1, 2}, {3, 2}, {4, 1}}));
  EXPECT_EQ(ring.statistics().delivered, 4U);
  EXPECT_EQ(ring.statistics().redelivered, 2U);
  EXPECT_EQ(ring.statistics().dropped, 0U);
}

TEST(FrameQueueDeath, claim_before_the_commit_is_delivered_once_and_counted_once) {
  Ring ring{4, 1, FramePolicy::block};
  const auto producer = ring.resumed_producer();
  ASSERT_TRUE(put(*producer) && put(*producer));
  const auto claim = ring.resumed_reader()->try_claim();
  ASSERT_TRUE(claim && *claim);
  EXPECT_EQ(ring.statistics().delivered, 0U);

  const auto successor = ring.resumed_reader();

  EXPECT_EQ(take(*successor).sequence, 1U);
  EXPECT_EQ(take(*successor).sequence, 2U);
  EXPECT_EQ(take(*successor).sequence, nothing);
  EXPECT_EQ(ring.statistics().delivered, 2U);
  EXPECT_EQ(ring.statistics().redelivered, 0U);
}

TEST(FrameQueueDeath, progress_that_was_not_committed_does_not_count) {
  Ring ring{4, 1, FramePolicy::block};
  const auto producer = ring.resumed_producer();
  const auto dead = ring.resumed_reader();
  for (int i = 0; i < 3; ++i) ASSERT_TRUE(put(*producer));
  for (int i = 0; i < 2; ++i) dead->release(take(*dead).slot);
  ReaderHead& head = *ring.reader_words().head;

  // The two copies are written in turn, so that one is whole at any time.
  const std::uint64_t commits = head.commits.load();
  EXPECT_EQ(head.progress[commits & 1].cursor.load(), 2U);
  EXPECT_EQ(head.progress[(commits + 1) & 1].cursor.load(), 1U);
  head.progress[(commits + 1) & 1].cursor.store(3);

  EXPECT_EQ(take(*ring.resumed_reader()).sequence, 3U);
  EXPECT_EQ(ring.statistics().delivered, 3U);
}

TEST(FrameQueueDeath, every_delivery_of_a_poisonous_frame_is_counted) {
  Ring ring{2, 1, FramePolicy::drop_oldest};
  const auto producer = ring.resumed_producer();
  ASSERT_TRUE(put(*producer));

  for (std::uint32_t delivery = 1; delivery < 10; ++delivery)
    EXPECT_EQ(take(*ring.resumed_reader()).delivery, delivery);
}

TEST(FrameQueueDeath, latest_only_gives_back_what_the_dead_reader_held) {
  Ring ring{2, 1, FramePolicy::latest_only};
  const auto producer = ring.resumed_producer();
  ASSERT_TRUE(put(*producer));
  take(*ring.resumed_reader());

  const auto successor = ring.resumed_reader();
  ASSERT_TRUE(put(*producer));

  EXPECT_EQ(ring.statistics().leased, 0U);
  EXPECT_EQ(take(*successor).sequence, 2U);
}

TEST(FrameQueueDeath, claim_of_a_frame_that_was_gone_already_is_given_back) {
  Ring ring{2, 1, FramePolicy::drop_oldest};
  const auto producer = ring.resumed_producer();
  for (int i = 0; i < 5; ++i) ASSERT_TRUE(put(*producer));
  const std::uint32_t slot = log_slot(ring.stream().log_entry(5).load());
  ring.reader_words().claims[slot].store(claim_word(3, 1));  // It died before it looked whether frame 3 was there.

  const auto successor = ring.resumed_reader();

  EXPECT_EQ(ring.statistics().leased, 0U);
  EXPECT_EQ(take(*successor).sequence, 4U);
}

TEST(FrameQueueDeath, half_published_frame_is_not_seen_and_its_sequence_is_used_again) {
  Ring ring{3, 1, FramePolicy::block};
  const auto dead = ring.resumed_producer();
  const auto reader = ring.resumed_reader();
  ASSERT_TRUE(put(*dead));
  const auto slot = dead->try_acquire();
  ASSERT_TRUE(slot);
  ring.stream().log_entry(2).store(log_word(2, *slot));
  ring.stream().slots[*slot].filled.store(2);
  ring.stream().slots[*slot].offered.store(2);

  const auto successor = ring.resumed_producer();

  EXPECT_EQ(ring.stream().slots[*slot].offered.load(), 0U);
  EXPECT_EQ(ring.stream().slots[*slot].filled.load(), 0U);
  EXPECT_EQ(take(*reader).sequence, 1U);
  EXPECT_EQ(take(*reader).sequence, nothing);
  ASSERT_TRUE(put(*successor) && put(*successor));
  EXPECT_EQ(take(*reader).sequence, 2U);
}

TEST(FrameQueueDeath, acquired_slot_of_a_dead_producer_is_free_again) {
  Ring ring{2, 1, FramePolicy::block};
  const auto dead = ring.resumed_producer();
  ASSERT_TRUE(put(*dead) && dead->try_acquire());
  EXPECT_FALSE(dead->try_acquire());

  const auto successor = ring.resumed_producer();

  EXPECT_TRUE(put(*successor));
  EXPECT_FALSE(successor->try_acquire());
  EXPECT_EQ(successor->published(), 2U);
}

TEST(FrameQueueDeath, frame_whose_taking_back_was_cut_off_stays_with_its_reader) {
  Ring ring{2, 1, FramePolicy::drop_oldest};
  const auto dead = ring.resumed_producer();
  const auto reader = ring.resumed_reader();
  ASSERT_TRUE(put(*dead));
  const Claim held = take(*reader);
  ring.stream().slots[held.slot].offered.store(0);

  const auto successor = ring.resumed_producer();

  for (int i = 0; i < 5; ++i) EXPECT_NE(put(*successor), held.slot);
  reader->release(held.slot);
  EXPECT_EQ(put(*successor), held.slot);
}

TEST(FrameQueueDeath, last_published_survives_a_producer_that_died_while_publishing) {
  Ring ring{1, 0, FramePolicy::drop_oldest};
  const auto dead = ring.resumed_producer();
  FrameMeta meta;
  meta.user[0] = std::byte{42};
  dead->publish(dead->try_acquire().value(), meta);
  const auto slot = dead->try_acquire();
  FrameMeta next;
  next.user[0] = std::byte{43};
  store_meta(ring.stream().slots[*slot].meta, next);
  store_meta(ring.stream().head->last[2 & 1], next);
  ring.stream().log_entry(2).store(log_word(2, *slot));

  const auto successor = ring.resumed_producer();

  EXPECT_EQ(successor->published(), 1U);
  EXPECT_EQ(successor->last_published().user[0], std::byte{42});
}

TEST(FrameQueueDeath, contradictions_left_behind_are_bad_messages) {
  Ring ring{4, 1, FramePolicy::block};
  for (int i = 0; i < 3; ++i) ASSERT_TRUE(put(*ring.resumed_producer()));
  const auto stream = ring.stream();

  stream.head->head.store(head_word(7, false));
  EXPECT_EQ(ring.producer()->resume().error().code(), Errc::bad_message);
  stream.head->head.store(head_word(std::uint64_t{1} << 60, false));
  EXPECT_EQ(ring.producer()->resume().error().code(), Errc::bad_message);
  stream.head->head.store(head_word(3, false));
  stream.slots[0].offered.store(2);
  stream.slots[1].offered.store(2);
  EXPECT_EQ(ring.producer()->resume().error().code(), Errc::bad_message);

  ring.reader_words().head->progress[0].cursor.store(4);
  EXPECT_EQ(ring.reader()->resume().error().code(), Errc::bad_message);
  ring.reader_words().head->progress[0].cursor.store(2);
  ring.reader_words().head->progress[0].delivered.store(3);
  EXPECT_EQ(ring.reader()->resume().error().code(), Errc::bad_message);
}

TEST(FrameQueueHostile, impossible_entries_are_bad_messages_and_passed_over) {
  Ring ring{4, 1, FramePolicy::drop_oldest};
  const auto producer = ring.resumed_producer();
  const auto reader = ring.resumed_reader();
  for (int i = 0; i < 3; ++i) ASSERT_TRUE(put(*producer));
  const auto stream = ring.stream();
  const Claim first = take(*reader);

  stream.log_entry(2).store(log_word(2, 4));
  EXPECT_EQ(reader->try_claim().error().code(), Errc::bad_message);
  stream.log_entry(3).store(log_word(3, first.slot));
  EXPECT_EQ(reader->try_claim().error().code(), Errc::bad_message);
  EXPECT_EQ(take(*reader).sequence, nothing);
  stream.head->head.store(head_word(1, false));
  EXPECT_EQ(reader->try_claim().error().code(), Errc::bad_message);
  stream.head->head.store(~std::uint64_t{0});
  EXPECT_EQ(reader->try_claim().error().code(), Errc::bad_message);

  EXPECT_EQ(ring.statistics().delivered, 1U);
}

TEST(FrameQueueHostile, head_far_ahead_costs_no_time) {
  Ring ring{4, 1, FramePolicy::drop_oldest};
  const auto reader = ring.resumed_reader();
  ring.stream().head->head.store(head_word(max_sequence, false));

  EXPECT_EQ(take(*reader).sequence, nothing);
  EXPECT_EQ(ring.statistics().dropped, max_sequence);
}

TEST(FrameQueueHostile, no_words_of_the_others_break_a_side) {
  const auto seed = std::random_device{}();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937_64 random{seed};
  const auto hostile_word = [&] {
    switch (random() % 4) {
      case 0: return random() >> (random() % 64);
      case 1: return claim_word(random() % 40, 1);
      case 2: return log_word(random() % 40, static_cast<std::uint32_t>(random() % 6));
      default: return random() % 40;
    }
  };
  for (int round = 0; round < 2'000; ++round) {
    const auto policy = static_cast<FramePolicy>(random() % 3);
    Ring ring{4, 2, policy};
    auto producer = ring.resumed_producer();
    auto reader = ring.resumed_reader();
    std::vector<Claim> held;
    std::vector<std::uint32_t> filling;
    for (int step = 0; step < 300; ++step) {
      const std::size_t memory = random() % 3;
      const auto words = ring.words(memory);
      if (random() % 2 == 0) words[random() % words.size()].store(hostile_word());
      switch (random() % 6) {
        case 0:
          if (const auto slot = producer->try_acquire()) filling.push_back(*slot);
          break;
        case 1:
          if (!filling.empty()) {
            FrameMeta meta;
            producer->publish(filling.back(), meta);
            filling.pop_back();
          }
          break;
        case 2:
          if (const auto claim = reader->try_claim(); claim && *claim) {
            ASSERT_LT((*claim)->slot, 4U);
            reader->accept(**claim);
            held.push_back(**claim);
          }
          break;
        case 3:
          if (!held.empty()) {
            reader->release(held.back().slot);
            held.pop_back();
          }
          break;
        case 4: {
          const FrameReaderStatistics statistics = ring.statistics();
          ASSERT_LE(statistics.delivered, ~std::uint64_t{0} >> 1);
          break;
        }
        default:
          if (auto successor = ring.reader(); successor->resume()) {
            reader = std::move(successor);
            held.clear();
          }
          if (auto successor = ring.producer(); random() % 4 == 0 && successor->resume()) {
            producer = std::move(successor);
            filling.clear();
          }
      }
      // The producer never hands a slot out twice, whatever the others say.
      std::vector<std::uint32_t> unique = filling;
      std::ranges::sort(unique);
      ASSERT_EQ(std::ranges::adjacent_find(unique), unique.end());
    }
  }
}

// Threads in place of processes: the same addresses on both sides, so the thread sanitizer sees every conflict.
class FrameQueueThreads : public ::testing::TestWithParam<FramePolicy> {
 protected:
  static constexpr std::size_t slots = 4;
  static constexpr std::uint64_t frames = 40'000;
  static constexpr std::size_t readers = 2;

  void produce(QueueProducer& producer) {
    for (std::uint64_t sequence = 1; sequence <= frames;) {
      const auto slot = producer.try_acquire();
      if (!slot) {
        std::this_thread::yield();
        continue;
      }
      for (std::uint64_t& word : pixels_[*slot]) word = sequence;
      FrameMeta meta;
      producer.publish(*slot, meta);
      ++sequence;
    }
    producer.finish();
  }

  // Holds up to two frames at once and reads each twice: when it comes and when it goes.
  void consume(QueueReader& reader, std::uint64_t& torn, std::uint64_t& seen, bool& ordered) {
    std::vector<Claim> held;
    const auto check = [&](const Claim& claim) {
      for (const std::uint64_t word : pixels_[claim.slot])
        if (word != claim.sequence) ++torn;
    };
    const auto drop_oldest = [&] {
      check(held.front());
      reader.release(held.front().slot);
      held.erase(held.begin());
    };
    std::uint64_t last = 0;
    for (;;) {
      const auto claim = reader.try_claim();
      if (claim && *claim) {
        reader.accept(**claim);
        ordered = ordered && (*claim)->sequence > last;
        last = (*claim)->sequence;
        ++seen;
        check(**claim);
        held.push_back(**claim);
        if (held.size() == 2) drop_oldest();
        continue;
      }
      while (!held.empty()) drop_oldest();
      if (reader.at_end()) return;
      std::this_thread::yield();
    }
  }

  std::array<std::array<std::uint64_t, 64>, slots> pixels_{};
};
INSTANTIATE_TEST_SUITE_P(Policies, FrameQueueThreads,
                         ::testing::Values(FramePolicy::block, FramePolicy::drop_oldest, FramePolicy::latest_only));

TEST_P(FrameQueueThreads, no_frame_is_torn_and_every_frame_is_accounted_for) {
  Ring ring{slots, readers, GetParam()};
  const auto producer = ring.resumed_producer();
  std::array<std::uint64_t, readers> torn{};
  std::array<std::uint64_t, readers> seen{};
  std::array<bool, readers> ordered{true, true};

  std::vector<std::thread> threads;
  for (std::size_t i = 0; i < readers; ++i)
    threads.emplace_back([&, i] { consume(*ring.resumed_reader(i), torn[i], seen[i], ordered[i]); });
  produce(*producer);
  for (std::thread& thread : threads) thread.join();

  for (std::size_t i = 0; i < readers; ++i) {
    const FrameReaderStatistics statistics = ring.statistics(i);
    EXPECT_EQ(torn[i], 0U);
    EXPECT_TRUE(ordered[i]);
    EXPECT_EQ(statistics.delivered, seen[i]);
    EXPECT_EQ(statistics.delivered + statistics.dropped, frames);
    EXPECT_EQ(statistics.queued, 0U);
    EXPECT_EQ(statistics.leased, 0U);
    if (GetParam() == FramePolicy::block) {
      EXPECT_EQ(seen[i], frames);
    }
  }
}

}  // namespace
}  // namespace prong::frame::detail

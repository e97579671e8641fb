// Holders of an end that write nonsense into every word they can write.

#include "frame_pattern.hpp"
#include "frame_processes.hpp"
#include "process_test.hpp"
#include "prong/frame/detail/frame_words.hpp"
#include "prong/frame/frame_ring.hpp"

#include <fstream>
#include <random>

namespace prong {
namespace {

using namespace std::chrono_literals;
using frame::detail::Word;
using os::ChildProcess;
using tests::fill_pattern;
using tests::fork_child;
using tests::has_pattern;

constexpr auto soon = 20s;  // Longer than anything here takes; a hang ends the test.

// The memory of this process that it may write and whose name ends with `suffix`.
std::span<Word> writable_memory(const std::string& suffix) {
  std::ifstream maps{"/proc/self/maps"};
  for (std::string line; std::getline(maps, line);) {
    unsigned long begin = 0;
    unsigned long end = 0;
    if (line.find(" rw-s ") == std::string::npos || line.find(suffix + " (deleted)") == std::string::npos) continue;
    if (std::sscanf(line.c_str(), "%lx-%lx", &begin, &end) == 2)
      return {reinterpret_cast<Word*>(begin), (end - begin) / sizeof(Word)};
  }
  return {};
}

// Small numbers are the dangerous ones: they look like sequences, slots and claims.
std::uint64_t nonsense(std::mt19937_64& random) {
  switch (random() % 4) {
    case 0: return random() >> (random() % 64);
    case 1: return random() % 100;
    case 2: return frame::detail::claim_word(random() % 100, 1);
    default: return frame::detail::log_word(random() % 100, static_cast<std::uint32_t>(random() % 6));
  }
}

class HostileFrames : public tests::ProcessTest {
 protected:
  static void put(FrameProducer& producer) {
    auto writer = producer.acquire(Deadline::after(soon)).value();
    writer.publish(fill_pattern(writer.bytes(), producer.published() + 1)).value();
  }
  static void end(ChildProcess& child) {
    ASSERT_TRUE(child.signal(SIGKILL));
    ASSERT_TRUE(child.wait(Deadline::after(soon)));
  }
  const std::uint64_t seed = std::random_device{}();
};

TEST_F(HostileFrames, consumer_survives_a_producer_that_writes_nonsense) {
  SCOPED_TRACE("seed " + std::to_string(seed));
  for (std::uint64_t round = 0; round < 40; ++round) {
    const FrameRing ring{{.slots = 4, .slot_bytes = 1000, .policy = static_cast<FramePolicy>(round % 3)}};
    auto child = fork_child([&] {
      auto producer = ring.producer().value();
      std::mt19937_64 random{seed + round};
      const auto words = writable_memory("-stream");
      if (words.empty()) return 1;
      for (;;) {
        if (random() % 4 == 0) {
          if (auto writer = producer.acquire(Deadline::now())) static_cast<void>(writer->publish({.size = 1000}));
        }
        // Mostly in the head, the table and the log, which come first.
        words[random() % (random() % 2 == 0 ? 16 : words.size())].store(nonsense(random));
      }
      return 0;
    });
    auto consumer = ring.consumer().value();

    std::uint64_t sum = 0;
    std::vector<FrameLease> held;
    for (int i = 0; i < 500; ++i) {
      auto lease = consumer.next(Deadline::after(1ms));
      static_cast<void>(ring.statistics().value());
      if (!lease) continue;
      ASSERT_LE(lease->bytes().size(), 1000U);
      for (const std::byte byte : lease->bytes()) sum += static_cast<std::uint64_t>(byte);
      static_cast<void>(ring.pool().resolve(lease->handle()));
      held.push_back(std::move(*lease));
      if (held.size() > 2) held.erase(held.begin());
    }
    EXPECT_EQ(sum, sum);
    end(child);
  }
}

TEST_F(HostileFrames, producer_and_the_other_reader_survive_a_reader_that_writes_nonsense) {
  SCOPED_TRACE("seed " + std::to_string(seed));
  for (std::uint64_t round = 0; round < 10; ++round) {
    constexpr std::uint64_t frames = 300;
    const FrameRing ring{{.slots = 8, .slot_bytes = 1000, .readers = 2, .policy = FramePolicy::drop_oldest}};
    const tests::Signal taken;
    auto hostile = fork_child([&] {
      auto consumer = ring.consumer(1).value();
      std::mt19937_64 random{seed + round};
      const auto words = writable_memory("-reader-1");
      if (words.empty()) return 1;
      for (;;) {
        // It may hold slots, but not all of them: then there would be nothing to survive.
        const std::size_t word = random() % 36;
        words[word].store(nonsense(random));
        if (random() % 8 == 0) static_cast<void>(consumer.next(Deadline::now()));
      }
      return 0;
    });
    auto honest = fork_child([&] {
      auto consumer = ring.consumer(0).value();
      for (std::uint64_t sequence = 1; sequence <= frames; ++sequence) {
        const auto lease = consumer.next(Deadline::after(soon)).value();
        if (lease.sequence() != sequence || !has_pattern(lease.bytes(), sequence)) return 1;
        taken.set();
      }
      return 0;
    });
    auto producer = ring.producer().value();

    for (std::uint64_t i = 0; i < frames; ++i) {
      put(producer);
      ASSERT_TRUE(taken.wait());
      static_cast<void>(ring.statistics().value());
    }

    EXPECT_EQ(to_string(honest.wait(Deadline::after(soon)).value()), "exit code 0");
    end(hostile);
  }
}

TEST_F(HostileFrames, reader_that_claims_every_slot_keeps_the_producer_waiting_and_no_longer_than_that) {
  const FrameRing ring{{.slots = 4, .slot_bytes = 1000, .policy = FramePolicy::drop_oldest}};
  const tests::Signal claimed;
  auto child = fork_child([&] {
    const auto consumer = ring.consumer().value();
    const auto words = writable_memory("-reader-0");
    for (std::size_t slot = 0; slot < 4; ++slot) words[32 + slot].store(frame::detail::claim_word(1, 1));
    claimed.set();
    return ::pause();
  });
  ASSERT_TRUE(claimed.wait());
  auto producer = ring.producer().value();

  EXPECT_EQ(producer.acquire(Deadline::after(5ms)).error().code(), Errc::deadline_exceeded);
  end(child);
  ring.consumer().value().leave();

  EXPECT_TRUE(producer.acquire(Deadline::now()));
}

}  // namespace
}  // namespace prong

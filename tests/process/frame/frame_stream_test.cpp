// Many frames between processes: nothing torn, nothing lost without being counted, no wake lost.

#include "frame_pattern.hpp"
#include "frame_processes.hpp"
#include "process_test.hpp"
#include "prong/frame/frame_ring.hpp"
#include "prong/os/shared_memory.hpp"
#include "test_peer.hpp"

#include <poll.h>
#include <sys/epoll.h>
#include <sys/select.h>
#include <unistd.h>

#include <csignal>
#include <random>
#include <thread>

namespace prong {
namespace {

using namespace std::chrono_literals;
using os::ChildProcess;
using tests::fill_pattern;
using tests::fork_child;
using tests::has_pattern;
using tests::Signal;

constexpr auto soon = 20s;  // Longer than anything here takes; a hang ends the test.

// What a child has counted, for its parent.
struct Report {
  std::atomic<std::uint64_t> seen{0};
  std::atomic<std::uint64_t> missing{0};
  std::atomic<std::uint64_t> torn{0};
  std::atomic<bool> began{false};
};

class FrameStream : public tests::ProcessTest {
 protected:
  static FrameRingOptions options(FramePolicy policy, std::size_t slots, std::size_t readers = 1) {
    return {.name = "stream", .slots = slots, .slot_bytes = 4096, .readers = readers, .policy = policy};
  }
  static Result<std::uint64_t> put(FrameProducer& producer) {
    PRONG_TRY_ASSIGN(auto writer, producer.acquire(Deadline::after(soon)));
    return writer.publish(fill_pattern(writer.bytes(), producer.published() + 1));
  }
  // Reads to the end, looking at each frame when it comes and once more before it goes.
  static int read_all(FrameConsumer& consumer, Report& report, std::chrono::microseconds pause = 0us) {
    report.began = true;
    std::uint64_t last = 0;
    for (;;) {
      const auto lease = consumer.next(Deadline::after(soon));
      if (!lease) {
        return lease.error().code() == Errc::closed ? 0 : 1;
      }
      if (lease->sequence() <= last) return 2;
      report.missing += lease->sequence() - last - 1;
      last = lease->sequence();
      ++report.seen;
      if (!has_pattern(lease->bytes(), last)) ++report.torn;
      if (pause > 0us) ::usleep(static_cast<useconds_t>(pause.count()));
      if (!has_pattern(lease->bytes(), last)) ++report.torn;
    }
  }
  static void expect_success(ChildProcess& child) {
    EXPECT_EQ(to_string(child.wait(Deadline::after(soon)).value()), "exit code 0");
  }
  static void kill(ChildProcess& child) {
    ASSERT_TRUE(child.signal(SIGKILL));
    ASSERT_TRUE(child.wait(Deadline::after(soon)));
  }
  // So that the reader runs while frames are published, where the policy would not wait for it.
  static void wait_until_begun(const Report& report) {
    while (!report.began) std::this_thread::yield();
  }
  Report& report(std::size_t number) { return *std::launder(reinterpret_cast<Report*>(reports_.data()) + number); }

 private:
  os::Mapping reports_ =
      os::SharedMemory::create("reports", 8 * sizeof(Report)).value().map(os::Access::read_write).value();
};

class FrameStreamPolicies : public FrameStream, public ::testing::WithParamInterface<FramePolicy> {};
INSTANTIATE_TEST_SUITE_P(Policies, FrameStreamPolicies,
                         ::testing::Values(FramePolicy::block, FramePolicy::drop_oldest, FramePolicy::latest_only),
                         [](const auto& policy) {
                           switch (policy.param) {
                             case FramePolicy::block: return "block";
                             case FramePolicy::drop_oldest: return "drop_oldest";
                             case FramePolicy::latest_only: return "latest_only";
                           }
                           return "";
                         });

TEST_P(FrameStreamPolicies, ten_thousand_frames_are_whole_and_accounted_for) {
  constexpr std::uint64_t frames = 10'000;
  const FrameRing ring{options(GetParam(), 4)};
  auto child = fork_child([&] {
    auto consumer = ring.consumer().value();
    return read_all(consumer, report(0));
  });
  auto producer = ring.producer().value();
  wait_until_begun(report(0));

  for (std::uint64_t i = 0; i < frames; ++i) ASSERT_TRUE(put(producer));
  ASSERT_TRUE(producer.finish());
  expect_success(child);

  const auto statistics = ring.statistics().value();
  EXPECT_EQ(statistics.published, frames);
  EXPECT_EQ(statistics.readers[0].delivered, report(0).seen);
  EXPECT_EQ(statistics.readers[0].dropped, report(0).missing);
  EXPECT_EQ(report(0).seen + report(0).missing, frames);
  EXPECT_EQ(report(0).torn, 0U);
  EXPECT_EQ(statistics.readers[0].queued + statistics.readers[0].leased, 0U);
  if (GetParam() == FramePolicy::block) {
    EXPECT_EQ(report(0).seen, frames);
  }
}

TEST_P(FrameStreamPolicies, slow_reader_sees_no_torn_frame) {
  constexpr std::uint64_t frames = 300;
  const FrameRing ring{options(GetParam(), 3)};
  auto child = fork_child([&] {
    auto consumer = ring.consumer().value();
    return read_all(consumer, report(0), 200us);
  });
  auto producer = ring.producer().value();
  wait_until_begun(report(0));

  for (std::uint64_t i = 0; i < frames; ++i) ASSERT_TRUE(put(producer));
  ASSERT_TRUE(producer.finish());
  expect_success(child);

  EXPECT_EQ(report(0).torn, 0U);
  EXPECT_EQ(report(0).seen + report(0).missing, frames);
  EXPECT_EQ(ring.statistics().value().readers[0].dropped, report(0).missing);
}

TEST_P(FrameStreamPolicies, two_readers_are_each_accounted_for) {
  constexpr std::uint64_t frames = 3'000;
  const FrameRing ring{options(GetParam(), 4, 2)};
  std::vector<ChildProcess> children;
  for (std::size_t i = 0; i < 2; ++i)
    children.push_back(fork_child([&, i] {
      auto consumer = ring.consumer(i).value();
      return read_all(consumer, report(i), i == 0 ? 0us : 20us);
    }));
  auto producer = ring.producer().value();
  for (std::size_t i = 0; i < 2; ++i) wait_until_begun(report(i));

  for (std::uint64_t i = 0; i < frames; ++i) ASSERT_TRUE(put(producer));
  ASSERT_TRUE(producer.finish());
  for (ChildProcess& child : children) expect_success(child);

  const auto statistics = ring.statistics().value();
  for (std::size_t i = 0; i < 2; ++i) {
    EXPECT_EQ(report(i).torn, 0U);
    EXPECT_EQ(statistics.readers[i].delivered, report(i).seen);
    EXPECT_EQ(statistics.readers[i].dropped, report(i).missing);
    EXPECT_EQ(report(i).seen + report(i).missing, frames);
  }
}

TEST_F(FrameStream, reader_that_does_nothing_costs_the_other_no_frame) {
  constexpr std::uint64_t frames = 500;
  const FrameRing ring{options(FramePolicy::drop_oldest, 4, 2)};
  const Signal taken;
  auto child = fork_child([&] {
    auto consumer = ring.consumer(0).value();
    for (std::uint64_t sequence = 1; sequence <= frames; ++sequence) {
      if (consumer.next(Deadline::after(soon)).value().sequence() != sequence) return 1;
      taken.set();
    }
    return 0;
  });
  auto producer = ring.producer().value();

  for (std::uint64_t i = 0; i < frames; ++i) {
    ASSERT_TRUE(put(producer));
    ASSERT_TRUE(taken.wait());
  }
  expect_success(child);

  EXPECT_EQ(ring.statistics().value().readers[0].dropped, 0U);
  EXPECT_EQ(ring.statistics().value().readers[1].dropped, frames - 4);
  EXPECT_EQ(ring.statistics().value().blocked, 0U);
}

// The ways to wait for a descriptor.
using Wait = bool (*)(int descriptor);

bool by_poll(int descriptor) {
  pollfd entry{descriptor, POLLIN, 0};
  return ::poll(&entry, 1, 20'000) == 1;
}
bool by_select(int descriptor) {
  fd_set readable;
  FD_ZERO(&readable);
  FD_SET(descriptor, &readable);
  timeval time{20, 0};
  return ::select(descriptor + 1, &readable, nullptr, nullptr, &time) == 1;
}
bool by_epoll(int descriptor) {
  static const os::UniqueFd epoll{[descriptor] {
    const int made = ::epoll_create1(EPOLL_CLOEXEC);
    epoll_event event{.events = EPOLLIN, .data = {}};
    return ::epoll_ctl(made, EPOLL_CTL_ADD, descriptor, &event) == 0 ? made : -1;
  }()};
  epoll_event event{};
  return ::epoll_wait(epoll.get(), &event, 1, 20'000) == 1;
}

// Takes the next frame when the descriptor says so.
Result<FrameLease> next_by(Wait wait, FrameConsumer& consumer) {
  for (;;) {
    if (!wait(consumer.descriptor())) return fail(Errc::deadline_exceeded, "the descriptor was not readable in time");
    auto lease = consumer.next(Deadline::now());
    // Readable for nothing: by a ring that was on its way when the reader had found its frame by itself.
    if (lease || lease.error().code() != Errc::queue_empty) return lease;
  }
}

TEST_F(FrameStream, no_wake_is_lost_in_twenty_thousand_turns_of_any_wait) {
  constexpr std::uint64_t turns = 20'000;
  for (const Wait wait : {Wait{nullptr}, Wait{by_poll}, Wait{by_select}, Wait{by_epoll}}) {
    const FrameRing there{{.slots = 1, .slot_bytes = 64}};
    const FrameRing back{{.slots = 1, .slot_bytes = 64}};
    auto child = fork_child([&] {
      auto consumer = there.consumer().value();
      auto producer = back.producer().value();
      for (std::uint64_t i = 0; i < turns; ++i) {
        const auto lease = wait != nullptr ? next_by(wait, consumer) : consumer.next(Deadline::after(soon));
        if (!lease) return 1;
        if (!put(producer)) return 2;
      }
      return 0;
    });
    auto producer = there.producer().value();
    auto consumer = back.consumer().value();

    for (std::uint64_t i = 1; i <= turns; ++i) {
      ASSERT_TRUE(put(producer)) << "turn " << i;
      const auto lease = consumer.next(Deadline::after(soon));
      ASSERT_TRUE(lease) << "turn " << i << ": " << to_string(lease.error());
      ASSERT_EQ(lease->sequence(), i);
    }
    expect_success(child);
  }
}

// Here frames come while the reader is about to wait, which they cannot when both take turns.
TEST_F(FrameStream, no_wake_is_lost_when_frames_come_at_any_moment) {
  constexpr std::uint64_t frames = 20'000;
  for (const Wait wait : {Wait{by_poll}, Wait{by_select}, Wait{by_epoll}}) {
    const FrameRing ring{{.slots = 3, .slot_bytes = 64}};
    auto child = fork_child([&] {
      auto consumer = ring.consumer().value();
      for (std::uint64_t sequence = 1; sequence <= frames; ++sequence) {
        const auto lease = next_by(wait, consumer);
        if (!lease || lease->sequence() != sequence) return 1;
      }
      return next_by(wait, consumer).error().code() == Errc::closed ? 0 : 2;
    });
    auto producer = ring.producer().value();

    for (std::uint64_t i = 0; i < frames; ++i) ASSERT_TRUE(put(producer)) << "frame " << i;
    ASSERT_TRUE(producer.finish());
    expect_success(child);
  }
}

TEST_F(FrameStream, no_wake_of_a_blocked_producer_is_lost) {
  constexpr std::uint64_t frames = 20'000;
  const FrameRing ring{{.slots = 1, .slot_bytes = 64}};
  auto child = fork_child([&] {
    auto consumer = ring.consumer().value();
    return read_all(consumer, report(0));
  });
  auto producer = ring.producer().value();

  for (std::uint64_t i = 0; i < frames; ++i) ASSERT_TRUE(put(producer)) << "frame " << i;
  ASSERT_TRUE(producer.finish());
  expect_success(child);

  EXPECT_EQ(report(0).seen, frames);
}

// A pipeline as users build it, source -> worker -> this process, with both children killed at random. The worker
// follows the rule of docs/formats/frame_ring.md: what was handed on already is released and not handed on again.
class FramePipeline : public FrameStream {
 protected:
  struct Rings {
    FrameRing first{options(FramePolicy::block, 3)};
    FrameRing second{options(FramePolicy::block, 3)};
  };

  static ChildProcess fork_source(const Rings& rings, std::uint64_t frames) {
    return fork_child([&] {
      auto producer = rings.first.producer().value();
      while (producer.published() < frames)
        if (!put(producer)) return 1;
      return producer.finish() ? 0 : 2;
    });
  }
  static ChildProcess fork_worker(const Rings& rings) {
    return fork_child([&] {
      auto consumer = rings.first.consumer().value();
      auto producer = rings.second.producer().value();
      for (;;) {
        const auto lease = consumer.next(Deadline::after(soon));
        if (!lease) return lease.error().code() == Errc::closed && producer.finish() ? 0 : 1;
        if (!has_pattern(lease->bytes(), lease->sequence())) return 2;
        const auto last = producer.last_published();
        if (last && last->source_time == lease->meta().source_time) continue;
        auto writer = producer.acquire(Deadline::after(soon)).value();
        FrameMeta meta = fill_pattern(writer.bytes(), lease->sequence());
        meta.source_time = lease->meta().source_time;
        if (!writer.publish(meta)) return 3;
      }
    });
  }
};

TEST_F(FramePipeline, every_frame_arrives_once_though_both_processes_are_killed_again_and_again) {
  constexpr std::uint64_t frames = 5'000;
  const auto seed = std::random_device{}();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937_64 random{seed};
  const Rings rings;
  auto source = fork_source(rings, frames);
  auto worker = fork_worker(rings);
  auto consumer = rings.second.consumer().value();
  std::uint64_t until_kill = 20;

  for (std::uint64_t sequence = 1; sequence <= frames; ++sequence) {
    const auto lease = consumer.next(Deadline::after(soon));
    ASSERT_TRUE(lease) << to_string(lease.error());
    ASSERT_EQ(lease->sequence(), sequence);
    ASSERT_EQ(lease->meta().source_time, std::chrono::milliseconds{sequence}) << "lost or doubled";
    ASSERT_TRUE(has_pattern(lease->bytes(), sequence));
    // Not near the end: the source may have ended in order by then.
    if (--until_kill > 0 || sequence + 20 > frames) continue;
    until_kill = 1 + random() % 60;
    // Some work first, so that the kill falls anywhere in the children's turns.
    random.discard(random() % 10'000);
    if (random() % 3 == 0) {
      kill(source);
      source = fork_source(rings, frames);
    } else {
      kill(worker);
      worker = fork_worker(rings);
    }
  }

  EXPECT_EQ(consumer.next(Deadline::after(soon)).error().code(), Errc::closed);
  expect_success(worker);
  expect_success(source);
  const auto statistics = rings.first.statistics().value();
  EXPECT_EQ(statistics.published, frames);
  EXPECT_EQ(statistics.readers[0].delivered, frames);
  EXPECT_EQ(statistics.readers[0].dropped + statistics.readers[0].queued + statistics.readers[0].leased, 0U);
}

TEST_F(FrameStream, killed_reader_that_drops_is_accounted_for_exactly) {
  const auto seed = std::random_device{}();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937_64 random{seed};
  const FrameRing ring{options(FramePolicy::drop_oldest, 4)};
  const auto fork_reader = [&] {
    return fork_child([&] {
      auto consumer = ring.consumer().value();
      return read_all(consumer, report(0));
    });
  };
  auto producer = ring.producer().value();
  auto reader = fork_reader();

  for (int round = 0; round < 50; ++round) {
    for (std::uint64_t i = random() % 200; i > 0; --i) ASSERT_TRUE(put(producer));
    kill(reader);
    const auto statistics = ring.statistics().value();
    const auto& counts = statistics.readers[0];
    ASSERT_EQ(statistics.published, counts.delivered + counts.dropped + counts.queued);
    reader = fork_reader();
  }
  ASSERT_TRUE(producer.finish());
  expect_success(reader);

  EXPECT_EQ(report(0).torn, 0U);
  // A reader may die after a frame was counted and before it has counted it itself, and gets it again then.
  const auto counts = ring.statistics().value().readers[0];
  EXPECT_EQ(counts.queued + counts.leased, 0U);
  EXPECT_LE(report(0).seen, counts.delivered + counts.redelivered);
  EXPECT_GE(report(0).seen, counts.delivered);
}

}  // namespace
}  // namespace prong

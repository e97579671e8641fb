#include "prong/frame/frame_ring.hpp"

#include "frame_pattern.hpp"
#include "frame_processes.hpp"
#include "process_test.hpp"
#include "prong/os/inherited.hpp"
#include "prong/os/shared_memory.hpp"
#include "test_peer.hpp"

#include <sys/mman.h>
#include <unistd.h>

#include <csignal>
#include <fstream>

namespace prong {
namespace {

using namespace std::chrono_literals;
using os::ChildProcess;
using tests::ChildPeer;
using tests::fill_pattern;
using tests::fork_child;
using tests::has_pattern;
using tests::Signal;

constexpr auto soon = 20s;  // Longer than anything here takes; a hang ends the test.

class FrameRingInProcesses : public tests::ProcessTest {
 protected:
  static void put(FrameProducer& producer) {
    auto writer = producer.acquire(Deadline::after(soon)).value();
    writer.publish(fill_pattern(writer.bytes(), producer.published() + 1)).value();
  }
  static void expect_success(ChildProcess& child) {
    EXPECT_EQ(to_string(child.wait(Deadline::after(soon)).value()), "exit code 0");
  }
  static void kill(ChildProcess& child) {
    ASSERT_TRUE(child.signal(SIGKILL));
    ASSERT_EQ(child.wait(Deadline::after(soon)).value().signal, SIGKILL);
  }
};

// The line of /proc/self/maps for an address: "permissions inode path", or nothing if it is not mapped.
std::string mapping_of(const void* address) {
  std::ifstream maps{"/proc/self/maps"};
  for (std::string line; std::getline(maps, line);) {
    unsigned long begin = 0;
    unsigned long end = 0;
    unsigned long inode = 0;
    char permissions[5] = {};
    int path = 0;
    if (std::sscanf(line.c_str(), "%lx-%lx %4s %*s %*s %lu %n", &begin, &end, permissions, &inode, &path) != 4)
      continue;
    const auto wanted = reinterpret_cast<std::uintptr_t>(address);
    if (wanted >= begin && wanted < end)
      return std::string{permissions} + " " + std::to_string(inode) + " " + line.substr(static_cast<std::size_t>(path));
  }
  return {};
}

// The descriptors and mappings of frames that this process has.
std::vector<std::string> frame_memory() {
  std::vector<std::string> found;
  std::ifstream maps{"/proc/self/maps"};
  for (std::string line; std::getline(maps, line);)
    if (line.find("prong-frames") != std::string::npos) found.push_back("mapping " + line);
  for (int descriptor = 0; descriptor < 256; ++descriptor) {
    char target[256] = {};
    if (::readlink(("/proc/self/fd/" + std::to_string(descriptor)).c_str(), target, sizeof target - 1) > 0 &&
        std::string{target}.find("prong-frames") != std::string::npos)
      found.push_back("descriptor " + std::string{target});
  }
  return found;
}

TEST_F(FrameRingInProcesses, both_sides_use_the_same_memory_and_the_consumer_cannot_write) {
  const FrameRing ring{{.name = "same", .slots = 4, .slot_bytes = 100'000}};
  auto producer = ring.producer().value();
  auto writer = producer.acquire(Deadline::now()).value();
  const std::string own = mapping_of(writer.bytes().data());
  const MutableBytes slot = writer.bytes();
  const Signal held;
  const Signal changed;
  ASSERT_TRUE(writer.publish(fill_pattern(slot, 1)));

  auto child = fork_child([&] {
    auto consumer = ring.consumer().value();
    const auto lease = consumer.next(Deadline::after(soon)).value();
    if (!has_pattern(lease.bytes(), 1)) return 1;
    // The same file, and read-only: "r--s inode path" against "rw-s inode path".
    if (mapping_of(lease.bytes().data()).substr(4) != own.substr(4)) return 2;
    if (mapping_of(lease.bytes().data()).substr(0, 4) != "r--s" || own.substr(0, 4) != "rw-s") return 3;
    held.set();
    if (!changed.wait()) return 4;
    return has_pattern(lease.bytes(), 77) ? 0 : 5;  // No copy was made: a write after the hand-over is seen.
  });
  ASSERT_TRUE(held.wait());
  fill_pattern(slot, 77);
  changed.set();

  expect_success(child);
}

TEST_F(FrameRingInProcesses, consumer_that_writes_to_pixels_dies_with_sigsegv) {
  const FrameRing ring{{.slots = 4, .slot_bytes = 1000}};
  auto producer = ring.producer().value();
  put(producer);

  auto child = fork_child([&] {
    ::signal(SIGSEGV, SIG_DFL);
    auto consumer = ring.consumer().value();
    const auto lease = consumer.next(Deadline::after(soon)).value();
    *const_cast<volatile std::byte*>(lease.bytes().data()) = std::byte{1};
    return 0;
  });

  EXPECT_EQ(child.wait(Deadline::after(soon)).value().signal, SIGSEGV);
}

TEST_F(FrameRingInProcesses, resolved_frame_cannot_be_written_to_either) {
  const FramePool pool{{.slots = 2, .slot_bytes = 1000}};
  auto producer = pool.producer().value();
  const auto lease = producer.acquire(Deadline::now()).value().publish_and_keep({.size = 1000}).value();

  auto child = fork_child([&] {
    ::signal(SIGSEGV, SIG_DFL);
    const auto view = pool.resolve(lease.handle()).value();
    *const_cast<volatile std::byte*>(view.bytes().data()) = std::byte{1};
    return 0;
  });

  EXPECT_EQ(child.wait(Deadline::after(soon)).value().signal, SIGSEGV);
}

TEST_F(FrameRingInProcesses, backend_that_took_an_end_cannot_get_the_right_to_write_back) {
  const FrameRing ring{{.slots = 4, .slot_bytes = 1000, .readers = 2}};
  auto producer = ring.producer().value();
  put(producer);

  auto child = fork_child([&] {
    auto consumer = ring.consumer(0).value();
    const auto lease = consumer.next(Deadline::after(soon)).value();
    const auto page = reinterpret_cast<std::uintptr_t>(lease.bytes().data()) / os::page_size() * os::page_size();
    if (::mprotect(reinterpret_cast<void*>(page), os::page_size(), PROT_READ | PROT_WRITE) == 0) return 1;
    std::size_t descriptors = 0;
    for (const std::string& thing : frame_memory()) descriptors += thing.rfind("descriptor", 0) == 0 ? 1 : 0;
    if (descriptors != 1) return 2;  // Of its own words.
    if (ring.producer().error().code() != Errc::invalid_state) return 3;
    if (ring.consumer(1).error().code() != Errc::invalid_state) return 4;
    return ring.statistics() && ring.pool().resolve(lease.handle()) ? 0 : 5;
  });

  expect_success(child);
}

TEST_F(FrameRingInProcesses, fork_hands_no_mapping_on_and_foreign_ends_fail) {
  const FrameRing ring{{.slots = 4, .slot_bytes = 1000}};
  auto producer = ring.producer().value();
  auto consumer = ring.consumer().value();
  put(producer);
  put(producer);
  auto lease = consumer.next(Deadline::now()).value();
  auto writer = producer.acquire(Deadline::now()).value();

  auto child = fork_child([&] {
    for (const std::string& thing : frame_memory())
      if (thing.rfind("mapping", 0) == 0) return 1;
    if (producer.acquire(Deadline::never()).error().code() != Errc::wrong_process) return 2;
    if (consumer.next(Deadline::never()).error().code() != Errc::wrong_process) return 3;
    if (writer.publish({}).error().code() != Errc::wrong_process) return 4;
    if (producer.finish().error().code() != Errc::wrong_process) return 5;
    if (ring.consumer().error().code() != Errc::invalid_state) return 6;  // The parent has it.
    consumer.leave();
    lease.release();
    writer.abandon();
    const FrameConsumer dead_consumer{std::move(consumer)};
    const FrameProducer dead_producer{std::move(producer)};
    return ring.statistics().value().readers[0].leased == 1 ? 0 : 7;
  });

  expect_success(child);
  EXPECT_EQ(ring.statistics().value().readers[0].leased, 1U);
  EXPECT_TRUE(writer.publish({}));
}

TEST_F(FrameRingInProcesses, works_in_a_backend_that_closed_what_it_was_not_meant_to_have) {
  const FrameRing ring{{.slots = 4, .slot_bytes = 1000, .readers = 2}};
  auto producer = ring.producer().value();
  put(producer);

  auto child = fork_child([&] {
    if (!os::close_all_but_inherited({})) return 1;
    auto consumer = ring.consumer(1).value();
    if (!has_pattern(consumer.next(Deadline::after(soon)).value().bytes(), 1)) return 2;
    return consumer.next(Deadline::after(soon)).value().sequence() == 2 ? 0 : 3;
  });
  put(producer);

  expect_success(child);
}

TEST_F(FrameRingInProcesses, end_is_refused_while_its_holder_lives_and_free_when_it_died) {
  const FrameRing ring{{.slots = 4, .slot_bytes = 1000}};
  const Signal taken;
  auto child = fork_child([&] {
    const auto consumer = ring.consumer().value();
    taken.set();
    return ::pause();
  });
  ASSERT_TRUE(taken.wait());

  const Error refused = ring.consumer().error();
  EXPECT_EQ(refused.code(), Errc::invalid_state);
  EXPECT_NE(refused.message().find(std::to_string(child.pid())), std::string::npos) << refused.message();
  kill(child);

  EXPECT_TRUE(ring.consumer());
}

TEST_F(FrameRingInProcesses, reader_may_start_first_or_last) {
  for (const bool reader_first : {true, false}) {
    const FrameRing ring{{.slots = 4, .slot_bytes = 1000}};
    const auto read = [&] {
      auto consumer = ring.consumer().value();
      for (std::uint64_t sequence = 1; sequence <= 3; ++sequence)
        if (consumer.next(Deadline::after(soon)).value().sequence() != sequence) return 1;
      return consumer.next(Deadline::after(soon)).error().code() == Errc::closed ? 0 : 2;
    };
    const auto write = [&] {
      auto producer = ring.producer().value();
      for (int i = 0; i < 3; ++i) put(producer);
      return producer.finish() ? 0 : 1;
    };

    auto first = reader_first ? fork_child(read) : fork_child(write);
    if (!reader_first) expect_success(first);
    auto second = reader_first ? fork_child(write) : fork_child(read);

    if (reader_first) expect_success(first);
    expect_success(second);
  }
}

TEST_F(FrameRingInProcesses, killed_reader_loses_nothing_and_its_successor_is_told) {
  const FrameRing ring{{.slots = 4, .slot_bytes = 1000}};
  auto producer = ring.producer().value();
  const Signal reading;
  auto child = fork_child([&] {
    auto consumer = ring.consumer().value();
    consumer.next(Deadline::after(soon)).value().release();
    const auto second = consumer.next(Deadline::after(soon)).value();
    const auto third = consumer.next(Deadline::after(soon)).value();
    reading.set();
    return ::pause();
  });
  for (int i = 0; i < 3; ++i) put(producer);
  ASSERT_TRUE(reading.wait());

  kill(child);

  EXPECT_EQ(ring.statistics().value().readers[0].leased, 2U);
  put(producer);
  put(producer);
  EXPECT_EQ(producer.acquire(Deadline::now()).error().code(), Errc::no_free_slot) << "two held, two queued";
  auto successor = fork_child([&] {
    auto consumer = ring.consumer().value();
    for (const auto& [sequence, delivery] :
         std::vector<std::pair<std::uint64_t, std::uint32_t>>{{2, 2}, {3, 2}, {4, 1}, {5, 1}, {6, 1}}) {
      const auto lease = consumer.next(Deadline::after(soon)).value();
      if (lease.sequence() != sequence || lease.delivery() != delivery) return static_cast<int>(sequence);
      if (!has_pattern(lease.bytes(), sequence)) return 10;
    }
    return 0;
  });
  put(producer);
  expect_success(successor);

  const auto statistics = ring.statistics().value().readers[0];
  EXPECT_EQ(statistics.delivered, 6U);
  EXPECT_EQ(statistics.redelivered, 2U);
  EXPECT_EQ(statistics.dropped + statistics.queued + statistics.leased, 0U);
}

TEST_F(FrameRingInProcesses, slots_of_a_dead_reader_come_back_when_somebody_leaves_for_it) {
  const FrameRing ring{{.slots = 2, .slot_bytes = 1000}};
  auto producer = ring.producer().value();
  const Signal reading;
  auto child = fork_child([&] {
    auto consumer = ring.consumer().value();
    const auto lease = consumer.next(Deadline::after(soon)).value();
    reading.set();
    return ::pause();
  });
  put(producer);
  put(producer);
  ASSERT_TRUE(reading.wait());
  kill(child);
  EXPECT_EQ(producer.acquire(Deadline::now()).error().code(), Errc::no_free_slot);

  ring.consumer().value().leave();

  for (int i = 0; i < 10; ++i) put(producer);
  EXPECT_TRUE(ring.statistics().value().readers[0].has_left);
  EXPECT_EQ(ring.statistics().value().readers[0].dropped, 11U - 2U);
  EXPECT_EQ(ring.statistics().value().readers[0].queued, 2U);
}

TEST_F(FrameRingInProcesses, killed_producer_leaves_no_half_frame_and_its_successor_goes_on) {
  const FrameRing ring{{.slots = 2, .slot_bytes = 1000}};
  auto consumer = ring.consumer().value();
  const Signal writing;
  auto child = fork_child([&] {
    auto producer = ring.producer().value();
    put(producer);
    auto writer = producer.acquire(Deadline::after(soon)).value();
    fill_pattern(writer.bytes().first(500), 2);
    writing.set();
    return ::pause();
  });
  ASSERT_TRUE(writing.wait());

  kill(child);
  auto successor = fork_child([&] {
    auto producer = ring.producer().value();
    if (producer.published() != 1 || producer.last_published()->source_time != 1ms) return 1;
    for (int i = 0; i < 5; ++i) put(producer);
    return producer.finish() ? 0 : 2;
  });

  for (std::uint64_t sequence = 1; sequence <= 6; ++sequence) {
    const auto lease = consumer.next(Deadline::after(soon)).value();
    EXPECT_EQ(lease.sequence(), sequence);
    EXPECT_TRUE(has_pattern(lease.bytes(), sequence));
  }
  EXPECT_EQ(consumer.next(Deadline::after(soon)).error().code(), Errc::closed);
  expect_success(successor);
}

TEST_F(FrameRingInProcesses, waits_end_with_the_death_of_the_peer) {
  const FrameRing ring{{.slots = 1, .slot_bytes = 1000, .readers = 2}};
  auto producer = ring.producer().value();
  auto consumer = ring.consumer(0).value();
  put(producer);
  consumer.next(Deadline::now()).value().release();
  auto child = fork_child([] { return ::pause(); });
  ChildPeer peer{child};
  auto killer = fork_child([victim = child.pid()] {
    ::usleep(20'000);
    return ::kill(victim, SIGKILL);
  });

  EXPECT_EQ(producer.acquire(peer, Deadline::never()).error().code(), Errc::process_expired);
  EXPECT_EQ(consumer.next(peer, Deadline::never()).error().code(), Errc::process_expired);
  expect_success(killer);
}

TEST_F(FrameRingInProcesses, handle_is_resolved_in_a_process_that_has_no_end) {
  const FramePool pool{{.slots = 2, .slot_bytes = 1000}};
  auto producer = pool.producer().value();
  auto writer = producer.acquire(Deadline::now()).value();
  const auto meta = fill_pattern(writer.bytes(), 5);
  auto lease = writer.publish_and_keep(meta).value();
  const Signal stale;
  const Signal seen;

  auto child = fork_child([&, handle = lease.handle()] {
    if (!os::close_all_but_inherited(std::array{stale.descriptor(), seen.descriptor()})) return 1;
    const auto view = pool.resolve(handle).value();
    if (!has_pattern(view.bytes(), 5) || !view.is_current()) return 2;
    seen.set();
    if (!stale.wait()) return 3;
    if (view.is_current()) return 4;
    return pool.resolve(handle).error().code() == Errc::stale_frame ? 0 : 5;
  });
  ASSERT_TRUE(seen.wait());
  lease.release();
  for (int i = 0; i < 2; ++i) put(producer);
  stale.set();

  expect_success(child);
}

}  // namespace
}  // namespace prong

#include "prong/sync/checkpoint_store.hpp"

#include "checkpoint_pattern.hpp"
#include "event_memory.hpp"
#include "process_test.hpp"
#include "prong/os/child_process.hpp"
#include "prong/os/poll.hpp"
#include "prong/os/shared_memory.hpp"
#include "prong/os/signals.hpp"

#include <unistd.h>

#include <csignal>
#include <random>
#include <thread>

namespace prong {
namespace {

using namespace std::chrono_literals;
using os::ChildProcess;

using CheckpointStoreInProcesses = tests::ProcessTest;

// Four times 250 kills, so that each part has a watchdog of its own.
class KilledSavers : public tests::ProcessTest, public ::testing::WithParamInterface<int> {};
INSTANTIATE_TEST_SUITE_P(Part, KilledSavers, ::testing::Range(0, 4));

TEST_P(KilledSavers, leave_a_whole_recent_save_to_their_successors_whenever_they_die) {
  constexpr std::size_t capacity = 20'000;
  auto store = CheckpointStore::create(capacity).value();
  const auto page = os::SharedMemory::create("test-progress", 1).value().map(os::Access::read_write).value();
  auto& finished = *new (page.data()) std::atomic<std::uint64_t>{0};
  const std::uint64_t seed = std::random_device{}();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937_64 random{seed};
  int in_the_middle = 0;

  for (int kill = 0; kill < 250; ++kill) {
    const std::uint64_t before = finished.load();
    auto saver = ChildProcess::fork([&, parent = ::getpid()] {
                   os::die_with_parent(parent);
                   // What a backend does in pre_run: it goes on from where its predecessor was.
                   const auto taken = store.take();
                   if (!taken) return 1;
                   std::uint64_t number = 0;
                   if (*taken) {
                     const auto whole = tests::number_of_checkpoint((*taken)->bytes, capacity);
                     if (!whole || *whole != (*taken)->number || *whole < before || *whole > before + 1) return 2;
                     number = *whole;
                   } else if (before > 0) {
                     return 3;
                   }
                   std::vector<std::byte> bytes;
                   for (;;) {
                     tests::fill_checkpoint(bytes, ++number, capacity);
                     if (!store.save(bytes)) return 4;
                     finished.store(number);
                   }
                 }).value();
    const std::uint64_t enough = before + 1 + random() % 4;
    while (finished.load() < enough && !os::readable(saver.descriptor())) std::this_thread::yield();
    const Deadline moment = Deadline::after(std::chrono::nanoseconds{random() % 60'000});
    while (!moment.has_passed()) std::this_thread::yield();
    ASSERT_TRUE(saver.signal(SIGKILL));
    const os::ExitStatus status = saver.wait(Deadline::after(20s)).value();
    ASSERT_EQ(status.signal, SIGKILL) << os::to_string(status) << " after kill " << kill;

    const auto saved = store.last();
    ASSERT_TRUE(saved && *saved) << "after kill " << kill;
    const auto number = tests::number_of_checkpoint((*saved)->bytes, capacity);
    ASSERT_TRUE(number) << "torn after kill " << kill;
    ASSERT_EQ(*number, (*saved)->number);
    // All that was finished, and perhaps one that was finished and not yet counted.
    ASSERT_GE(*number, finished.load());
    ASSERT_LE(*number, finished.load() + 1);
    finished.store(*number);
    const auto words = tests::event_memory("prong-checkpoint");
    const std::size_t half = (128 + capacity) / 4;
    if (words[0] != words[2] || words[half] != words[half + 2]) ++in_the_middle;
  }

  // Else this test would not show what it says.
  EXPECT_GT(in_the_middle, 25) << "hardly any kill fell into a save";
  RecordProperty("in_the_middle", in_the_middle);
}

TEST_F(CheckpointStoreInProcesses, a_frontend_and_its_backends_count_on) {
  auto store = CheckpointStore::create(100).value();
  ASSERT_TRUE(store.save(as_bytes("frontend")));
  for (const std::uint64_t number : {1U, 2U, 3U}) {
    auto child = ChildProcess::fork([&] {
                   const auto taken = store.take().value();
                   if (!taken || taken->number != number) return 1;
                   return store.save(as_bytes("backend")) ? 0 : 2;
                 }).value();
    EXPECT_TRUE(child.wait(Deadline::after(20s)).value().success());
  }

  ASSERT_TRUE(store.save(as_bytes("frontend again")));

  const auto last = store.last().value();
  EXPECT_EQ(last->number, 5U);
  EXPECT_EQ(as_text(last->bytes), "frontend again");
}

}  // namespace
}  // namespace prong

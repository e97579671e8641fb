// Moments between two steps of one call, hit exactly: what another process does there runs just before the call's
// read(2) of its eventfd.
#include "prong/sync/detail/descriptor_cell.hpp"
#include "prong/sync/detail/futex_cell.hpp"

#include "test_peer.hpp"

#include <gtest/gtest.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <functional>
#include <utility>

namespace {

thread_local std::function<void()> before_next_read;

}  // namespace

// Stands in for the one of the C library in this program.
extern "C" ssize_t read(int descriptor, void* buffer, size_t size) {
  if (before_next_read) std::exchange(before_next_read, nullptr)();
  return ::syscall(SYS_read, descriptor, buffer, size);
}

namespace prong::sync::detail {
namespace {

using namespace std::chrono_literals;

constexpr Generation first = 1;
constexpr Generation second = 2;

// An eventfd whose second descriptor the test keeps.
class Interleaving : public ::testing::Test {
 protected:
  os::EventFd event = os::EventFd::create().value();
  os::UniqueFd descriptor{::dup(event.descriptor())};
  tests::ThreadPeer peer;
};

TEST_F(Interleaving, who_silences_the_bell_of_a_set_rings_it_again_for_the_others) {
  std::atomic<std::uint32_t> word{0};
  event.set();  // For nothing.
  FutexCell cell{word, std::move(event)};
  cell.reset(first);
  before_next_read = [&] { EXPECT_TRUE(cell.set(first)); };

  EXPECT_EQ(cell.wait(first, peer, Deadline::never()).value(), EventState::set);

  EXPECT_FALSE(before_next_read);
  EXPECT_TRUE(os::readable(descriptor.get()));
}

TEST_F(Interleaving, who_silences_the_bell_of_a_release_rings_it_again_for_the_others) {
  std::atomic<std::uint32_t> word{0};
  event.set();  // For nothing.
  FutexCell cell{word, std::move(event)};
  cell.reset(first);
  before_next_read = [&] { cell.retire(); };

  EXPECT_EQ(cell.wait(first, peer, Deadline::never()).value(), EventState::other_generation);

  EXPECT_FALSE(before_next_read);
  EXPECT_TRUE(os::readable(descriptor.get()));
}

TEST_F(Interleaving, who_silences_a_bell_says_that_he_waits_before_he_gives_up) {
  std::atomic<std::uint32_t> word{0};
  event.set();  // For nothing.
  FutexCell cell{word, std::move(event)};
  cell.reset(first);
  // Another waiter sleeps on the bell; the set has taken his flag out of the word, and is taken back at once.
  before_next_read = [&] {
    EXPECT_TRUE(cell.set(first));
    EXPECT_TRUE(cell.clear(first));
  };

  EXPECT_EQ(cell.wait(first, peer, Deadline::after(5ms)).error().code(), Errc::deadline_exceeded);
  EXPECT_FALSE(before_next_read);
  EXPECT_FALSE(os::readable(descriptor.get()));
  EXPECT_TRUE(cell.set(first));

  EXPECT_TRUE(os::readable(descriptor.get()));
}

TEST_F(Interleaving, a_late_clear_gives_back_the_set_of_the_next_generation) {
  std::atomic<std::uint64_t> word{0};
  DescriptorCell cell{word, std::move(event)};
  cell.reset(first);
  before_next_read = [&] {
    EXPECT_TRUE(cell.settle());
    cell.reset(second);
    EXPECT_TRUE(cell.set(second));
  };

  EXPECT_FALSE(cell.clear(first));

  EXPECT_EQ(cell.state(second), EventState::set);
  EXPECT_TRUE(cell.clear(second));
  EXPECT_TRUE(cell.settle());
}

TEST_F(Interleaving, a_set_that_arrives_while_its_event_settles_is_read_back) {
  std::atomic<std::uint64_t> word{0};
  DescriptorCell cell{word, std::move(event)};
  cell.reset(first);
  before_next_read = [&] { EXPECT_FALSE(cell.set(first)); };
  EXPECT_TRUE(cell.settle());
  cell.reset(second);
  ++word;  // Announced, not yet written.
  before_next_read = [&] { EXPECT_EQ(::eventfd_write(descriptor.get(), 1), 0); };

  EXPECT_TRUE(cell.settle());

  EXPECT_FALSE(os::readable(descriptor.get()));
}

}  // namespace
}  // namespace prong::sync::detail

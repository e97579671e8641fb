#include "prong/os/shared_memory.hpp"

#include "process_test.hpp"
#include "prong/os/child_process.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <csignal>

namespace prong::os {
namespace {

using SharedMemory_ = tests::ProcessTest;
using namespace std::chrono_literals;

TEST_F(SharedMemory_, is_seen_by_a_child) {
  const auto memory = SharedMemory::create("test", 1).value();
  const auto mapping = memory.map(Access::read_write).value();

  auto child = ChildProcess::fork([&] {
                 mapping.data()[0] = std::byte{7};
                 return 0;
               }).value();
  ASSERT_TRUE(child.wait(Deadline::after(10s)));

  EXPECT_EQ(memory.size(), page_size());
  EXPECT_EQ(mapping.data()[0], std::byte{7});
}

TEST_F(SharedMemory_, cannot_be_resized_by_anybody) {
  const auto memory = SharedMemory::create("test", page_size()).value();

  EXPECT_NE(::ftruncate(memory.descriptor(), 0), 0);
  EXPECT_NE(::ftruncate(memory.descriptor(), 1 << 20), 0);
}

TEST_F(SharedMemory_, of_no_size_or_of_more_than_fits_is_an_error) {
  EXPECT_EQ(SharedMemory::create("test", 0).error().code(), Errc::size_invalid);
  EXPECT_EQ(SharedMemory::create("test", SIZE_MAX).error().code(), Errc::size_invalid);
  EXPECT_EQ(SharedMemory::create("test", SIZE_MAX / 4).error().code(), Errc::size_invalid);
}

TEST_F(SharedMemory_, that_is_not_sealed_is_refused) {
  UniqueFd unsealed{::memfd_create("test", MFD_CLOEXEC | MFD_ALLOW_SEALING)};
  ASSERT_EQ(::ftruncate(unsealed.get(), 4096), 0);

  EXPECT_EQ(SharedMemory::open(std::move(unsealed)).error().code(), Errc::bad_message);
}

TEST_F(SharedMemory_, mapped_twice_has_no_seam) {
  const auto memory = SharedMemory::create("test", 2 * page_size()).value();

  const auto ring = memory.map_twice(page_size(), page_size(), Access::read_write).value();
  ring.data()[0] = std::byte{1};
  ring.data()[2 * page_size() - 1] = std::byte{2};

  EXPECT_EQ(ring.data()[page_size()], std::byte{1});
  EXPECT_EQ(ring.data()[page_size() - 1], std::byte{2});
}

TEST_F(SharedMemory_, read_only_mapping_stops_a_writer_with_sigsegv) {
  const auto memory = SharedMemory::create("test", 1).value();
  auto mapping = memory.map(Access::read_only).value();

  auto child = ChildProcess::fork([&] {
                 ::signal(SIGSEGV, SIG_DFL);
                 *static_cast<volatile std::byte*>(mapping.data()) = std::byte{1};
                 return 0;
               }).value();

  EXPECT_EQ(child.wait(Deadline::after(10s)).value().signal, SIGSEGV);
}

}  // namespace
}  // namespace prong::os

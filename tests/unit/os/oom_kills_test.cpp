#include "prong/os/oom_kills.hpp"

#include "file_tree.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

namespace prong::os {
namespace {

using tests::FileTree;

// As kernels write them.
constexpr const char* events = "low 0\nhigh 0\nmax 12\noom 3\noom_kill 2\noom_group_kill 0\n";
constexpr const char* oom_control = "oom_kill_disable 0\nunder_oom 0\noom_kill 4\n";
constexpr const char* vmstat = "nr_free_pages 10\noom_kill 7\nswap_ra 0\n";

void write_unified(const FileTree& files, const std::string& group) {
  files.write("/proc/42/cgroup", "0::" + group + "\n");
  files.write("/proc/self/mountinfo",
              "22 1 8:1 / / rw - ext4 /dev/sda1 rw\n"
              "35 22 0:30 / /sys/fs/cgroup rw,nosuid shared:9 - cgroup2 cgroup2 rw,nsdelegate\n");
  files.write("/proc/vmstat", vmstat);
}

TEST(OomKillCounter, reads_the_number_of_kills_and_no_other) {
  EXPECT_EQ(parse_oom_kills(events).value(), 2U);
  EXPECT_EQ(parse_oom_kills(oom_control).value(), 4U);
  EXPECT_EQ(parse_oom_kills(vmstat).value(), 7U);
  for (const char* const none : {"", "oom 3\n", "oom_kill_disable 0\n", "oom_kill \n", "oom_kill x\n", "xoom_kill 1\n"})
    EXPECT_EQ(parse_oom_kills(none).error().code(), Errc::not_supported) << none;
}

TEST(OomKillCounter, is_that_of_the_unified_group_without_the_groups_below) {
  const FileTree files;
  write_unified(files, "/app/worker");
  files.write("/sys/fs/cgroup/app/worker/memory.events", events);

  EXPECT_EQ(OomKillCounter::of(42, files.root()).value().file(),
            files.root() + "/sys/fs/cgroup/app/worker/memory.events");
  files.write("/sys/fs/cgroup/app/worker/memory.events.local", "oom_kill 1\n");
  const OomKillCounter counter = OomKillCounter::of(42, files.root()).value();

  EXPECT_EQ(counter.file(), files.root() + "/sys/fs/cgroup/app/worker/memory.events.local");
  EXPECT_EQ(counter.read().value(), 1U);
  files.write("/sys/fs/cgroup/app/worker/memory.events.local", "oom_kill 2\n");
  EXPECT_EQ(counter.read().value(), 2U);
}

TEST(OomKillCounter, is_that_of_the_memory_hierarchy_where_each_controller_has_its_own) {
  const FileTree files;
  files.write("/proc/42/cgroup", "9:cpu,cpuacct:/a\n4:memory:/jobs/7\n1:name=systemd:/b\n0::/c\n");
  files.write("/proc/self/mountinfo",
              "33 31 0:30 / /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct\n"
              "35 31 0:32 / /sys/fs/cgroup/memory rw,relatime - cgroup cgroup rw,memory\n"
              "41 31 0:38 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw\n");
  files.write("/sys/fs/cgroup/memory/jobs/7/memory.oom_control", oom_control);

  EXPECT_EQ(OomKillCounter::of(42, files.root()).value().read().value(), 4U);
}

TEST(OomKillCounter, is_found_where_a_part_of_the_hierarchy_is_mounted) {
  const FileTree files;
  files.write("/proc/42/cgroup", "4:memory:/docker/abc/inner\n");
  files.write("/proc/self/mountinfo", "35 31 0:32 /docker/abc /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n");
  files.write("/sys/fs/cgroup/memory/inner/memory.oom_control", oom_control);

  EXPECT_EQ(OomKillCounter::of(42, files.root()).value().read().value(), 4U);
}

TEST(OomKillCounter, is_that_of_the_machine_where_the_group_has_none) {
  const FileTree files;
  write_unified(files, "/");  // the root group counts nothing

  const OomKillCounter counter = OomKillCounter::of(42, files.root()).value();

  EXPECT_EQ(counter.file(), files.root() + "/proc/vmstat");
  EXPECT_EQ(counter.read().value(), 7U);
}

TEST(OomKillCounter, does_not_take_the_counter_of_a_group_that_is_not_mounted) {
  const FileTree files;
  files.write("/proc/42/cgroup", "4:memory:/docker/abcdef\n");
  files.write("/proc/self/mountinfo", "35 31 0:32 /docker/abc /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n");
  files.write("/sys/fs/cgroup/memory/memory.oom_control", oom_control);
  files.write("/sys/fs/cgroup/memory/def/memory.oom_control", oom_control);
  files.write("/proc/vmstat", vmstat);

  EXPECT_EQ(OomKillCounter::of(42, files.root()).value().file(), files.root() + "/proc/vmstat");
}

TEST(OomKillCounter, fails_without_the_process_or_any_counter) {
  const FileTree files;
  EXPECT_EQ(OomKillCounter::of(42, files.root()).error().code(), Errc::system);
  files.write("/proc/42/cgroup", "0::/app\n");
  files.write("/proc/self/mountinfo", "garbage\n\n35 31 - \n - cgroup2 x y\n");
  EXPECT_EQ(OomKillCounter::of(42, files.root()).error().code(), Errc::not_supported);
}

TEST(OomKillCounter, is_there_on_this_machine) {
  const auto counter = OomKillCounter::of(::getpid());

  ASSERT_TRUE(counter) << to_string(counter.error());
  EXPECT_TRUE(counter->read());
}

}  // namespace
}  // namespace prong::os

#include "prong/process/detail/oom_watch.hpp"

#include "file_tree.hpp"

#include <gtest/gtest.h>

namespace prong::detail {
namespace {

// A system with control groups, each with a counter.
class Groups {
 public:
  Groups() { files_.write("/proc/self/mountinfo", "35 22 0:30 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n"); }
  void put(pid_t pid, const std::string& group) const {
    files_.write("/proc/" + std::to_string(pid) + "/cgroup", "0::/" + group + "\n");
  }
  void count(const std::string& group, int kills) const {
    files_.write("/sys/fs/cgroup/" + group + "/memory.events", "oom_kill " + std::to_string(kills) + "\n");
  }
  [[nodiscard]] const std::string& root() const noexcept { return files_.root(); }

 private:
  tests::FileTree files_;
};

TEST(OomWatch, claims_what_was_counted_since_it_began) {
  const Groups groups;
  groups.put(1, "a");
  groups.count("a", 3);
  const OomWatch watch{1, groups.root()};

  EXPECT_EQ(watch.claim(), "");
  groups.count("a", 4);
  EXPECT_EQ(watch.claim(), groups.root() + "/sys/fs/cgroup/a/memory.events");
}

TEST(OomWatch, one_kill_explains_one_death) {
  const Groups groups;
  groups.put(1, "a");
  groups.put(2, "a");
  groups.put(3, "a");
  groups.count("a", 0);
  const OomWatch first{1, groups.root()};
  const OomWatch second{2, groups.root()};

  groups.count("a", 1);
  EXPECT_NE(first.claim(), "");
  EXPECT_EQ(second.claim(), "") << "somebody else died of it";
  const OomWatch third{3, groups.root()};
  EXPECT_EQ(third.claim(), "") << "it was before its time";
  groups.count("a", 3);
  EXPECT_NE(third.claim(), "");
  EXPECT_NE(second.claim(), "");
}

TEST(OomWatch, group_that_is_made_anew_begins_anew) {
  const Groups groups;
  groups.put(1, "a");
  groups.count("a", 0);
  const OomWatch first{1, groups.root()};
  groups.count("a", 2);
  EXPECT_NE(first.claim(), "");

  groups.count("a", 0);
  const OomWatch second{1, groups.root()};
  groups.count("a", 1);
  EXPECT_NE(second.claim(), "");
}

TEST(OomWatch, follows_a_process_to_another_group) {
  const Groups groups;
  groups.put(1, "a");
  groups.count("a", 0);
  groups.count("b", 5);
  OomWatch watch{1, groups.root()};
  groups.put(1, "b");
  watch.follow(1, groups.root());

  groups.count("a", 1);
  EXPECT_EQ(watch.claim(), "");
  groups.count("b", 6);
  watch.follow(1, groups.root());  // where it is already: what was counted is not forgotten
  EXPECT_EQ(watch.claim(), groups.root() + "/sys/fs/cgroup/b/memory.events");
}

TEST(OomWatch, claims_nothing_without_a_counter_or_when_it_is_gone) {
  EXPECT_EQ(OomWatch{}.claim(), "");
  OomWatch watch;
  {
    const Groups groups;
    EXPECT_EQ((OomWatch{1, groups.root()}.claim()), "");
    groups.put(1, "a");
    groups.count("a", 0);
    watch = OomWatch{1, groups.root()};
  }
  EXPECT_EQ(watch.claim(), "");
}

}  // namespace
}  // namespace prong::detail

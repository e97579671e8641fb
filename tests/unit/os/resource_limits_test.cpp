#include "prong/os/resource_limits.hpp"

#include "process_test.hpp"
#include "prong/os/child_process.hpp"

#include <sys/resource.h>
#include <unistd.h>

#include <csignal>

namespace prong::os {
namespace {

using ResourceLimits_ = tests::ProcessTest;
using namespace std::chrono_literals;

rlimit limit_of(decltype(RLIMIT_AS) resource) {
  rlimit limit{};
  ::getrlimit(resource, &limit);
  return limit;
}

bool is_set(decltype(RLIMIT_AS) resource, rlim_t soft, rlim_t hard) {
  const rlimit limit = limit_of(resource);
  return limit.rlim_cur == soft && limit.rlim_max == hard;
}

TEST_F(ResourceLimits_, are_set_softly_and_hard) {
  const auto size = std::uint64_t{7} << 30;
  auto child = ChildProcess::fork([&] {
                 const auto before = limit_of(RLIMIT_AS);
                 if (!limit_this_process({.core_bytes = 0, .open_files = 64, .processor_time = 100s})) return 1;
                 if (!is_set(RLIMIT_CORE, 0, 0) || !is_set(RLIMIT_NOFILE, 64, 64) || !is_set(RLIMIT_CPU, 100, 101))
                   return 2;
                 if (!is_set(RLIMIT_AS, before.rlim_cur, before.rlim_max)) return 3;
                 if (!limit_this_process({.address_space_bytes = size})) return 4;
                 return is_set(RLIMIT_AS, size, size) ? 0 : 5;
               }).value();

  EXPECT_EQ(child.wait(Deadline::after(10s)).value().code, 0);
}

TEST_F(ResourceLimits_, say_which_of_them_could_not_be_set) {
  auto child = ChildProcess::fork([] {
                 // More descriptors than any kernel allows: refused to root, too.
                 const auto refused = limit_this_process({.open_files = std::uint64_t{1} << 62});
                 if (refused || refused.error().code() != Errc::system) return 1;
                 return refused.error().message().find("RLIMIT_NOFILE") == std::string::npos ? 2 : 0;
               }).value();

  EXPECT_EQ(child.wait(Deadline::after(10s)).value().code, 0);
}

TEST_F(ResourceLimits_, end_a_process_that_has_used_its_time) {
  auto child = ChildProcess::fork([]() -> int {
                 limit_this_process({.core_bytes = 0, .processor_time = 1s}).value();
                 for (;;) ::getppid();
               }).value();

  EXPECT_EQ(child.wait(Deadline::after(20s)).value().signal, SIGXCPU);
}

}  // namespace
}  // namespace prong::os

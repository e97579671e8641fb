// Uses what is installed: a result, shared memory, a child process, a census.
#include <prong/base/deadline.hpp>
#include <prong/base/result.hpp>
#include <prong/os/child_process.hpp>
#include <prong/os/shared_memory.hpp>
#include <prong/testing/census.hpp>

#include <chrono>
#include <cstdio>

namespace {

prong::Result<int> ask_a_child() {
  PRONG_TRY_ASSIGN(const auto memory, prong::os::SharedMemory::create("answer", sizeof(int)));
  PRONG_TRY_ASSIGN(const auto mapping, memory.map(prong::os::Access::read_write));
  auto* const answer = reinterpret_cast<int*>(mapping.data());
  PRONG_TRY_ASSIGN(auto child, prong::os::ChildProcess::fork([answer] {
                     *answer = 42;
                     return 0;
                   }));
  PRONG_TRY_ASSIGN(const auto status, child.wait(prong::Deadline::after(std::chrono::seconds{10})));
  if (!status.success()) return prong::fail(prong::Errc::system, to_string(status));
  return *answer;
}

}  // namespace

int main() {
  const auto before = prong::testing::Census::take();
  const auto answer = ask_a_child();
  if (!answer) {
    std::fprintf(stderr, "%s\n", answer.error().message().c_str());
    return 1;
  }
  std::printf("the child says %d and leaves %zu things behind\n", *answer,
              before.differences(prong::testing::Census::take()).size());
  return 0;
}

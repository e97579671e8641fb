// What ends a backend, as its callers are told.
#include "prong/base/death_cause.hpp"

#include "../os/guilty.hpp"
#include "process_test.hpp"
#include "prong/os/oom_kills.hpp"
#include "prong/process/fork_server.hpp"
#include "prong/process/message_process.hpp"
#include "prong/process/spawn.hpp"

#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <limits>

namespace prong {
namespace {

using namespace std::chrono_literals;
using tests::address_sanitizer;

Deadline soon() {
  return Deadline::after(20s);
}

constexpr std::uint64_t mebibyte = std::uint64_t{1} << 20;

// What this process has mapped, and a process forked from it begins with.
std::uint64_t mapped_bytes() {
  std::uint64_t pages = 0;
  std::ifstream{"/proc/self/statm"} >> pages;
  return pages * static_cast<std::uint64_t>(::getpagesize());
}

ProcessOptions limited(os::ResourceLimits limits) {
  limits.core_bytes = 0;
  return {.limits = limits};
}

// Eats memory and time in several ways.
class Glutton : public MessageProcess {
 public:
  explicit Glutton(ProcessOptions options = {}, std::string group = {})
      : MessageProcess{"glutton", options}, group_{std::move(group)} {
    command<&Glutton::c__allocate>("allocate", "bytes"_a);
    command<&Glutton::c__hoard>("hoard", "block"_a);
    command<&Glutton::c__starve>("starve");
    command<&Glutton::c__touch>("touch", "bytes"_a);
    command<&Glutton::c__limit>("limit", "resource"_a);
    command<&Glutton::c__spin>("spin");
    command<&Glutton::c__wait>("wait");
    command<&Glutton::c__break_protocol>("break_protocol");
    command<&Glutton::c__ignore_terminate>("ignore_terminate");
  }

  Future<std::uint64_t> allocate(std::uint64_t bytes) { return call<&Glutton::c__allocate>(bytes, soon()); }
  Future<void> hoard(std::uint64_t block) { return call<&Glutton::c__hoard>(block, soon()); }
  Future<void> starve() { return call<&Glutton::c__starve>(soon()); }
  Future<void> touch(std::uint64_t bytes) { return call<&Glutton::c__touch>(bytes, soon()); }
  Future<std::uint64_t> limit(int resource) { return call<&Glutton::c__limit>(resource, soon()); }
  Future<void> spin() { return call<&Glutton::c__spin>(soon()); }
  Future<void> wait() { return call<&Glutton::c__wait>(soon()); }
  Future<void> break_protocol() { return call<&Glutton::c__break_protocol>(soon()); }
  Future<void> ignore_terminate() { return call<&Glutton::c__ignore_terminate>(soon()); }

 private:
  void pre_run() override {
    if (group_.empty()) return;
    std::ofstream file{group_ + "/cgroup.procs"};
    file << ::getpid() << std::flush;
    if (!file) throw std::runtime_error{"this process could not move to " + group_};
  }
  std::uint64_t c__allocate(std::uint64_t bytes) {
    hoarded_.push_back(new char[bytes]);
    delete[] hoarded_.back();
    hoarded_.pop_back();
    return bytes;
  }
  // Keeps all it gets, so that there is none left for whoever tells of it.
  void c__hoard(std::uint64_t block) {
    for (;;) hoarded_.push_back(new char[block]);
  }
  void c__starve() noexcept {
    for (;;) hoarded_.push_back(new char[mebibyte]);
  }
  void c__touch(std::uint64_t bytes) {
    void* const memory = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) throw std::runtime_error{"mmap"};
    std::memset(memory, 1, bytes);
  }
  std::uint64_t c__limit(int resource) {
    rlimit limit{};
    ::getrlimit(static_cast<decltype(RLIMIT_AS)>(resource), &limit);
    return limit.rlim_cur;
  }
  void c__spin() {
    for (;;) ::getppid();
  }
  void c__wait() {
    send_out({"waiting", {}});
    for (;;) ::pause();
  }
  void c__break_protocol() {
    std::ifstream maps{"/proc/self/maps"};
    for (std::string line; std::getline(maps, line);) {
      if (line.find("memfd:prong:glutton") == line.npos || line.find("rw-s") == line.npos) continue;
      char* end = nullptr;
      auto* const first = reinterpret_cast<std::byte*>(std::strtoull(line.c_str(), &end, 16));
      auto* const last = reinterpret_cast<std::byte*>(std::strtoull(end + 1, nullptr, 16));
      std::memset(first, 0xee, static_cast<std::size_t>(last - first));
    }
    ::_exit(0);
  }
  void c__ignore_terminate() { ::signal(SIGTERM, SIG_IGN); }

  std::string group_;
  std::vector<char*> hoarded_;
};

class DeathCause_ : public tests::ProcessTest {
 protected:
  static ProcessDeath death_of(Future<void> call) {
    const Result<void> result = call.result();
    if (result || result.error().death() == nullptr) {
      ADD_FAILURE() << (result ? "it lives" : to_string(result.error()));
      return {};
    }
    return *result.error().death();
  }
  static void wait_until_it_waits(Glutton& process) { ASSERT_TRUE(process.pipe().receive(soon())); }
};

TEST_F(DeathCause_, bad_alloc_in_a_handler_is_an_error_reply_and_the_backend_lives) {
  if (address_sanitizer) GTEST_SKIP() << "the address sanitizer needs more address space than a limit leaves";
  Glutton process{limited({.address_space_bytes = mapped_bytes() + 64 * mebibyte})};
  process.start();
  const int pid = process.pid();

  EXPECT_THROW(process.allocate(256 * mebibyte).get(), std::bad_alloc);

  EXPECT_EQ(process.allocate(mebibyte).get(), mebibyte);
  EXPECT_EQ(process.pid(), pid);
  EXPECT_TRUE(process.stop(soon()));
}

TEST_F(DeathCause_, handler_that_hoards_all_memory_is_told_of_with_what_was_kept_for_that) {
  if (address_sanitizer) GTEST_SKIP() << "the address sanitizer needs more address space than a limit leaves";
  for (const std::uint64_t block : {std::uint64_t{64}, std::uint64_t{4096}, mebibyte}) {
    Glutton process{limited({.address_space_bytes = mapped_bytes() + 64 * mebibyte})};
    process.start();

    EXPECT_THROW(process.hoard(block).get(), std::bad_alloc) << block;

    EXPECT_EQ(process.state(), ProcessState::running);
    process.kill();
    EXPECT_FALSE(process.wait_stop(soon()));
  }
}

TEST_F(DeathCause_, bad_alloc_that_nobody_catches_is_out_of_memory) {
  if (address_sanitizer) GTEST_SKIP() << "the address sanitizer needs more address space than a limit leaves";
  Glutton process{limited({.address_space_bytes = mapped_bytes() + 64 * mebibyte})};
  process.start();
  try {
    process.starve().get();
    FAIL() << "it lives";
  } catch (const ProcessExpired& expired) {
    EXPECT_EQ(expired.cause(), DeathCause::out_of_memory);
    EXPECT_EQ(expired.signal(), SIGABRT);
    EXPECT_EQ(expired.command(), "starve");
    EXPECT_NE(expired.request(), 0U);
    EXPECT_NE(std::string_view{expired.what()}.find("std::bad_alloc"), std::string_view::npos) << expired.what();
    ASSERT_NE(expired.crash_report(), nullptr);
    EXPECT_EQ(expired.crash_report()->cause, DeathCause::out_of_memory);
    EXPECT_EQ(expired.crash_report()->exception_type, "std::bad_alloc");
    EXPECT_FALSE(expired.crash_report()->threads.empty());
  }
}

TEST_F(DeathCause_, limits_hold_in_each_backend_however_it_was_started) {
  const auto options = limited({.open_files = 77, .processor_time = 100s});
  Glutton process{options};
  const ForkServer server;
  process.start();
  EXPECT_EQ(process.limit(RLIMIT_NOFILE).get(), 77U);
  EXPECT_EQ(process.limit(RLIMIT_CPU).get(), 100U);
  EXPECT_EQ(process.limit(RLIMIT_CORE).get(), 0U);
  process.kill();
  EXPECT_FALSE(process.wait_stop(soon()));
  ASSERT_TRUE(process.restart(soon()));
  EXPECT_EQ(process.limit(RLIMIT_NOFILE).get(), 77U);

  class Spawned : public Glutton {
   public:
    explicit Spawned(std::uint64_t files) : Glutton{limited({.open_files = files})} {}
  };
  const auto spawned = spawn<Spawned>(std::uint64_t{55});
  EXPECT_EQ(spawned->limit(RLIMIT_NOFILE).get(), 55U);
}

TEST_F(DeathCause_, limit_that_cannot_be_set_is_why_the_backend_did_not_start) {
  Glutton process{limited({.open_files = std::numeric_limits<std::uint64_t>::max() / 2})};
  process.start();

  const auto ready = process.wait_ready(soon());

  ASSERT_FALSE(ready);
  EXPECT_NE(ready.error().message().find("RLIMIT_NOFILE"), std::string::npos) << to_string(ready.error());
}

TEST_F(DeathCause_, processor_time_that_is_used_up) {
  Glutton process{limited({.processor_time = 1s})};
  process.start();

  const ProcessDeath death = death_of(process.spin());

  EXPECT_EQ(death.cause, DeathCause::processor_time);
  EXPECT_EQ(death.signal, SIGXCPU);
  EXPECT_EQ(death.command, "spin");
}

TEST_F(DeathCause_, sigkill_of_somebody_else_is_told_apart_from_our_own) {
  Glutton process;
  const ForkServer server;
  process.start();
  auto foreign = process.wait();
  wait_until_it_waits(process);
  ::kill(process.pid(), SIGKILL);
  const ProcessDeath by_another = death_of(std::move(foreign));
  EXPECT_EQ(by_another.cause, DeathCause::foreign_kill);
  EXPECT_NE(by_another.explanation.find("perhaps the kernel's out-of-memory killer"), std::string::npos);
  EXPECT_EQ(by_another.command, "wait");
  EXPECT_NE(by_another.request, 0U);

  ASSERT_TRUE(process.restart(soon()));
  auto own = process.wait();
  wait_until_it_waits(process);
  process.kill();
  const ProcessDeath by_us = death_of(std::move(own));
  EXPECT_EQ(by_us.cause, DeathCause::ended);
  EXPECT_EQ(by_us.explanation, "kill() was called");

  ASSERT_TRUE(process.restart(soon()));
  process.ignore_terminate().get();
  process.terminate();
  auto after_terminate = process.wait();
  wait_until_it_waits(process);
  ::kill(process.pid(), SIGKILL);
  EXPECT_EQ(death_of(std::move(after_terminate)).cause, DeathCause::foreign_kill);
}

TEST_F(DeathCause_, stop_that_was_not_obeyed_in_time) {
  Glutton process;
  process.start();
  auto waiting = process.wait();
  wait_until_it_waits(process);

  EXPECT_EQ(process.stop(Deadline::after(100ms)).error().code(), Errc::deadline_exceeded);

  const ProcessDeath death = death_of(std::move(waiting));
  EXPECT_EQ(death.cause, DeathCause::deadline);
  EXPECT_TRUE(death.signal == SIGTERM || death.signal == SIGKILL) << death.signal;  // as busy as the machine is
  EXPECT_EQ(death.command, "wait");
}

TEST_F(DeathCause_, broken_protocol) {
  Glutton process;
  process.start();

  const ProcessDeath death = death_of(process.break_protocol());

  EXPECT_EQ(death.cause, DeathCause::bad_message);
  EXPECT_NE(death.explanation.find("broke the protocol"), std::string::npos) << death.explanation;
}

TEST_F(DeathCause_, death_of_the_fork_server) {
  Glutton process;
  const ForkServer server;
  process.start();
  process.kill();
  EXPECT_FALSE(process.wait_stop(soon()));
  ASSERT_TRUE(process.restart(soon()));
  auto waiting = process.wait();
  wait_until_it_waits(process);
  ::kill(server.pid(), SIGKILL);

  const ProcessDeath death = death_of(std::move(waiting));

  EXPECT_EQ(death.cause, DeathCause::foreign_kill);
  EXPECT_NE(death.explanation.find("fork server"), std::string::npos) << death.explanation;
}

// A control group below that of this program, whose processes have 64 MiB.
class SmallGroup {
 public:
  SmallGroup() {
    const auto counter = os::OomKillCounter::of(::getpid());
    if (!counter) {
      why_not_ = to_string(counter.error());
      return;
    }
    const std::filesystem::path file{counter->file()};
    const bool unified = file.filename() != "memory.oom_control";
    path_ = (file.parent_path() / ("prong-test-" + std::to_string(::getpid()))).string();
    if (file == "/proc/vmstat" || ::mkdir(path_.c_str(), 0700) != 0) {
      why_not_ = "no control group with a memory controller can be made at " + path_;
      path_.clear();
      return;
    }
    if (!write(unified ? "memory.max" : "memory.limit_in_bytes")) why_not_ = path_ + " has no limit that can be set";
    // Where there is no swap there is no such file, and none is needed.
    static_cast<void>(write(unified ? "memory.swap.max" : "memory.memsw.limit_in_bytes"));
  }
  SmallGroup(const SmallGroup&) = delete;
  SmallGroup& operator=(const SmallGroup&) = delete;
  ~SmallGroup() {
    if (!path_.empty()) ::rmdir(path_.c_str());
  }

  [[nodiscard]] const std::string& path() const noexcept { return path_; }
  /// Returns why there is none, or nothing.
  [[nodiscard]] const std::string& why_not() const noexcept { return why_not_; }

 private:
  [[nodiscard]] bool write(const char* file) const {
    std::ofstream out{path_ + "/" + file};
    out << 64 * mebibyte << std::flush;
    return static_cast<bool>(out);
  }

  std::string path_;
  std::string why_not_;
};

TEST_F(DeathCause_, control_group_that_runs_out_of_memory) {
  const SmallGroup group;
  if (!group.why_not().empty()) GTEST_SKIP() << group.why_not();
  Glutton process{limited({}), group.path()};
  const ForkServer server;
  process.start();
  ASSERT_TRUE(process.wait_ready(soon()));

  const ProcessDeath death = death_of(process.touch(256 * mebibyte));

  EXPECT_EQ(death.cause, DeathCause::out_of_memory) << death.explanation;
  EXPECT_EQ(death.signal, SIGKILL);
  EXPECT_EQ(death.command, "touch");
  EXPECT_NE(death.explanation.find(group.path()), std::string::npos) << death.explanation;

  // The next one has not died of that.
  ASSERT_TRUE(process.restart(soon()));
  auto waiting = process.wait();
  wait_until_it_waits(process);
  ::kill(process.pid(), SIGKILL);
  EXPECT_EQ(death_of(std::move(waiting)).cause, DeathCause::foreign_kill);
}

}  // namespace
}  // namespace prong

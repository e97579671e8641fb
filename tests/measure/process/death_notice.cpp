// How long it takes until the caller of a backend that dies knows, beside what the kernel alone takes.
//
// measure_death_notice [rounds]: in each round, by turns, a bare child dies, a backend that this program forked, and
// one that the fork server forked: by SIGKILL from outside, while a handler runs, and by a fault of their own. Two
// times are taken of each backend's death, by the same thread: when poll(2) on a pidfd of that process returns, and
// when the call's Future has its error. Prints medians; the ratio is that of the two.
#include "prong/os/child_process.hpp"
#include "prong/os/poll.hpp"
#include "prong/process/fork_server.hpp"
#include "prong/process/message_process.hpp"

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

namespace prong {
namespace {

using namespace std::chrono_literals;
using Clock = Deadline::Clock;

// Where a process that crashes leaves the moment before: its clock is everybody's.
struct Moment {
  std::atomic<std::int64_t> nanoseconds{0};

  void set() noexcept { nanoseconds = Clock::now().time_since_epoch().count(); }
};

Moment& shared_moment() {
  static auto* const moment =
      new (::mmap(nullptr, sizeof(Moment), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0)) Moment;
  return *moment;
}

[[noreturn]] void crash() {
  shared_moment().set();
  ::raise(SIGSEGV);
  ::_exit(1);
}

class Victim : public MessageProcess {
 public:
  Victim() : MessageProcess{"victim", {.limits = {.core_bytes = 0}}} {
    command<&Victim::c__wait>("wait");
    command<&Victim::c__crash>("crash");
  }
  Future<void> wait() { return call<&Victim::c__wait>(Deadline::never()); }
  Future<void> crash() { return call<&Victim::c__crash>(Deadline::never()); }

 private:
  void c__wait() {
    send_out({"waits", {}});
    for (;;) ::pause();
  }
  void c__crash() { prong::crash(); }
};

// Microseconds since the signal was sent, or since the line before the fault.
struct Notice {
  double pidfd = 0;
  double caller = 0;  // of a bare child the same
};

double microseconds() {
  return static_cast<double>(Clock::now().time_since_epoch().count() - shared_moment().nanoseconds) / 1000.0;
}

void kill_now(pid_t pid) {
  ::usleep(2'000);  // until it sleeps
  shared_moment().set();
  ::kill(pid, SIGKILL);
}

Notice bare_child(bool killed) {
  auto child = os::ChildProcess::fork([killed]() -> int {
                 if (!killed) crash();
                 for (;;) ::pause();
               }).value();
  if (killed) kill_now(child.pid());
  os::wait_readable(child.descriptor(), Deadline::never()).value();
  const double noticed = microseconds();
  return {noticed, noticed};
}

Notice backend(Victim& victim, bool killed) {
  const auto pidfd = os::open_pidfd(victim.pid()).value();
  auto call = killed ? victim.wait() : victim.crash();
  if (killed) {
    victim.pipe().receive(Deadline::never()).value();
    kill_now(victim.pid());
  }
  os::wait_readable(pidfd.get(), Deadline::never()).value();
  const double noticed = microseconds();
  if (call.result()) std::abort();
  return {noticed, microseconds()};
}

struct Series {
  const char* name;
  std::vector<Notice> notices;

  double median(double Notice::*which) const {
    std::vector<double> values;
    for (const Notice& one : notices) values.push_back(one.*which);
    std::nth_element(values.begin(), values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2), values.end());
    return values[values.size() / 2];
  }
  void print() const {
    const double pidfd = median(&Notice::pidfd);
    const double caller = median(&Notice::caller);
    std::printf("%-42s pidfd %5.0f us  caller %5.0f us  ratio %.2f\n", name, pidfd, caller, caller / pidfd);
  }
};

void ready(Victim& victim) {
  if (victim.state() == ProcessState::created) victim.start();
  if (victim.state() == ProcessState::ended) victim.restart(Deadline::after(10s)).value();
  victim.wait_ready(Deadline::after(10s)).value();
}

void measure(int rounds) {
  Series all[] = {{"bare child, SIGKILL", {}}, {"backend, SIGKILL", {}}, {"backend of a fork server, SIGKILL", {}},
                  {"bare child, SIGSEGV", {}}, {"backend, SIGSEGV", {}}, {"backend of a fork server, SIGSEGV", {}}};
  for (int round = 0; round < rounds; ++round) {
    for (const bool killed : {true, false}) {
      Series* const series = all + (killed ? 0 : 3);
      series[0].notices.push_back(bare_child(killed));
      Victim victim;
      ready(victim);
      series[1].notices.push_back(backend(victim, killed));
      const ForkServer server;
      ready(victim);
      series[2].notices.push_back(backend(victim, killed));
    }
  }
  std::printf("medians of %d rounds\n", rounds);
  for (const Series& one : all) one.print();
}

}  // namespace
}  // namespace prong

int main(int argc, char** argv) {
  // The log would be a part of what is measured.
  std::FILE* const log = std::freopen("/dev/null", "w", stderr);
  if (log == nullptr) return EXIT_FAILURE;
  prong::measure(argc > 1 ? std::atoi(argv[1]) : 200);
  return EXIT_SUCCESS;
}

#include "prong/process/detail/fork_keeper.hpp"

#include "prong/os/poll.hpp"
#include "prong/os/process_tree.hpp"
#include "prong/os/signals.hpp"
#include "prong/process/detail/fork_worker.hpp"

#include <unistd.h>

#include <csignal>

namespace prong::detail {
namespace {

using namespace std::chrono_literals;

constexpr auto patience = 5s;          // for the death of what was killed
constexpr auto old_age = 100ms;        // a worker that lives shorter has died quickly
constexpr int quick_death_limit = 10;  // then the next one waits
constexpr auto pause_after_quick_deaths = 1s;

}  // namespace

int ForkKeeper::run() {
  for (;;) {
    Deadline wake = Deadline::never();
    if (!worker_.exists()) {
      if (quick_deaths_ < quick_death_limit || worker_is_old_.has_passed()) {
        if (!start_worker()) worker_is_old_ = Deadline::after(pause_after_quick_deaths);
      }
      if (!worker_.exists()) wake = worker_is_old_;
    }
    pollfd entries[] = {{program_.get(), POLLIN, 0},
                        {sockets_.program.descriptor(), POLLIN, 0},
                        {worker_.exists() ? worker_.descriptor() : -1, POLLIN, 0}};
    if (!os::poll(entries, wake)) return end_all(), 1;
    if (entries[0].revents != 0 || (entries[1].revents != 0 && !take_groups())) return end_all(), 0;
    if (entries[2].revents != 0) worker_ended();
  }
}

Result<void> ForkKeeper::start_worker() {
  const pid_t keeper = ::getpid();
  PRONG_TRY_ASSIGN(worker_, os::ChildProcess::fork([this, keeper] {
                     os::die_with_parent(keeper);
                     os::set_process_name("prong-fork");
                     os::become_subreaper();
                     sockets_.program.close();
                     program_.reset();
                     return ForkWorker{sockets_.requests}.run();
                   }));
  worker_is_old_ = Deadline::after(old_age);
  tell({.kind = KeeperEvent::Kind::worker_started, .pid = worker_.pid()});
  return {};
}

void ForkKeeper::worker_ended() {
  const pid_t pid = worker_.pid();
  const auto status = worker_.wait(Deadline::now());
  // Its backends are being killed by the kernel; what they had started are children of this process now.
  static_cast<void>(os::end_children([](pid_t) { return false; }, Deadline::after(patience)));
  quick_deaths_ = worker_is_old_.has_passed() ? 0 : quick_deaths_ + 1;
  if (quick_deaths_ >= quick_death_limit) worker_is_old_ = Deadline::after(pause_after_quick_deaths);
  KeeperEvent event{.kind = KeeperEvent::Kind::worker_ended, .pid = pid};
  if (status) {
    event.exit_code = status->code;
    event.signal = status->signal;
  }
  tell(event);
}

bool ForkKeeper::take_groups() {
  for (;;) {
    const auto packet = sockets_.program.receive(Deadline::now());
    if (!packet) return packet.error().code() == Errc::deadline_exceeded;
    const auto request = message_in<KeeperRequest>(packet->bytes);
    if (!request) continue;
    if (request->kind == KeeperRequest::Kind::group_begins)
      groups_.insert(request->leader);
    else
      groups_.erase(request->leader);
  }
}

// The program is gone, or wants none of it any more. It has taken its own children's groups off the list when it
// reaped them; those that are left belong to processes that die with it, at this moment.
void ForkKeeper::end_all() noexcept {
  try {
    static_cast<void>(take_groups());
    if (os::readable(program_.get()))
      for (const pid_t leader : groups_) os::kill_group(leader);
    static_cast<void>(worker_.signal(SIGKILL));
    static_cast<void>(worker_.wait(Deadline::after(patience)));
    static_cast<void>(os::end_children([](pid_t) { return false; }, Deadline::after(patience)));
  } catch (...) {
    // Out of memory, say: what dies with its parent dies when this process leaves, which it does now.
    ::_exit(1);
  }
}

void ForkKeeper::tell(const KeeperEvent& event) const {
  static_cast<void>(sockets_.program.send(bytes_of(event), {}, Deadline::now()));
}

}  // namespace prong::detail

#include "prong/os/signals.hpp"

#include <sys/prctl.h>
#include <unistd.h>

#include <csignal>

namespace prong::os {

void reset_signals(std::span<const int> ignored) noexcept {
  sigset_t set;
  ::sigfillset(&set);
  ::sigprocmask(SIG_SETMASK, &set, nullptr);
  struct sigaction action {};
  action.sa_handler = SIG_DFL;
  for (int number = 1; number < NSIG; ++number) ::sigaction(number, &action, nullptr);
  action.sa_handler = SIG_IGN;
  for (const int number : ignored) ::sigaction(number, &action, nullptr);
  ::sigemptyset(&set);
  ::sigprocmask(SIG_SETMASK, &set, nullptr);
}

void die_with_parent(int parent) noexcept {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  // The parent may have gone between the fork and the line above; then no signal will ever come.
  if (::getppid() != parent) ::_exit(1);
}

void set_process_name(const char* name) noexcept {
  ::prctl(PR_SET_NAME, name);
}

}  // namespace prong::os

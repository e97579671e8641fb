#include "prong/testing/watchdog.hpp"

#include <unistd.h>

#include <atomic>
#include <csignal>
#include <cstdlib>
#include <cstring>

namespace prong::testing {
namespace {

std::atomic<const char*> watched{nullptr};
struct sigaction previous {};

extern "C" void prong_watchdog_bites(int /*signal*/) {
  const char* const what = watched.load();
  const char text[] = "prong: watchdog: this did not end in time: ";
  [[maybe_unused]] auto written = ::write(STDERR_FILENO, text, sizeof text - 1);
  if (what != nullptr) written = ::write(STDERR_FILENO, what, std::strlen(what));
  written = ::write(STDERR_FILENO, "\n", 1);
  std::abort();
}

}  // namespace

Watchdog::Watchdog(const char* what, std::chrono::seconds limit) {
  watched = what;
  struct sigaction action {};
  action.sa_handler = prong_watchdog_bites;
  ::sigaction(SIGALRM, &action, &previous);
  ::alarm(static_cast<unsigned>(limit.count()));
}

Watchdog::~Watchdog() {
  ::alarm(0);
  ::sigaction(SIGALRM, &previous, nullptr);
  watched = nullptr;
}

}  // namespace prong::testing

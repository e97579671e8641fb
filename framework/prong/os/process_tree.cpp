#include "prong/os/process_tree.hpp"

#include "prong/os/child_process.hpp"
#include "prong/os/poll.hpp"

#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <fstream>

namespace prong::os {

void become_subreaper() noexcept {
  ::prctl(PR_SET_CHILD_SUBREAPER, 1);
}

void lead_process_group() noexcept {
  ::setpgid(0, 0);
}

void kill_group(pid_t leader) noexcept {
  ::kill(-leader, SIGKILL);
}

Result<std::vector<pid_t>> own_children() {
  // Each thread has a list of its own; the requirement of one thread makes this one all there is.
  std::ifstream list{"/proc/self/task/" + std::to_string(::gettid()) + "/children"};
  if (!list) return fail(Errc::system, "the list of children in /proc cannot be read");
  std::vector<pid_t> children;
  for (pid_t child = 0; list >> child;) children.push_back(child);
  return children;
}

Result<void> end_children(const std::function<bool(pid_t)>& keep, Deadline deadline) {
  for (;;) {
    PRONG_TRY_ASSIGN(auto children, own_children());
    children.erase(std::remove_if(children.begin(), children.end(), keep), children.end());
    if (children.empty()) return {};
    std::vector<UniqueFd> ends;
    for (const pid_t child : children) {
      if (::getpgid(child) == child) kill_group(child);
      ::kill(child, SIGKILL);
      // Ours until it is reaped below, so the number still means this child.
      if (auto end = open_pidfd(child)) ends.push_back(std::move(*end));
    }
    for (const UniqueFd& end : ends) PRONG_TRY(wait_readable(end.get(), deadline));
    for (const pid_t child : children)
      while (::waitpid(child, nullptr, WNOHANG) < 0 && errno == EINTR) {
      }
  }
}

}  // namespace prong::os

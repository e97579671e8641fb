#include "prong/os/process_tree.hpp"

#include "prong/os/child_process.hpp"
#include "prong/os/poll.hpp"

#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <system_error>

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

namespace {

// Each thread has a list of its own.
std::vector<pid_t> children_of(pid_t pid) {
  std::vector<pid_t> children;
  std::error_code gone;
  const std::filesystem::directory_iterator threads{"/proc/" + std::to_string(pid) + "/task", gone};
  if (gone) return children;
  for (auto thread = begin(threads); !gone && thread != end(threads); thread.increment(gone)) {
    std::ifstream list{thread->path() / "children"};
    for (pid_t child = 0; list >> child;) children.push_back(child);
  }
  return children;
}

pid_t parent_of(pid_t pid) {
  std::ifstream status{"/proc/" + std::to_string(pid) + "/status"};
  for (std::string line; std::getline(status, line);)
    if (line.starts_with("PPid:")) return static_cast<pid_t>(std::strtol(line.c_str() + 5, nullptr, 10));
  return 0;
}

// A process whose number is its own as long as the pidfd is not readable.
struct KnownProcess {
  pid_t pid = 0;
  UniqueFd pidfd;
};

// Opens the children of `parent` that are not known yet. What was read of a number is of the process that is meant if
// its pidfd, opened before, says afterwards that it has not ended.
bool add_children(pid_t parent, int parent_end, std::vector<KnownProcess>& known) {
  std::vector<KnownProcess> found;
  for (const pid_t child : children_of(parent)) {
    if (std::any_of(known.begin(), known.end(), [&](const KnownProcess& one) { return one.pid == child; })) continue;
    auto pidfd = open_pidfd(child);
    if (pidfd && parent_of(child) == parent && !readable(pidfd->get())) found.push_back({child, std::move(*pidfd)});
  }
  if (found.empty() || (parent_end >= 0 && readable(parent_end))) return false;
  std::move(found.begin(), found.end(), std::back_inserter(known));
  return true;
}

}  // namespace

std::vector<UniqueFd> open_descendants(pid_t pid) {
  std::vector<KnownProcess> known;
  // Who loses its parent meanwhile is a child of a subreaper then: it is found there in the next round.
  constexpr int most_rounds = 10;
  bool found = true;
  for (int round = 0; found && round < most_rounds; ++round) {
    found = add_children(pid, -1, known);
    for (std::size_t i = 0; i < known.size(); ++i) found |= add_children(known[i].pid, known[i].pidfd.get(), known);
  }
  std::vector<UniqueFd> pidfds;
  for (KnownProcess& one : known) pidfds.push_back(std::move(one.pidfd));
  return pidfds;
}

void kill_all(std::span<const UniqueFd> pidfds) noexcept {
  for (const UniqueFd& pidfd : pidfds) ::syscall(SYS_pidfd_send_signal, pidfd.get(), SIGKILL, nullptr, 0);
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

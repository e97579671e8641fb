#include "prong/os/detail/thread_list.hpp"

#include "prong/os/detail/safe_text.hpp"
#include "prong/os/stack_capture.hpp"

#include <dirent.h>

#include <algorithm>
#include <charconv>
#include <csignal>
#include <cstring>
#include <fstream>
#include <memory>

namespace prong::os::detail {
namespace {

std::string task_file(pid_t pid, pid_t thread, const char* name) {
  return "/proc/" + std::to_string(pid) + "/task/" + std::to_string(thread) + "/" + name;
}

}  // namespace

Result<std::vector<ThreadInfo>> list_threads(pid_t pid) {
  const std::string path = "/proc/" + std::to_string(pid) + "/task";
  const std::unique_ptr<DIR, int (*)(DIR*)> directory{::opendir(path.c_str()), ::closedir};
  if (!directory) return Error::from_errno(path);
  std::vector<ThreadInfo> threads;
  while (const dirent* const entry = ::readdir(directory.get())) {
    pid_t id = 0;
    const char* const end = entry->d_name + std::strlen(entry->d_name);
    if (std::from_chars(entry->d_name, end, id).ptr != end) continue;
    if (threads.size() == most_captured_threads) break;
    std::string name;
    std::getline(std::ifstream{task_file(pid, id, "comm")}, name);
    threads.push_back({.id = id, .name = printable(name)});
  }
  // The kernel lists them by number, which begins anew when numbers run out.
  std::stable_partition(threads.begin(), threads.end(), [&](const ThreadInfo& thread) { return thread.id == pid; });
  return threads;
}

char thread_state(pid_t pid, pid_t thread) {
  std::ifstream status{task_file(pid, thread, "status")};
  for (std::string line; std::getline(status, line);)
    if (line.rfind("State:\t", 0) == 0 && line.size() > 7) return line[7] == 'X' ? 'Z' : line[7];
  return 'Z';
}

std::string why_no_answer(pid_t pid, pid_t thread) {
  switch (thread_state(pid, thread)) {
    case 'T': return "is stopped (SIGSTOP)";
    case 't': return "is stopped by a debugger";
    case 'D': return "waits in the kernel where no signal reaches it";
    case 'Z': return "has ended";
    default: break;
  }
  std::ifstream status{task_file(pid, thread, "status")};
  const auto has_question = [](const std::string& line) {
    return (std::strtoull(line.c_str() + line.find('\t'), nullptr, 16) >> (SIGURG - 1) & 1U) != 0;
  };
  for (std::string line; std::getline(status, line);) {
    if (line.rfind("SigBlk:\t", 0) == 0 && has_question(line)) return "blocks the signal that asks for its stack";
    if (line.rfind("SigCgt:\t", 0) == 0 && !has_question(line))
      return "has no handler any more for the signal that asks for its stack";
  }
  return "did not answer in time";
}

}  // namespace prong::os::detail

#include "prong/os/threads.hpp"

#include <dirent.h>
#include <unistd.h>

#include <charconv>
#include <cstring>
#include <fstream>
#include <memory>

namespace prong::os {

Result<std::vector<ThreadInfo>> other_threads() {
  const std::unique_ptr<DIR, int (*)(DIR*)> directory{::opendir("/proc/self/task"), ::closedir};
  if (!directory) return Error::from_errno("/proc/self/task");
  std::vector<ThreadInfo> threads;
  const pid_t self = ::gettid();
  while (const dirent* entry = ::readdir(directory.get())) {
    pid_t id = 0;
    const char* const end = entry->d_name + std::strlen(entry->d_name);
    if (std::from_chars(entry->d_name, end, id).ptr != end || id == self) continue;
    ThreadInfo thread{.id = id, .name = {}};
    std::ifstream name{"/proc/self/task/" + std::to_string(id) + "/comm"};
    std::getline(name, thread.name);
    threads.push_back(std::move(thread));
  }
  return threads;
}

Result<void> require_single_thread(std::string_view action) {
  PRONG_TRY_ASSIGN(const auto threads, other_threads());
  if (threads.empty()) return {};
  std::string names;
  for (const ThreadInfo& thread : threads)
    names += (names.empty() ? "'" : ", '") + thread.name + "' (" + std::to_string(thread.id) + ")";
  return fail(Errc::threads_exist, std::string{action} + " needs a process with one thread, but there are also " +
                                       names + ". Start processes before threads.");
}

}  // namespace prong::os

#include "prong/supervise/detail/process_memory.hpp"

#include "prong/os/shared_memory.hpp"
#include "prong/os/unique_fd.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cinttypes>
#include <cstdio>

namespace prong::supervise::detail {

std::uint64_t own_memory_of(pid_t pid) noexcept {
  if (pid <= 0) return 0;
  char path[32];
  std::snprintf(path, sizeof path, "/proc/%d/statm", pid);
  const os::UniqueFd file{::open(path, O_RDONLY | O_CLOEXEC)};
  if (!file) return 0;
  char text[128];
  const auto length = ::read(file.get(), text, sizeof text - 1);
  if (length <= 0) return 0;
  text[length] = '\0';
  std::uint64_t size = 0;
  std::uint64_t resident = 0;
  std::uint64_t shared = 0;
  if (std::sscanf(text, "%" SCNu64 " %" SCNu64 " %" SCNu64, &size, &resident, &shared) != 3) return 0;
  return resident > shared ? (resident - shared) * os::page_size() : 0;
}

}  // namespace prong::supervise::detail

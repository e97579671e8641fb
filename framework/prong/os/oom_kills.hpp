// How many processes the kernel has killed because memory ran out, as it counts them itself.
#pragma once

#include "prong/base/result.hpp"

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <string_view>

namespace prong::os {

/// The counter of the kernel's out-of-memory kills that counts a certain process: that of its control group, or that
/// of the whole machine where its group has none.
///
/// Source: Linux, Documentation/admin-guide/cgroup-v2.rst (memory.events), cgroup-v1/memory.rst (memory.oom_control),
/// proc(5) (vmstat). Thread safety: as an int.
class OomKillCounter {
 public:
  /// Finds the counter of a process that lives. `root` stands before each path that is read, for tests.
  /// Fails with: not_supported if there is none, system if there is no such process.
  [[nodiscard]] static Result<OomKillCounter> of(pid_t pid, const std::string& root = "");

  /// Returns how many processes have been killed so far. Fails with: system, for instance when the group is gone.
  [[nodiscard]] Result<std::uint64_t> read() const;
  /// Returns the file that the kernel counts in.
  [[nodiscard]] const std::string& file() const noexcept { return file_; }

 private:
  explicit OomKillCounter(std::string file) noexcept : file_{std::move(file)} {}

  std::string file_;
};

/// Returns the number of `oom_kill` in the text of memory.events, memory.oom_control or vmstat.
/// Fails with: not_supported if there is none.
[[nodiscard]] Result<std::uint64_t> parse_oom_kills(std::string_view text);

}  // namespace prong::os

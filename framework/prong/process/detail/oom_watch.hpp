// Whether the kernel killed a process for want of memory, while a certain backend lived.
#pragma once

#include "prong/os/oom_kills.hpp"

#include <optional>
#include <string>

namespace prong::detail {

/// Compares the kernel's count of out-of-memory kills at a backend's end with that at its beginning.
///
/// Each kill that was counted explains one death: backends of this program that share a counter do not claim the same
/// one. Thread safety: as an int.
class OomWatch {
 public:
  OomWatch() noexcept = default;
  /// Finds the counter of a process that lives, and reads it. `root` as of os::OomKillCounter::of.
  explicit OomWatch(pid_t pid, const std::string& root = "");

  /// Finds the counter once more: the process may have moved to another control group.
  void follow(pid_t pid, const std::string& root = "");
  /// Returns the file in which a kill was counted that no other backend has died of; nothing if there was none.
  [[nodiscard]] std::string claim() const;

 private:
  std::optional<os::OomKillCounter> counter_;
  std::uint64_t unclaimed_before_ = 0;
};

}  // namespace prong::detail

// What a frontend knows of its backend's end beyond the exit status.
#pragma once

#include "prong/actor/command_table.hpp"
#include "prong/os/child_process.hpp"
#include "prong/os/crash_page.hpp"
#include "prong/process/detail/backend_life.hpp"

#include <memory>
#include <mutex>
#include <optional>
#include <string>

namespace prong::detail {

/// A backend that has ended.
struct EndedBackend {
  std::string process;
  int pid = 0;
  os::ExitStatus status;
};

/// Watches one life of a backend: its crash page, and its stacks where it hangs.
///
/// Thread safety: any thread.
class CrashWatch {
 public:
  /// Fails with: system.
  [[nodiscard]] static Result<std::shared_ptr<CrashWatch>> create();

  [[nodiscard]] const os::SharedMemory& shared_memory() const noexcept { return page_.shared_memory(); }

  /// Copies the stacks of a backend that is about to be ended because it does not stop; once, later calls do nothing.
  /// Blocks: until the deadline at most.
  void note_hang(const BackendLife& life, Deadline deadline) noexcept;

  /// Returns the error that tells of the backend's end: with the command that was running, and evidence for a report.
  [[nodiscard]] Error death(const EndedBackend& ended, const actor::CommandTable& commands);
  /// Returns the evidence of death(), or null before.
  [[nodiscard]] std::shared_ptr<const CrashEvidence> evidence() const;
  /// Returns where a reader begins to look, "function (module+offset)", or nothing. Requires: death() came before.
  [[nodiscard]] std::string place() const;

 private:
  explicit CrashWatch(os::CrashPage page) noexcept : page_{std::move(page)} {}
  void describe(const EndedBackend& ended, CrashReport& known, os::StackCapture& capture);

  mutable std::mutex mutex_;
  os::CrashPage page_;
  bool hung_ = false;
  std::optional<Result<os::StackCapture>> hang_;
  std::shared_ptr<const CrashEvidence> evidence_;
  std::string place_;
};

}  // namespace prong::detail

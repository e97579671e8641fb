// What a frontend knows of its backend's end beyond the exit status.
#pragma once

#include "prong/actor/command_table.hpp"
#include "prong/os/child_process.hpp"
#include "prong/os/crash_page.hpp"
#include "prong/process/detail/backend_life.hpp"
#include "prong/process/detail/death_verdict.hpp"
#include "prong/process/detail/oom_watch.hpp"

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
  bool parent_died = false;
  std::chrono::nanoseconds cpu_time{};
};

/// Watches one life of a backend: its crash page, its stacks where it hangs, the kernel's counters, and what was done
/// to end it.
///
/// Thread safety: any thread.
class CrashWatch {
 public:
  /// Fails with: system.
  [[nodiscard]] static Result<std::shared_ptr<CrashWatch>> create();

  [[nodiscard]] const os::SharedMemory& shared_memory() const noexcept { return page_.shared_memory(); }

  /// The backend with this pid lives from now on, under these limits.
  void begins(int pid, const os::ResourceLimits& limits);
  /// The backend is where it wanted to be: pre_run() may have moved it to another control group.
  void has_settled(int pid);
  /// This program is about to send the backend `number`, SIGTERM or SIGKILL, to end it because of `cause`.
  void note_order(int number, DeathCause cause, std::string why);
  /// Tells whether an order was given because of `bad_message`.
  [[nodiscard]] bool broke_protocol() const;

  /// Returns the command that the backend says it runs, or nothing. Blocks: never.
  [[nodiscard]] std::optional<os::RunningCommand> running() const noexcept { return page_.running(); }

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
  void judge(KnownEnd end, CrashReport& known) const;

  mutable std::mutex mutex_;
  os::CrashPage page_;
  os::ResourceLimits limits_;
  OomWatch oom_;
  std::optional<OrderedEnd> ordered_;
  bool hung_ = false;
  std::optional<Result<os::StackCapture>> hang_;
  std::shared_ptr<const CrashEvidence> evidence_;
  std::string place_;
};

}  // namespace prong::detail

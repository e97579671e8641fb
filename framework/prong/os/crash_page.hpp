// What a backend leaves for its frontend in case it crashes: a few words in shared memory.
//
// Layout: docs/formats/crash_page.md. The backend's side of it is crash_handler.hpp.
#pragma once

#include "prong/os/shared_memory.hpp"
#include "prong/os/stack_capture.hpp"

#include <cstdint>
#include <optional>

namespace prong::os {

/// A command that runs, by its number.
struct RunningCommand {
  std::uint16_t command = 0;
  std::uint64_t request = 0;  ///< 0 where nobody waits for a reply.
};

/// What a handler wrote when its process crashed.
struct CrashNote {
  bool written = false;  ///< The handler ran; otherwise the fields below up to `capture` say nothing.
  std::int32_t signal = 0;
  std::int32_t signal_code = 0;
  std::uint64_t fault_address = 0;
  std::int32_t sender_pid = 0;
  bool terminated = false;     ///< std::terminate was called.
  std::string exception_type;  ///< Demangled; empty where no exception was being handled.
  std::string exception_what;
  StackCapture capture;  ///< Of the thread that crashed; empty if it was not written.
};

/// Reads the bytes of a crash page that a process has left, whatever they are. Fails with: bad_message.
[[nodiscard]] Result<CrashNote> parse_crash_page(Bytes page);

/// The frontend's side of one backend's crash page. What the backend wrote is believed in nothing.
///
/// Thread safety: any thread, but capture_by_signal() one at a time.
/// After fork: the mapping is the frontend's alone; the backend maps shared_memory() anew.
class CrashPage {
 public:
  /// Makes an empty page. Fails with: system.
  [[nodiscard]] static Result<CrashPage> create();

  [[nodiscard]] const SharedMemory& shared_memory() const noexcept { return memory_; }
  /// Returns the command that runs now, or that ran when the backend ended; nothing if there is none. Blocks: never.
  [[nodiscard]] std::optional<RunningCommand> running() const noexcept;
  /// Copies what the backend has left. Fails with: bad_message.
  [[nodiscard]] Result<CrashNote> read() const;

  /// Has each thread of the backend walk its own stack, by SIGURG: for processes that may not be traced.
  ///
  /// Requires: `pid` runs with this page. Blocks: until the deadline at most. Fails with: deadline_exceeded if not one
  /// thread answered, system. Source: docs/adr/0076-a-hung-backend-is-copied-by-ptrace.md.
  [[nodiscard]] Result<StackCapture> capture_by_signal(pid_t pid, Deadline deadline);

 private:
  [[nodiscard]] Result<StackCapture> ask(pid_t pid, pid_t thread, Deadline deadline);
  CrashPage(SharedMemory memory, Mapping mapping) noexcept : memory_{std::move(memory)}, mapping_{std::move(mapping)} {}

  SharedMemory memory_;
  Mapping mapping_;
  std::uint32_t questions_ = 0;
};

}  // namespace prong::os

// Where the threads of a process were, before anybody has put names to the addresses.
#pragma once

#include "prong/base/bytes.hpp"
#include "prong/base/deadline.hpp"
#include "prong/base/result.hpp"

#include <sys/types.h>

#include <array>
#include <cstdint>
#include <string>
#include <vector>

namespace prong::os {

/// A file that code came from, and where it was mapped.
struct CapturedModule {
  std::uint64_t begin = 0;
  std::uint64_t end = 0;
  std::uint64_t file_offset = 0;  ///< Of `begin`.
  std::uint64_t device = 0;
  std::uint64_t inode = 0;
  std::string path;
  std::vector<std::uint8_t> build_id;  ///< Empty if it has none.
};

/// One address on a stack.
struct CapturedFrame {
  std::uint64_t address = 0;
  bool exact = false;  ///< The address of an instruction; otherwise a return address, just behind a call.
};

/// What a stack is unwound from later: the registers, and the memory from the stack pointer on.
struct StackImage {
  std::array<std::uint64_t, 32> registers{};  ///< By their DWARF numbers.
  std::uint64_t pc = 0;
  std::uint64_t begin = 0;  ///< The address of `memory`.
  std::vector<std::byte> memory;
};

/// One thread: its frames, or what they can be found from.
struct CapturedThread {
  std::int32_t id = 0;
  std::string name;
  std::vector<CapturedFrame> frames;
  std::size_t gap_position = 0;  ///< How many of `frames` come before those that were left out.
  std::uint64_t frames_left_out = 0;
  StackImage image;    ///< Empty where the process walked its stack itself.
  std::string remark;  ///< Why something is missing.
};

/// All that was captured of a process.
struct StackCapture {
  std::vector<CapturedThread> threads;
  std::vector<CapturedModule> modules;
};

/// The most threads that are captured of one process.
constexpr std::size_t most_captured_threads = 64;
/// How much of a stack is kept. Units: bytes.
constexpr std::size_t most_captured_stack = std::size_t{256} * 1024;

/// Stops every thread of another process, keeps its registers and the inner part of its stack, and lets it go on.
///
/// Nothing runs in that process, so it may be stopped, block all signals, or hold any lock. A thread of this process
/// does it and has ended when the function returns.
/// Requires: `pidfd` names the process `pid`. Thread safety: any thread. Blocks: until the deadline at most.
/// Fails with: system (EPERM where tracing is forbidden), deadline_exceeded if not one thread stopped in time.
/// Source: ptrace(2), PTRACE_SEIZE; docs/adr/0076-a-hung-backend-is-copied-by-ptrace.md.
[[nodiscard]] Result<StackCapture> capture_by_trace(pid_t pid, int pidfd, Deadline deadline);

}  // namespace prong::os

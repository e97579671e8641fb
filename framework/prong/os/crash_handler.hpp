// The backend's side of a crash page: which command runs, and what happens when it crashes.
#pragma once

#include "prong/os/shared_memory.hpp"

#include <atomic>
#include <cstdint>

namespace prong::os {

/// From here on this process notes in `page` what it runs, and a crash leaves its stack there.
///
/// Takes SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGSYS and SIGTRAP, on an alternate stack, and SIGURG for the
/// question where a thread is; puts a std::terminate handler before the present one. Afterwards the signal comes again
/// with its default action, so exit status and core dump are as without. Handlers that are installed later stay.
/// Requires: called once in a process of one thread that has no handlers of its own; `page` is a crash page.
/// After fork: a child of this process leaves nothing. Fails with: system.
[[nodiscard]] Result<void> report_crashes_to(const SharedMemory& page);

/// An alternate signal stack for the calling thread, so that an overflow of its stack leaves a report.
///
/// report_crashes_to() gives one to its thread; threads that a backend starts may hold one each.
/// Thread safety: destroyed by the thread that made it.
class SignalStack {
 public:
  /// Gives this thread the stack in place of one that it may have. Fails with: system.
  [[nodiscard]] static Result<SignalStack> create();
  SignalStack(SignalStack&& other) noexcept;
  SignalStack& operator=(SignalStack&&) = delete;
  ~SignalStack();

 private:
  SignalStack(std::byte* memory, std::size_t size) noexcept : memory_{memory}, size_{size} {}

  std::byte* memory_;
  std::size_t size_;
};

namespace detail {

/// Where the running command is noted: nowhere before report_crashes_to().
struct RunningWords {
  std::atomic<std::uint64_t>* running = nullptr;
  std::atomic<std::uint64_t>* request = nullptr;
  std::uint64_t changes = 0;
  std::uint64_t command = 0;  ///< Its number plus one, or 0.
  std::uint64_t number = 0;   ///< Of the request.

  // The pair is readable at any moment: a reader that finds `running` unchanged, and with a command, has read the
  // request that belongs to it. SYNC POINT with running and request load in CrashPage::running.
  void note(std::uint64_t new_command, std::uint64_t new_request) noexcept {
    if (command != 0) running->store(++changes << 16, std::memory_order_release);
    command = new_command;
    number = new_request;
    if (new_command == 0) return;
    request->store(new_request, std::memory_order_release);
    running->store(++changes << 16 | new_command, std::memory_order_release);
  }
};
extern constinit RunningWords running_words;

}  // namespace detail

/// Notes a command for as long as it lives; inside another one, the outer one is noted again afterwards.
///
/// Thread safety: the thread that called report_crashes_to(); in a process that did not, it does nothing.
class CommandNote {
 public:
  CommandNote(std::uint16_t command, std::uint64_t request) noexcept {
    detail::RunningWords& words = detail::running_words;
    if (words.running == nullptr) return;
    outer_command_ = words.command;
    outer_request_ = words.number;
    words.note(std::uint64_t{command} + 1, request);
  }
  CommandNote(const CommandNote&) = delete;
  CommandNote& operator=(const CommandNote&) = delete;
  ~CommandNote() {
    detail::RunningWords& words = detail::running_words;
    if (words.running != nullptr) words.note(outer_command_, outer_request_);
  }

 private:
  std::uint64_t outer_command_ = 0;
  std::uint64_t outer_request_ = 0;
};

}  // namespace prong::os

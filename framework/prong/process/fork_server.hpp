// The process that forks whatever is started once the program has threads.
//
// A process with threads cannot be forked safely, so a copy of the program is set aside while it has one: it stays as
// it was then, and forks backends on request. How it is built: docs/adr/0060.
#pragma once

#include "prong/process/served_process.hpp"

#include <cstdint>
#include <memory>
#include <string>

namespace prong {

/// What a process that the fork server starts runs: it gets the payload and the numbers of its descriptors, and its
/// result is the exit code. It closes what it inherited and does not need: os::close_all_but_inherited().
using ServedMain = int (*)(Bytes payload, std::span<const int> descriptors);

/// A fork server, and the snapshot of this program that it forks from: the program as it was when this was constructed.
///
/// One per program. MainContext makes one between its processes and its threads; other programs construct one before
/// their first thread. It is two small processes without threads: one forks and reaps, the other, its parent, starts
/// another one if it dies, and ends every process in the tree when this program is gone, however it went.
/// Thread safety: all members from any thread, except construction and destruction.
/// After fork: not usable in the child.
class ForkServer {
 public:
  /// Figures about the server.
  struct Statistics {
    std::uint64_t started = 0;  ///< Processes, in all.
    std::uint64_t deaths = 0;   ///< How often the server itself died and another one took its place.
  };

  /// Takes the snapshot. Throws Exception: threads_exist (naming them), already_started if there is one, system.
  ForkServer();
  /// Ends the server and every process that it has started and that still runs.
  ~ForkServer();
  ForkServer(const ForkServer&) = delete;
  ForkServer& operator=(const ForkServer&) = delete;

  /// Returns the server of this program, or null. In a backend there is none.
  [[nodiscard]] static ForkServer* current() noexcept;

  /// Forks a process from the snapshot and has it run `main`. Of `payload` and `descriptors` it gets copies.
  ///
  /// `main` is the same function at the same address there; a function of a library that was loaded after the snapshot
  /// is refused. Works from any thread of a program with many.
  /// Fails with: invalid_argument for such a function, too_large for more than 190 descriptors, deadline_exceeded,
  /// closed if the server was ended from outside for good, system.
  [[nodiscard]] Result<ServedProcess> launch(ServedMain main, Bytes payload, std::span<const int> descriptors,
                                             Deadline deadline);

  /// Returns the pid of the process that forks now.
  [[nodiscard]] pid_t pid() const;
  [[nodiscard]] Statistics statistics() const;
  /// Tells whether processes can be started: not if its keeper was ended from outside.
  [[nodiscard]] bool alive() const;
  /// Returns a descriptor that is readable when handle_events() has something to report.
  [[nodiscard]] int descriptor() const noexcept;
  /// Logs what has become of the server since. launch() does it too. Blocks: never.
  void handle_events();

 private:
  friend class MessageProcess;
  class Implementation;
  /// Tells whether the object with this number existed when the snapshot was taken.
  [[nodiscard]] bool knows(std::uint64_t serial) const noexcept;
  /// A process forked by this program itself leads a group that is to end with the program, or is gone again.
  void group_begins(pid_t leader) noexcept;
  void group_ends(pid_t leader) noexcept;

  std::unique_ptr<Implementation> implementation_;
};

}  // namespace prong

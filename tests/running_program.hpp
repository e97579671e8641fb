// A program under test, run as a user runs it.
#pragma once

#include "prong/os/child_process.hpp"

#include <string>
#include <vector>

namespace prong::tests {

/// A program in a process group of its own, with an empty standard input and its output in two files.
///
/// Requires: this process has one thread. Killed when this object or this process goes.
class RunningProgram {
 public:
  /// Runs `command`, whose first word is the program's path; the output lands in `folder`.
  RunningProgram(std::vector<std::string> command, std::string folder);

  [[nodiscard]] os::ChildProcess& process() noexcept { return process_; }
  /// Waits for the end and returns the exit code; 128 and the number of a signal that ended it, as a shell does.
  [[nodiscard]] int exit_code();
  /// Returns what it has printed so far.
  [[nodiscard]] std::string output() const;
  /// Returns what it has printed to standard error so far.
  [[nodiscard]] std::string errors() const;

  /// Sends a signal to every process of the program, as the terminal does for Ctrl-C.
  void signal_all(int number) const;
  /// Returns the child process of this name, or 0 if there is none.
  [[nodiscard]] int child(const std::string& name) const;

 private:
  std::string folder_;
  os::ChildProcess process_;
};

}  // namespace prong::tests

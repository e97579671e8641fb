// The parent of the fork worker: starts another one if it dies, and clears up when the program is gone.
#pragma once

#include "prong/process/detail/fork_protocol.hpp"

#include <set>
#include <vector>

namespace prong::detail {

/// The fork keeper. Runs in a process of its own, forked from the program while that had one thread.
///
/// It does as little as possible, so that nothing ends it: no request reaches it but the numbers of process groups.
class ForkKeeper {
 public:
  struct Sockets {
    transport::DescriptorSocket requests;  ///< The worker's end; kept here for the worker after this one.
    transport::DescriptorSocket program;   ///< Events to the program, groups from it.
  };

  /// Requires: `program` is the pidfd of the process that forked this one.
  ForkKeeper(Sockets sockets, os::UniqueFd program, std::set<pid_t> groups) noexcept
      : sockets_{std::move(sockets)}, program_{std::move(program)}, groups_{std::move(groups)} {}

  /// Keeps a worker until the program is gone or has closed its end. Returns the exit code.
  int run();

 private:
  Result<void> start_worker();
  void worker_ended();
  bool take_groups();
  void end_all() noexcept;
  void tell(const KeeperEvent& event) const;

  Sockets sockets_;
  os::UniqueFd program_;
  std::set<pid_t> groups_;  // led by processes that the program forked itself
  os::ChildProcess worker_;
  int quick_deaths_ = 0;
  Deadline worker_is_old_ = Deadline::now();
};

}  // namespace prong::detail

// The process that forks: it waits for requests, starts processes, reaps them and reports how they ended.
#pragma once

#include "prong/loop/event_loop.hpp"
#include "prong/process/detail/fork_protocol.hpp"

#include <map>
#include <vector>

namespace prong::detail {

/// The fork worker. Runs in a process of its own that has one thread and nothing of value but its memory.
class ForkWorker {
 public:
  /// Throws Exception: system. Requires: the requests outlive it.
  explicit ForkWorker(const transport::DescriptorSocket& requests);

  /// Serves until there is nobody who could ask. Returns the exit code.
  int run();

 private:
  struct Child {
    os::UniqueFd pidfd;
    transport::DescriptorSocket lifeline;
    loop::Watch end;
    loop::Watch lifeline_end;
  };

  void take_requests();
  void start(const transport::Packet& packet);
  void run_child(const StartRequest& request, const transport::Packet& packet);
  void watch_child(pid_t pid, os::UniqueFd pidfd, transport::DescriptorSocket lifeline);
  void lifeline_closed(pid_t pid);
  void child_ended(pid_t pid);
  [[nodiscard]] bool is_of_snapshot(ServedMain main) const noexcept;

  const pid_t worker_;
  const transport::DescriptorSocket& requests_;
  std::unique_ptr<loop::EventLoop> loop_;
  loop::Watch requests_watch_;
  std::vector<std::pair<std::uintptr_t, std::uintptr_t>> code_;  // what may be called
  std::map<pid_t, Child> children_;
};

}  // namespace prong::detail

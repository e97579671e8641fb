// Peers for tests of waits.
#pragma once

#include "prong/os/child_process.hpp"
#include "prong/os/event_fd.hpp"
#include "prong/os/poll.hpp"
#include "prong/sync/peer.hpp"

#include <array>

namespace prong::tests {

/// A peer that is gone once `end` is readable, and then fails with `error`.
class DescriptorPeer : public Peer {
 public:
  DescriptorPeer(int end, Error error) : end_{end}, error_{std::move(error)} {}

  Result<void> wait_readable(int descriptor, Deadline deadline) override {
    std::array<pollfd, 2> entries{pollfd{end_, POLLIN, 0}, pollfd{descriptor, POLLIN, 0}};
    PRONG_TRY_ASSIGN(const std::size_t ready, os::poll(entries, deadline));
    if (entries[0].revents != 0) return error_;
    if (ready == 0) return fail(Errc::deadline_exceeded, "the peer did nothing in time");
    return {};
  }

 private:
  int end_;
  Error error_;
};

/// A thread that plays a peer, until stop().
class ThreadPeer : public DescriptorPeer {
 public:
  ThreadPeer() : ThreadPeer{os::EventFd::create().value()} {}
  void stop() { end_.set(); }

 private:
  explicit ThreadPeer(os::EventFd end)
      : DescriptorPeer{end.descriptor(), Error{Errc::stopped, "the thread has stopped"}}, end_{std::move(end)} {}

  os::EventFd end_;
};

/// A child process as a peer: gone once it has ended.
class ChildPeer : public DescriptorPeer {
 public:
  explicit ChildPeer(const os::ChildProcess& child)
      : DescriptorPeer{
            child.descriptor(),
            Error::from_death({.process = "child", .pid = child.pid(), .exit_code = 0, .signal = 0, .command = {}})} {}
};

}  // namespace prong::tests

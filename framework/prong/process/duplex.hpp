// Both directions of a process, for programs whose loop is a poll, select or epoll of their own.
#pragma once

#include "prong/process/message_process.hpp"

#include <optional>

namespace prong {

/// The frontend's ends of a process: messages to the backend, and those that it sends by itself.
///
/// A copy stands for the same ends.
/// Thread safety: all members from any thread.
/// Source: valkka.multiprocess, Duplex.
class Duplex {
 public:
  /// Requires: `process` outlives it.
  explicit Duplex(MessageProcess& process) noexcept : process_{&process} {}

  /// Sends a command that nobody answers, if there is room for it. Blocks: never.
  /// Fails with: overloaded, then write_fd() tells when to try again; too_large if it is larger than the queue's
  /// largest record (a quarter of ProcessOptions::queue_bytes), then send() it; process_expired, stopped.
  [[nodiscard]] Result<void> try_send(const MessageObject& message);
  /// Fails with: as MessageProcess::try_send_message_to_back().
  [[nodiscard]] Result<void> send(const MessageObject& message, Deadline deadline) {
    return process_->try_send_message_to_back(message, deadline);
  }
  /// As Pipe::receive() and Pipe::try_receive().
  [[nodiscard]] Result<MessageObject> receive(Deadline deadline) { return process_->pipe().receive(deadline); }
  [[nodiscard]] Result<std::optional<MessageObject>> try_receive() { return process_->pipe().try_receive(); }

  /// Returns a descriptor that is readable when receive() would not wait: Pipe::descriptor().
  [[nodiscard]] int read_fd() { return process_->pipe().descriptor(); }
  /// Returns a descriptor that is *readable* (poll it for POLLIN, put it into select's first set) when there may be
  /// room for try_send(): there is none while try_send() fails with overloaded. It stays readable once the backend is
  /// gone. Throws Exception when descriptors run out.
  [[nodiscard]] int write_fd();

 private:
  MessageProcess* process_;
};

}  // namespace prong

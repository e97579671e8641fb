// The backend as an actor of the C++ Actor Framework, on its event loop alone.
//
// Includes no CAF header. What was tried and measured stands in docs/adr.
#pragma once

#include "prong/loop/event_loop.hpp"
#include "prong/message/message_header.hpp"
#include "prong/message/message_object.hpp"

#include <functional>
#include <memory>

namespace caf {
class event_based_actor;
}

namespace prong::actor {

/// An actor system without a thread of its own, and the one actor that takes a backend's messages.
///
/// A message is activated in place when the actor is idle and its mailbox empty, else it queues there, so order holds.
/// Thread safety: the loop's thread.
/// After fork: made in the child; no actor system may live in a process that forks.
class BackendActor {
 public:
  /// Runs one message of the intercom. Must not throw.
  using Handler = std::function<void(const MessageHeader&, Bytes)>;
  /// Takes the answer to a local message; called once, in the loop's thread. Must not throw.
  using Answer = std::function<void(Result<Value>)>;
  /// Answers a MessageObject that an actor of this process sent, at once or later. Must not throw.
  using LocalHandler = std::function<void(const MessageObject&, Answer)>;

  /// Requires: `loop` outlives the actor.
  BackendActor(loop::EventLoop& loop, Handler handler, LocalHandler local);
  ~BackendActor();
  BackendActor(const BackendActor&) = delete;
  BackendActor& operator=(const BackendActor&) = delete;

  /// Hands a message to the actor.
  void deliver(const MessageHeader& header, Bytes payload);
  /// Returns the actor, to spawn, send and request from.
  [[nodiscard]] caf::event_based_actor& self() noexcept;

 private:
  class Implementation;

  std::unique_ptr<Implementation> implementation_;
};

}  // namespace prong::actor

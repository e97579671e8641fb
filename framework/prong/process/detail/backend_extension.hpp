// What a backend has beside plain handlers: commands that end later than they begin.
#pragma once

#include "prong/actor/backend_actor.hpp"
#include "prong/message/message_header.hpp"

namespace prong::detail {

/// Takes part in the life of a backend.
///
/// Thread safety: the loop's thread.
class BackendExtension {
 public:
  virtual ~BackendExtension() = default;
  /// Runs after pre_run(), before the first message. An exception ends the backend.
  virtual void before_run() = 0;
  /// Runs after the last message, before post_run(). An exception ends the backend.
  virtual void after_run() = 0;
  /// Runs after post_run(): sends what is still kept.
  virtual void finish() = 0;
  /// Takes a call or a message over; false if the backend is to run it as it is, now.
  virtual bool take(const MessageHeader& header, Bytes payload) = 0;
  /// Takes over what an actor of this process asks; false if the backend is to run it as it is, now.
  virtual bool take_local(const MessageObject& message, actor::BackendActor::Answer& answer) = 0;
};

}  // namespace prong::detail

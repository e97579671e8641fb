// A backend as other actors of the frontend see it.
//
// Includes no CAF header.
#pragma once

#include "prong/base/result.hpp"
#include "prong/message/message_object.hpp"

#include <functional>
#include <memory>
#include <mutex>

namespace caf {
class actor;
class actor_system;
}  // namespace caf

namespace prong::actor {

/// The process behind a proxy. Handles outlive processes, so the proxy reaches it through a gate that can be shut.
class ProxyTarget {
 public:
  virtual ~ProxyTarget() = default;
  virtual Result<void> proxy_send(const MessageObject& message) = 0;
  /// `done` is called exactly once, in any thread.
  virtual void proxy_request(const MessageObject& message, std::function<void(Result<Value>)> done) = 0;
  virtual void proxy_stop() = 0;
  virtual void proxy_kill() = 0;
};

/// Lets a proxy reach its process as long as there is one.
class ProxyGate {
 public:
  explicit ProxyGate(ProxyTarget& target) noexcept : target_{&target} {}
  /// Calls `use(target)` and tells whether the gate was open.
  template <class Use>
  bool pass(Use&& use) {
    const std::lock_guard lock{mutex_};
    if (target_ != nullptr) std::forward<Use>(use)(*target_);
    return target_ != nullptr;
  }
  /// Waits for those inside and lets nobody in any more.
  void shut() noexcept {
    const std::lock_guard lock{mutex_};
    target_ = nullptr;
  }

 private:
  std::recursive_mutex mutex_;  // a continuation that runs inside may come through again
  ProxyTarget* target_;
};

/// One proxy in one actor system, for one life of a backend.
///
/// A local actor that can be sent to, requested from, linked to and monitored like any other. It takes MessageObjects;
/// its sender's thread writes them to the process's queue. An exit message with reason `kill` kills the backend, any
/// other reason but `normal` stops it.
/// Thread safety: all members from any thread.
/// If the peer dies: pending requests get an error of category "prong", monitors and links get the same as reason.
class ProxyActor {
 public:
  ProxyActor(caf::actor_system& system, std::shared_ptr<ProxyGate> gate);
  ~ProxyActor();
  ProxyActor(const ProxyActor&) = delete;
  ProxyActor& operator=(const ProxyActor&) = delete;

  [[nodiscard]] caf::actor handle() const;
  [[nodiscard]] bool belongs_to(const caf::actor_system& system) const noexcept;
  /// Ends the proxy: `why` is null for an orderly end.
  void close(const Error* why);

 private:
  class Implementation;

  std::unique_ptr<Implementation> implementation_;
};

}  // namespace prong::actor

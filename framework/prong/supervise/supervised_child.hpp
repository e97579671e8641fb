// What a supervisor needs of that which it looks after.
#pragma once

#include "prong/base/deadline.hpp"
#include "prong/base/result.hpp"
#include "prong/supervise/child_state.hpp"
#include "prong/supervise/child_usage.hpp"

#include <cstddef>
#include <cstdint>
#include <memory>

namespace prong {

class Supervisor;

/// By which one incarnation of a child tells its supervisor what happens to it.
///
/// A copy may be kept as long as one likes, in continuations for instance: what is reported by one that is not of the
/// present incarnation, or when there is no supervisor any more, is nobody's concern.
/// Thread safety: in the thread of the supervisor's loop.
class ChildReport {
 public:
  ChildReport() noexcept = default;

  /// It takes work from now on.
  void ready() const { tell(supervise::ChildEvent::ready, {}); }
  /// It has answered the ping.
  void alive() const { tell(supervise::ChildEvent::alive, {}); }
  /// It is gone: in order, or because of an error. Nothing else is reported afterwards.
  void ended(const Result<void>& how) const { tell(supervise::ChildEvent::ended, how); }

 private:
  friend class Supervisor;
  struct Address {
    Supervisor* supervisor = nullptr;  // null when there is none any more
  };
  ChildReport(std::shared_ptr<const Address> to, std::size_t child, std::uint64_t incarnation) noexcept
      : to_{std::move(to)}, child_{child}, incarnation_{incarnation} {}
  void tell(supervise::ChildEvent what, const Result<void>& how) const;

  std::shared_ptr<const Address> to_;
  std::size_t child_ = 0;
  std::uint64_t incarnation_ = 0;
};

/// Something that is started, may end at any time, and can be started again: a process, another supervisor, a fake.
///
/// Thread safety: all members are called in the thread of the supervisor's loop.
/// Blocks: no member waits for the child; start() may take as long as making a process takes.
class SupervisedChild {
 public:
  using Time = Deadline::Clock::time_point;

  virtual ~SupervisedChild() = default;

  /// Starts it, and reports what happens to it from then on to `report`. After an error it is not there, and
  /// report.ended() is not called. Requires: it is not there.
  [[nodiscard]] virtual Result<void> start(ChildReport report) = 0;
  /// Has it report ready() when it is, at once if it is so already.
  virtual void ask_ready() = 0;
  /// Has it report alive(), as something that hangs would not. An answer after `deadline` is too late.
  virtual void ping(Time deadline) = 0;
  /// Asks it to end in order. At `deadline` it will be killed.
  virtual void request_stop(Time deadline) = 0;
  /// Ends it by force. It is over when ended() has been reported.
  virtual void kill() = 0;
  /// Returns what this incarnation uses.
  [[nodiscard]] virtual ChildUsage usage() = 0;
};

}  // namespace prong

// By which a handler learns that nobody wants its outcome any more.
#pragma once

#include "prong/base/deadline.hpp"
#include "prong/base/request_number.hpp"

namespace prong {

namespace link {
class BackendLink;
}

/// Stands for one call in the backend that runs it. Copies may be handed to helper threads and to what goes on later.
///
/// It costs a load of shared memory and a look at the clock: cheap enough for an inner loop.
/// Thread safety: all members from any thread of the backend.
class CancelToken {
 public:
  /// Stands for no call; it is never cancelled.
  CancelToken() noexcept = default;
  CancelToken(const link::BackendLink& link, RequestNumber request, Deadline deadline) noexcept
      : link_{&link}, request_{request}, deadline_{deadline} {}

  /// Tells whether the caller has cancelled the call or its deadline has passed.
  [[nodiscard]] bool cancelled() const noexcept { return cancelled_by_caller() || deadline_.has_passed(); }
  [[nodiscard]] bool cancelled_by_caller() const noexcept;
  /// Throws Cancelled if cancelled(). Left to leave the handler, it becomes the outcome.
  void throw_if_cancelled() const;
  /// Returns when the call ends at the latest.
  [[nodiscard]] Deadline deadline() const noexcept { return deadline_; }

 private:
  const link::BackendLink* link_ = nullptr;
  RequestNumber request_;
  Deadline deadline_ = Deadline::never();
};

}  // namespace prong

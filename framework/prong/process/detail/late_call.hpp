// What is done about a handler that runs past the deadline of its call.
#pragma once

#include "prong/base/deadline.hpp"
#include "prong/base/request_number.hpp"

#include <cstdint>
#include <functional>
#include <mutex>
#include <optional>

namespace prong::detail {

/// Ends a backend in steps: a grace after the deadline, if the handler still runs, SIGTERM; another grace later,
/// SIGKILL.
///
/// It looks at the clock when it is asked to, and at nothing else of its own accord.
/// Thread safety: any thread.
class LateCall {
 public:
  /// What it acts upon.
  struct Backend {
    /// Returns the request whose handler runs now, 0 for one that nobody waits for; nothing if none runs.
    std::function<std::optional<std::uint64_t>()> running;
    /// Sends a signal to end the backend.
    std::function<void(int signal)> end;
  };

  explicit LateCall(std::chrono::nanoseconds grace) noexcept : grace_{grace} {}

  /// The deadline of this call has passed. One at a time: while there is another one, nothing changes.
  void begin(RequestNumber call);
  /// The backend is gone.
  void forget();
  /// Takes the step that is due, if one is, and returns when the next one will be.
  [[nodiscard]] Deadline act(const Backend& backend);

 private:
  enum class Step : std::uint8_t { none, look, kill };

  // What to send now; 0 for nothing.
  int take_step(const Backend& backend);

  const std::chrono::nanoseconds grace_;
  std::mutex mutex_;  // guards what follows
  Step step_ = Step::none;
  RequestNumber call_;
  Deadline at_ = Deadline::never();
};

}  // namespace prong::detail

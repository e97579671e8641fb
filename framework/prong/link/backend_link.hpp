// A backend's end of a link: messages in, replies and its own messages out.
#pragma once

#include "prong/link/connection.hpp"
#include "prong/loop/event_loop.hpp"

#include <functional>
#include <memory>
#include <optional>

namespace prong::link {

/// Sizes and policies of the backend's end; the same numbers as the frontend's LinkOptions.
struct BackendLinkOptions {
  std::size_t max_message_bytes = 0;
  std::size_t out_window_bytes = 0;
  WhenFull when_full = WhenFull::reject;
};

/// The backend's end. Messages are handled one at a time, in the order of their sending, in the loop's thread.
///
/// Thread safety: send functions from any thread; the rest from the loop's thread.
/// If the peer dies: the kernel ends this process.
class BackendLink final : private loop::Source {
 public:
  using Handler = std::function<void(const MessageHeader&, Bytes)>;

  /// Maps the segment and has `loop` receive from it. Requires: `segment` and `loop` outlive the link.
  /// Fails with: system.
  [[nodiscard]] static Result<std::unique_ptr<BackendLink>> open(const transport::Segment& segment,
                                                                 const BackendLinkOptions& options,
                                                                 loop::EventLoop& loop, Handler handler);
  ~BackendLink() override;

  /// Answers a request. A full queue waits until `deadline`, which is the request's own.
  [[nodiscard]] Result<void> reply(std::uint64_t request, Bytes value, Deadline deadline);
  [[nodiscard]] Result<void> reply_error(std::uint64_t request, const Error& error, Deadline deadline);
  /// Begins a request: from here on it counts as one that may have run. Returns false if its caller gave it up; then it
  /// must not run.
  [[nodiscard]] bool try_begin(RequestNumber request) noexcept { return connection_.port().calls().try_begin(request); }
  /// Tells whether the caller asked that the request ends. Thread safety: any thread.
  [[nodiscard]] bool asked_to_end(RequestNumber request) const noexcept {
    return connection_.port().calls().is_asked_to_end(request);
  }
  /// Tells whether the caller takes no outcome of the request any more. Thread safety: any thread.
  [[nodiscard]] bool given_up(RequestNumber request) const noexcept {
    return connection_.port().calls().is_given_up(request);
  }
  /// Sends a message of its own; `box` is 0 for out and 1 for return_out.
  /// Fails with: overloaded when the frontend has a window of unreceived messages, too_large, deadline_exceeded.
  [[nodiscard]] Result<void> send_out(std::size_t box, Bytes payload, Deadline deadline);
  /// Sends on the control lane.
  [[nodiscard]] Result<void> send_control(MessageKind kind, Bytes payload);

  /// Tells whether a stop was asked for and everything sent before it has been handled.
  [[nodiscard]] bool stopping() const noexcept { return stop_reached_; }
  /// Returns why nothing can be received any more, or nothing: then a stop is an orderly one.
  [[nodiscard]] const std::optional<Error>& broken() const noexcept { return broken_; }
  /// Tells whether a stop was asked for, reached or not, received or not.
  [[nodiscard]] bool stop_requested() const noexcept {
    return stop_reached_ || connection_.port().peer_progress(stop_word) != 0;
  }
  /// Stops as if asked to.
  void stop() noexcept { stop_reached_ = true; }
  /// Returns the eventfd that wakes this backend; never drained, so watch it edge-triggered.
  [[nodiscard]] int descriptor() noexcept { return connection_.port().descriptor(); }
  /// Handles what has arrived; tells whether there was anything. The loop calls it by itself.
  bool work() override;

 private:
  BackendLink(transport::Port port, const BackendLinkOptions& options, loop::EventLoop& loop, Handler handler);
  [[nodiscard]] bool prepare_sleep() override;
  void finish_sleep() override;
  void handle(const MessageHeader& header, Bytes payload);
  Result<void> wait(const std::function<bool()>& ready, Deadline deadline);
  Result<void> take_window(std::size_t box, std::size_t cost, Deadline deadline);

  BackendLinkOptions options_;
  Connection connection_;
  loop::EventLoop& loop_;
  Handler handler_;
  loop::Watch bell_watch_;
  std::mutex window_mutex_;
  std::uint64_t window_used_[2] = {0, 0};
  bool stop_asked_ = false;
  std::uint64_t stop_position_ = 0;
  bool stop_reached_ = false;
  std::optional<Error> broken_;
};

}  // namespace prong::link

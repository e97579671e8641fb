// A backend's end of a link: messages in, replies and its own messages out.
#pragma once

#include "prong/link/connection.hpp"
#include "prong/link/outbox.hpp"
#include "prong/loop/event_loop.hpp"

#include <functional>
#include <memory>
#include <optional>

namespace prong::link {

/// What the loop's thread does when there is no room for what it sends.
enum class Sending : std::uint8_t {
  waits,  ///< It waits, and the loop with it.
  keeps,  ///< It keeps the message in memory and goes on; while it keeps much, no data is received.
};

/// Sizes and policies of the backend's end; the same numbers as the frontend's LinkOptions.
struct BackendLinkOptions {
  std::size_t max_message_bytes = 0;
  std::size_t out_window_bytes = 0;
  WhenFull when_full = WhenFull::reject;
  Sending sending = Sending::waits;
};

/// The backend's end. Messages are handled one at a time, in the order of their sending, in the loop's thread.
///
/// Thread safety: send functions from any thread; the rest from the loop's thread.
/// If the peer dies: the kernel ends this process.
class BackendLink final : private loop::Source {
 public:
  using Handler = std::function<void(const MessageHeader&, Bytes)>;

  /// Maps the segment and has `loop`, of this thread, receive from it. `dropped` is told what Sending::keeps kept in
  /// vain. Requires: `segment` and `loop` outlive the link. Fails with: system.
  [[nodiscard]] static Result<std::unique_ptr<BackendLink>> open(const transport::Segment& segment,
                                                                 const BackendLinkOptions& options,
                                                                 loop::EventLoop& loop, Handler handler,
                                                                 Outbox::Dropped dropped = {});
  ~BackendLink() override;

  /// Answers a request. A full queue waits until `deadline`, which is the request's own.
  [[nodiscard]] Result<void> reply(std::uint64_t request, Bytes value, Deadline deadline);
  [[nodiscard]] Result<void> reply(std::uint64_t request, std::vector<std::byte>&& value, Deadline deadline);
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
  /// The same for those who do not wait: `sent` is called in the loop's thread, later or at once.
  /// Requires: Sending::keeps; the loop's thread. Fails with: too_large, then `sent` is not called.
  [[nodiscard]] Result<Outbox::Ticket> send_out_later(std::size_t box, std::vector<std::byte> payload,
                                                      std::function<void(Result<void>)> sent);
  /// Takes back what send_out_later() has not sent yet; tells whether it was in time.
  bool take_back(Outbox::Ticket ticket) noexcept { return outbox_ && outbox_->take_back(ticket); }
  /// Returns what is kept for want of room. Requires: Sending::keeps.
  [[nodiscard]] Outbox& outbox() noexcept { return *outbox_; }
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
  void stop() noexcept;
  /// Calls `handler` when a stop is asked for, which may be before what was sent ahead of it is handled.
  void on_stop_request(std::function<void()> handler) { stop_handler_ = std::move(handler); }
  /// Calls `handler` when the caller of some request that has begun asked it to end: see asked_to_end().
  void on_asked(std::function<void()> handler) { ask_handler_ = std::move(handler); }
  /// Takes nothing from the data lane until this is called with Intake::all: its sender sees a full queue.
  void set_intake(Intake intake) noexcept;
  /// Returns the eventfd that wakes this backend; never drained, so watch it edge-triggered.
  [[nodiscard]] int descriptor() noexcept { return connection_.port().descriptor(); }
  /// Handles what has arrived; tells whether there was anything. The loop calls it by itself.
  bool work() override;

 private:
  BackendLink(transport::Port port, const BackendLinkOptions& options, loop::EventLoop& loop, Handler handler,
              Outbox::Dropped dropped);
  [[nodiscard]] bool prepare_sleep() override;
  void finish_sleep() override;
  void handle(const MessageHeader& header, Bytes payload);
  Result<void> wait(const std::function<bool()>& ready, Deadline deadline);
  Result<void> take_window(std::size_t box, std::size_t cost, Deadline deadline);
  Result<void> send_data(const MessageHeader& header, Bytes payload, WhenFull when_full, Deadline deadline);
  [[nodiscard]] Intake intake() const noexcept;

  BackendLinkOptions options_;
  Connection connection_;
  loop::EventLoop& loop_;
  Handler handler_;
  loop::Watch bell_watch_;
  OutWindow window_;
  std::optional<Outbox> outbox_;
  std::thread::id loop_thread_;
  Intake intake_ = Intake::all;
  std::function<void()> stop_handler_;
  std::function<void()> ask_handler_;
  bool stop_asked_ = false;
  std::uint64_t stop_position_ = 0;
  bool stop_reached_ = false;
  std::optional<Error> broken_;
};

}  // namespace prong::link

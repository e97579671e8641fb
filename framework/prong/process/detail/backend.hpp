// What a MessageProcess keeps in the process that was forked for it.
#pragma once

#include "prong/actor/backend_actor.hpp"
#include "prong/link/backend_link.hpp"
#include "prong/loop/event_loop.hpp"
#include "prong/process/detail/backend_extension.hpp"
#include "prong/process/message_process.hpp"

#include <map>

namespace prong {

class MessageProcess::Backend {
 public:
  /// Throws Exception (system). Requires: `segment` outlives it.
  Backend(MessageProcess& owner, const transport::Segment& segment, const ProcessOptions& options, std::string name);

  /// Takes on the limits, runs pre_run, the loop and post_run, and says how it went. Returns the exit code.
  int live(const os::ResourceLimits& limits);
  void send_out(std::size_t box, const MessageObject& message);
  void watch(int descriptor, std::function<void()> handler);
  void unwatch(int descriptor) { watches_.erase(descriptor); }

  /// Returns the token of the call that is running.
  [[nodiscard]] CancelToken cancel_token() const noexcept;

  [[nodiscard]] loop::EventLoop& loop() noexcept { return *loop_; }
  [[nodiscard]] link::BackendLink& link() noexcept { return *link_; }
  [[nodiscard]] caf::event_based_actor& self() noexcept { return actor_->self(); }
  [[nodiscard]] const ProcessOptions& options() const noexcept { return options_; }

  /// Runs a call or a message whose handler is a plain one.
  void run_plain(const MessageHeader& header, Bytes payload);
  Result<Value> run_named(const MessageObject& message, const MessageHeader& header);
  /// Has a request count as begun; where that fails, it never runs. Fails with: deadline_exceeded, cancelled.
  Result<void> begin(const MessageHeader& header);
  /// Sends the outcome of a command to whoever waits for it: `value` or the error.
  void answer(const MessageHeader& header, Result<void> outcome, std::vector<std::byte>&& value,
              std::string_view command);

  /// Keeps some memory aside, so that a handler that ran out of it can be reported; release_reserve() gives it free.
  void refill_reserve() noexcept;
  void release_reserve() noexcept { memory_reserve_.reset(); }
  /// A handler that runs, for as long as this lives; afterwards the one that it interrupted is again.
  class Invocation {
   public:
    Invocation(Backend& backend, const MessageHeader& header) noexcept;
    ~Invocation() { backend_.present_ = outer_; }
    Invocation(const Invocation&) = delete;
    Invocation& operator=(const Invocation&) = delete;

    [[nodiscard]] const CancelToken& token() const noexcept { return token_; }

   private:
    Backend& backend_;
    const Invocation* outer_;
    CancelToken token_;
  };

 private:
  void handle(const MessageHeader& header, Bytes payload);
  void run_call(const MessageHeader& header, Bytes payload);
  void run_message(const MessageHeader& header, Bytes payload);
  template <class Handler>
  auto run(const actor::Command& command, const MessageHeader& header, Handler&& handler) -> decltype(handler());
  void answer(const MessageHeader& header, Result<void> outcome, std::string_view command);
  template <class Payload>
  Result<void> send_value(const MessageHeader& header, Payload&& value, std::string_view command);
  void answer_error(const MessageHeader& header, const Error& error, std::string_view command);
  bool leave_with(const char* stage, const Error& error);

  MessageProcess& owner_;
  ProcessOptions options_;
  std::string name_;
  std::unique_ptr<loop::EventLoop> loop_;
  std::unique_ptr<actor::BackendActor> actor_;
  std::unique_ptr<link::BackendLink> link_;
  std::map<int, loop::Watch> watches_;
  std::vector<std::byte> reply_;
  // Given back when a handler finds no memory, so that there is some to tell of it.
  std::unique_ptr<std::byte[]> memory_reserve_;
  const Invocation* present_ = nullptr;
  std::unique_ptr<detail::BackendExtension> extension_;  // null where all handlers are plain
};

}  // namespace prong

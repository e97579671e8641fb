#include "prong/process/detail/backend.hpp"

#include "prong/base/exception.hpp"
#include "prong/message/error_codec.hpp"
#include "prong/process/detail/frontend.hpp"

namespace prong {
MessageProcess::Backend::Backend(MessageProcess& owner, const transport::Segment& segment,
                                 const ProcessOptions& options, std::string name)
    : owner_{owner}, options_{options}, name_{std::move(name)}, loop_{loop::EventLoop::create().value()} {
  actor_ = std::make_unique<actor::BackendActor>(
      *loop_, [this](const MessageHeader& header, Bytes payload) { handle(header, payload); },
      [this](const MessageObject& message) { return run_named(message); });
  const link::BackendLinkOptions link_options{
      .max_message_bytes = options.max_message_bytes,
      .out_window_bytes = options.out_queue_bytes,
      .when_full = options.when_full == QueuePolicy::block ? link::WhenFull::block : link::WhenFull::reject};
  link_ = link::BackendLink::open(segment, link_options, *loop_, [this](const MessageHeader& header, Bytes payload) {
            actor_->deliver(header, payload);
          }).value();
}

int MessageProcess::Backend::live() {
  const auto stage = [this](const char* name, auto&& work) {
    const Result<void> done = actor::guarded(name_, name, [&]() -> Result<void> {
      work();
      return {};
    });
    return done || leave_with(name, done.error());
  };
  if (!stage("pre_run", [this] { owner_.pre_run(); })) return 1;
  static_cast<void>(link_->send_control(MessageKind::ready, {}));
  if (!stage("run", [this] { owner_.run(); })) return 1;
  if (link_->broken()) return leave_with("receiving", *link_->broken()) ? 0 : 1;
  if (!stage("post_run", [this] { owner_.post_run(); })) return 1;
  static_cast<void>(link_->send_control(MessageKind::bye, {}));
  return 0;
}

bool MessageProcess::Backend::leave_with(const char* stage, const Error& error) {
  owner_.logger().error("{} failed: {}", stage, error.message());
  std::vector<std::byte> payload;
  encode_error(error, payload);
  // What does not fit the control lane goes without its text: the log has it.
  if (!link_->send_control(MessageKind::bye, payload)) static_cast<void>(link_->send_control(MessageKind::bye, {}));
  return false;
}

void MessageProcess::Backend::handle(const MessageHeader& header, Bytes payload) {
  switch (header.kind) {
    case MessageKind::call: run_call(header, payload); return;
    case MessageKind::message: run_message(header, payload); return;
    case MessageKind::ping:
      static_cast<void>(link_->reply(header.request, {}, Deadline::from_nanoseconds(header.deadline)));
      return;
    default: owner_.logger().warning("a message of kind {} is not for a backend", static_cast<int>(header.kind));
  }
}

void MessageProcess::Backend::run_call(const MessageHeader& header, Bytes payload) {
  const actor::Command* const command = owner_.commands().find(header.command);
  if (command == nullptr) {
    answer(header, fail(Errc::unknown_command, "no command number " + std::to_string(header.command)), "?");
    return;
  }
  if (Deadline::from_nanoseconds(header.deadline).has_passed()) {
    answer(header, fail(Errc::deadline_exceeded, "the deadline had passed before the handler ran"), command->name);
    return;
  }
  reply_.clear();
  answer(header,
         actor::guarded(name_, command->name, [&] { return command->call_typed(&owner_, *command, payload, reply_); }),
         command->name);
}

void MessageProcess::Backend::run_message(const MessageHeader& header, Bytes payload) {
  const Result<MessageObject> message = decode<MessageObject>(payload);
  if (!message) {
    answer(header, message.error(), "?");
    return;
  }
  if (Deadline::from_nanoseconds(header.deadline).has_passed() && header.request != 0) {
    answer(header, fail(Errc::deadline_exceeded, "the deadline had passed before the handler ran"), (*message)());
    return;
  }
  Result<Value> value = run_named(*message);
  reply_.clear();
  if (value && header.request != 0) encode(*value, reply_);
  answer(header, value ? Result<void>{} : Result<void>{std::move(value).error()}, (*message)());
}

Result<Value> MessageProcess::Backend::run_named(const MessageObject& message) {
  const actor::Command* const command = owner_.commands().find(message());
  if (command == nullptr) return owner_.commands().unknown(message());
  return actor::guarded(name_, command->name, [&] { return command->call_named(&owner_, *command, message); });
}

void MessageProcess::Backend::answer(const MessageHeader& header, Result<void> outcome, std::string_view command) {
  if (header.request == 0) {
    if (!outcome) owner_.logger().warning("command '{}' failed: {}", command, to_string(outcome.error()));
    return;
  }
  const Deadline deadline = Deadline::from_nanoseconds(header.deadline);
  if (outcome) {
    outcome = link_->reply(header.request, reply_, deadline);
    if (outcome) return;
  }
  if (const auto sent = link_->reply_error(header.request, outcome.error(), deadline); !sent)
    owner_.logger().warning("the outcome of command '{}' was not delivered: {}", command, to_string(sent.error()));
}

void MessageProcess::Backend::send_out(std::size_t box, const MessageObject& message) {
  std::vector<std::byte> payload;
  encode(message, payload);
  const auto sent = link_->send_out(box, payload, Deadline::after(options_.default_deadline));
  if (!sent) throw_error(sent.error());
}

void MessageProcess::Backend::watch(int descriptor, std::function<void()> handler) {
  // A handler that throws must not end the loop: as with commands, it is reported and the backend lives.
  auto guard = [this, descriptor, handler = std::move(handler)] {
    const Result<void> done = actor::guarded(name_, "watch", [&]() -> Result<void> {
      handler();
      return {};
    });
    if (!done) owner_.logger().error("the handler of descriptor {} threw: {}", descriptor, done.error().message());
  };
  watches_.erase(descriptor);
  watches_.emplace(descriptor, loop_->watch(descriptor, loop::Trigger::level, std::move(guard)).value());
}

}  // namespace prong

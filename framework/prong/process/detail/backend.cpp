#include "prong/process/detail/backend.hpp"

#include "prong/base/exception.hpp"
#include "prong/message/error_codec.hpp"
#include "prong/os/crash_handler.hpp"
#include "prong/process/detail/frontend.hpp"

namespace prong {
namespace {

// What is wrong with a call is found before its handler runs; what a handler does wrong, it throws.
Error of_refused(Error error) {
  return std::move(error).as_outcome(Outcome::failed, false);
}

}  // namespace

MessageProcess::Backend::Invocation::Invocation(Backend& backend, const MessageHeader& header) noexcept
    : backend_{backend}, outer_{backend.present_} {
  // What nobody answers has no deadline for its handler: that of its header was for the sending.
  if (header.request != 0)
    token_ = CancelToken{*backend.link_, RequestNumber{header.request}, Deadline::from_nanoseconds(header.deadline)};
  backend_.present_ = this;
}

MessageProcess::Backend::Backend(MessageProcess& owner, const transport::Segment& segment,
                                 const ProcessOptions& options, std::string name)
    : owner_{owner}, options_{options}, name_{std::move(name)}, loop_{loop::EventLoop::create().value()} {
  actor_ = std::make_unique<actor::BackendActor>(
      *loop_, [this](const MessageHeader& header, Bytes payload) { handle(header, payload); },
      [this](const MessageObject& message, actor::BackendActor::Answer answer) {
        if (!extension_ || !extension_->take_local(message, answer)) answer(run_named(message, MessageHeader{}));
      });
  const link::BackendLinkOptions link_options{
      .max_message_bytes = options.max_message_bytes,
      .out_window_bytes = options.out_queue_bytes,
      .when_full = options.when_full == QueuePolicy::block ? link::WhenFull::block : link::WhenFull::reject,
      .sending = owner.backend_sending()};
  link_ =
      link::BackendLink::open(
          segment, link_options, *loop_,
          [this](const MessageHeader& header, Bytes payload) { actor_->deliver(header, payload); },
          [this](const MessageHeader& header, const Error& error) {
            // A caller whose deadline has passed knows by its own clock.
            if (header.request != 0 && error.code() == Errc::deadline_exceeded) return;
            owner_.logger().warning("{} was not delivered: {}",
                                    header.request != 0 ? "the outcome of a request" : "a message", to_string(error));
          })
          .value();
  extension_ = owner.make_extension(*this);
}

int MessageProcess::Backend::live(const os::ResourceLimits& limits) {
  const auto stage = [this](const char* name, auto&& work) {
    const Result<void> done = actor::guarded(name_, name, [&]() -> Result<void> {
      work();
      return {};
    });
    return done || leave_with(name, done.error());
  };
  if (auto limited = os::limit_this_process(limits); !limited) return leave_with("limits", limited.error()) ? 0 : 1;
  refill_reserve();
  if (!stage("pre_run", [this] { owner_.pre_run(); })) return 1;
  if (extension_ && !stage("async_pre", [this] { extension_->before_run(); })) return 1;
  static_cast<void>(link_->send_control(MessageKind::ready, {}));
  if (!stage("run", [this] { owner_.run(); })) return 1;
  if (link_->broken()) return leave_with("receiving", *link_->broken()) ? 0 : 1;
  if (extension_ && !stage("async_post", [this] { extension_->after_run(); })) return 1;
  if (!stage("post_run", [this] { owner_.post_run(); })) return 1;
  if (extension_) extension_->finish();
  static_cast<void>(link_->send_control(MessageKind::bye, {}));
  return 0;
}

bool MessageProcess::Backend::leave_with(const char* stage, const Error& error) {
  owner_.logger().error("{} failed: {}", stage, error.message());
  if (extension_) extension_->finish();
  std::vector<std::byte> payload;
  encode_error(error, payload);
  // What does not fit the control lane goes without its text: the log has it.
  if (!link_->send_control(MessageKind::bye, payload)) static_cast<void>(link_->send_control(MessageKind::bye, {}));
  return false;
}

void MessageProcess::Backend::handle(const MessageHeader& header, Bytes payload) {
  switch (header.kind) {
    case MessageKind::call:
    case MessageKind::message:
      if (!extension_ || !extension_->take(header, payload)) run_plain(header, payload);
      return;
    case MessageKind::ping:
      if (header.request == 0) {
        static_cast<void>(link_->send_control(MessageKind::pong, {}));
        return;
      }
      static_cast<void>(link_->reply(header.request, Bytes{}, Deadline::from_nanoseconds(header.deadline)));
      return;
    default: owner_.logger().warning("a message of kind {} is not for a backend", static_cast<int>(header.kind));
  }
}

void MessageProcess::Backend::run_plain(const MessageHeader& header, Bytes payload) {
  if (header.kind == MessageKind::call)
    run_call(header, payload);
  else
    run_message(header, payload);
}

void MessageProcess::Backend::run_call(const MessageHeader& header, Bytes payload) {
  refill_reserve();
  const actor::Command* const command = owner_.commands().find(header.command);
  if (command == nullptr) {
    answer(header, of_refused({Errc::unknown_command, "no command number " + std::to_string(header.command)}), "?");
    return;
  }
  if (auto begun = begin(header); !begun) {
    answer(header, std::move(begun), command->name);
    return;
  }
  reply_.clear();
  answer(header, run(*command, header, [&] { return command->call_typed(&owner_, *command, payload, reply_); }),
         command->name);
}

// From here on the request counts as begun, unless this fails: then it never ran and never will.
Result<void> MessageProcess::Backend::begin(const MessageHeader& header) {
  if (header.request == 0) return {};
  if (Deadline::from_nanoseconds(header.deadline).has_passed())
    return Error{Errc::deadline_exceeded, "the deadline had passed before the handler ran"}.as_outcome(
        Outcome::deadline_exceeded, false);
  if (!link_->try_begin(RequestNumber{header.request}))
    return Error{Errc::cancelled, "the call was cancelled before its handler ran"}.as_outcome(Outcome::cancelled,
                                                                                              false);
  return {};
}

template <class Handler>
auto MessageProcess::Backend::run(const actor::Command& command, const MessageHeader& header, Handler&& handler)
    -> decltype(handler()) {
  const Invocation invocation{*this, header};
  const os::CommandNote note{owner_.commands().number_of(command), header.request};
  return actor::guarded(name_, command.name, [&]() -> decltype(handler()) {
    try {
      auto result = handler();
      if (!result) return of_refused(std::move(result).error());
      return result;
    } catch (const std::bad_alloc&) {
      release_reserve();
      throw;
    } catch (const Cancelled&) {
      // Without being asked it is an exception like any other.
      if (invocation.token().cancelled_by_caller())
        return Error{Errc::cancelled, "'" + command.name + "' ended because the caller cancelled it"};
      if (invocation.token().deadline().has_passed())
        return Error{Errc::deadline_exceeded, "'" + command.name + "' ended at its deadline"};
      throw;
    }
  });
}

CancelToken MessageProcess::Backend::cancel_token() const noexcept {
  return present_ != nullptr ? present_->token() : CancelToken{};
}

void MessageProcess::Backend::run_message(const MessageHeader& header, Bytes payload) {
  refill_reserve();
  const Result<MessageObject> message = decode<MessageObject>(payload);
  if (!message) {
    answer(header, of_refused(message.error()), "?");
    return;
  }
  if (auto begun = begin(header); !begun) {
    answer(header, std::move(begun), (*message)());
    return;
  }
  Result<Value> value = run_named(*message, header);
  reply_.clear();
  const Result<void> outcome = actor::guarded(name_, (*message)(), [&]() -> Result<void> {
    if (!value) return std::move(value).error();
    if (header.request != 0) encode(*value, reply_);
    return {};
  });
  answer(header, outcome, (*message)());
}

Result<Value> MessageProcess::Backend::run_named(const MessageObject& message, const MessageHeader& header) {
  const actor::Command* const command = owner_.commands().find(message());
  if (command == nullptr) return of_refused(owner_.commands().unknown(message()));
  return run(*command, header, [&] { return command->call_named(&owner_, *command, message); });
}

void MessageProcess::Backend::refill_reserve() noexcept {
  constexpr std::size_t size = std::size_t{64} * 1024;
  if (!memory_reserve_) memory_reserve_.reset(new (std::nothrow) std::byte[size]);
}

void MessageProcess::Backend::answer(const MessageHeader& header, Result<void> outcome, std::string_view command) {
  if (outcome) outcome = send_value(header, Bytes{reply_}, command);
  if (!outcome) answer_error(header, outcome.error(), command);
}

void MessageProcess::Backend::answer(const MessageHeader& header, Result<void> outcome, std::vector<std::byte>&& value,
                                     std::string_view command) {
  if (outcome) outcome = send_value(header, std::move(value), command);
  if (!outcome) answer_error(header, outcome.error(), command);
}

template <class Payload>
Result<void> MessageProcess::Backend::send_value(const MessageHeader& header, Payload&& value,
                                                 std::string_view command) {
  if (header.request == 0 || link_->given_up(RequestNumber{header.request})) return {};
  auto sent = link_->reply(header.request, std::forward<Payload>(value), Deadline::from_nanoseconds(header.deadline));
  if (sent || sent.error().code() == Errc::too_large) return sent;
  return Error{Errc::outcome_unknown,
               "'" + std::string{command} + "' has run, but its value could not be sent: " + sent.error().message()};
}

void MessageProcess::Backend::answer_error(const MessageHeader& header, const Error& error, std::string_view command) {
  if (header.request == 0) {
    owner_.logger().warning("command '{}' failed: {}", command, to_string(error));
    return;
  }
  const RequestNumber request{header.request};
  if (link_->given_up(request)) return;
  const auto sent = link_->reply_error(header.request, error, Deadline::from_nanoseconds(header.deadline));
  if (!sent && !link_->given_up(request))
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

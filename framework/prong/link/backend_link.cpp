#include "prong/link/backend_link.hpp"

#include "prong/link/inbox.hpp"
#include "prong/message/error_codec.hpp"

#include <sys/epoll.h>

#include <ctime>

namespace prong::link {
namespace {

using transport::Lane;
using transport::Port;
using transport::Side;

constexpr std::size_t batch_limit = 64;  // then the loop looks at its descriptors and timers

MessageHeader header_of_box(std::size_t box) noexcept {
  MessageHeader header;
  header.kind = box == 0 ? MessageKind::out : MessageKind::return_out;
  return header;
}

Result<os::UniqueFd> watch_edge(int descriptor) {
  os::UniqueFd epoll{::epoll_create1(EPOLL_CLOEXEC)};
  if (!epoll) return Error::from_errno("epoll_create1");
  epoll_event event{};
  event.events = EPOLLIN | EPOLLET;
  if (::epoll_ctl(epoll.get(), EPOLL_CTL_ADD, descriptor, &event) != 0) return Error::from_errno("epoll_ctl");
  return epoll;
}

}  // namespace

Result<std::unique_ptr<BackendLink>> BackendLink::open(const transport::Segment& segment,
                                                       const BackendLinkOptions& options, loop::EventLoop& loop,
                                                       Handler handler, Outbox::Dropped dropped) {
  PRONG_TRY_ASSIGN(Port port, Port::open(segment, Side::backend));
  std::unique_ptr<BackendLink> link{
      new BackendLink{std::move(port), options, loop, std::move(handler), std::move(dropped)}};
  PRONG_TRY_ASSIGN(link->bell_watch_, loop.watch(link->descriptor(), loop::Trigger::edge, [] {}));
  loop.add_source(*link);
  return link;
}

BackendLink::BackendLink(Port port, const BackendLinkOptions& options, loop::EventLoop& loop, Handler handler,
                         Outbox::Dropped dropped)
    : options_{options},
      connection_{std::move(port), Trust::trusted, options.max_message_bytes},
      loop_{loop},
      handler_{std::move(handler)},
      window_{options.out_window_bytes},
      loop_thread_{std::this_thread::get_id()} {
  if (options.sending == Sending::keeps) outbox_.emplace(connection_, window_, std::move(dropped));
}

BackendLink::~BackendLink() {
  loop_.remove_source(*this);
}

Result<void> BackendLink::reply(std::uint64_t request, Bytes value, Deadline deadline) {
  MessageHeader header;
  header.kind = MessageKind::reply;
  header.request = request;
  // A reply is never rejected: its request holds a place in the frontend, which reads while it waits for it.
  return send_data(header, value, WhenFull::block, deadline);
}

Result<void> BackendLink::reply(std::uint64_t request, std::vector<std::byte>&& value, Deadline deadline) {
  if (!outbox_ || value.size() > options_.max_message_bytes) return reply(request, Bytes{value}, deadline);
  MessageHeader header;
  header.kind = MessageKind::reply;
  header.request = request;
  return outbox_->send(header, std::move(value), deadline);
}

Result<void> BackendLink::reply_error(std::uint64_t request, const Error& error, Deadline deadline) {
  std::vector<std::byte> payload;
  encode_error(error, payload);
  MessageHeader header;
  header.kind = MessageKind::error_reply;
  header.request = request;
  return send_data(header, payload, WhenFull::block, deadline);
}

Result<void> BackendLink::send_data(const MessageHeader& header, Bytes payload, WhenFull when_full, Deadline deadline) {
  if (payload.size() > options_.max_message_bytes)
    return fail(Errc::too_large, "a message of " + std::to_string(payload.size()) + " bytes; the limit is " +
                                     std::to_string(options_.max_message_bytes));
  if (outbox_) return outbox_->send(header, {payload.begin(), payload.end()}, deadline);
  return connection_.send(Lane::data, header, payload, when_full, deadline,
                          [this](const auto& ready, Deadline until) { return wait(ready, until); });
}

Result<void> BackendLink::send_out(std::size_t box, Bytes payload, Deadline deadline) {
  const std::size_t cost = Inbox::cost(payload.size());
  PRONG_TRY(take_window(box, cost, deadline));
  auto sent = send_data(header_of_box(box), payload, options_.when_full, outbox_ ? Deadline::never() : deadline);
  if (!sent) window_.give_back(box, cost);
  return sent;
}

Result<Outbox::Ticket> BackendLink::send_out_later(std::size_t box, std::vector<std::byte> payload,
                                                   std::function<void(Result<void>)> sent) {
  if (payload.size() > options_.max_message_bytes)
    return fail(Errc::too_large, "a message of " + std::to_string(payload.size()) + " bytes; the limit is " +
                                     std::to_string(options_.max_message_bytes));
  PRONG_TRY(window_.check(Inbox::cost(payload.size())));
  return outbox_->send_in_window(box, header_of_box(box), std::move(payload), std::move(sent));
}

Result<void> BackendLink::take_window(std::size_t box, std::size_t cost, Deadline deadline) {
  PRONG_TRY(window_.check(cost));
  Port& port = connection_.port();
  const bool may_wait =
      options_.when_full == WhenFull::block && !(outbox_ && std::this_thread::get_id() == loop_thread_);
  // Those who came before and wait are not overtaken.
  const bool is_first =
      may_wait || !outbox_ || std::this_thread::get_id() != loop_thread_ || !outbox_->has_waiting(box);
  for (;;) {
    const std::uint64_t seen = port.peer_progress(box);
    if (is_first && window_.try_take(box, cost, seen)) return {};
    if (!may_wait)
      return fail(Errc::overloaded, "the frontend has " + std::to_string(window_.bytes()) +
                                        " bytes of messages that it has not received");
    connection_.prepare_space_wait();
    auto waited = wait([&] { return port.peer_progress(box) != seen; }, deadline);
    connection_.finish_space_wait();
    if (!waited) return std::move(waited).error().with_context("the frontend receives no messages");
  }
}

Result<void> BackendLink::send_control(MessageKind kind, Bytes payload) {
  MessageHeader header;
  header.kind = kind;
  return connection_.send(Lane::control, header, payload, WhenFull::reject, Deadline::never(), {});
}

Result<void> BackendLink::wait(const std::function<bool()>& ready, Deadline deadline) {
  // Of its own: several threads may wait at once, and an edge is told to one sleeper of an epoll only.
  PRONG_TRY_ASSIGN(const os::UniqueFd epoll, watch_edge(connection_.port().descriptor()));
  while (!ready()) {
    if (deadline.has_passed()) return fail(Errc::deadline_exceeded, "no room until the deadline");
    timespec left{};
    const timespec* timeout = nullptr;
    if (!deadline.is_never()) {
      const auto nanoseconds = deadline.remaining().count();
      left.tv_sec = static_cast<time_t>(nanoseconds / 1'000'000'000);
      left.tv_nsec = static_cast<long>(nanoseconds % 1'000'000'000);
      timeout = &left;
    }
    epoll_event event{};
    ::epoll_pwait2(epoll.get(), &event, 1, timeout, nullptr);
  }
  return {};
}

bool BackendLink::work() {
  const bool sent = outbox_ && outbox_->pump();
  if (connection_.port().take_asks() && ask_handler_) ask_handler_();
  if (stop_reached_) return sent;
  const auto count = connection_.receive(
      batch_limit,
      [this](const MessageHeader& header, Bytes payload) {
        handle(header, payload);
        if (stop_asked_ && connection_.port().received(Lane::data) >= stop_position_) stop_reached_ = true;
        return !stop_reached_ && intake() == Intake::all;  // what comes behind a stop stays where it is
      },
      intake());
  if (!count) {
    // The frontend is trusted: this is memory gone wrong, and nothing that follows can be believed.
    broken_ = count.error();
    stop_reached_ = true;
    return true;
  }
  return *count > 0 || sent;
}

void BackendLink::handle(const MessageHeader& header, Bytes payload) {
  if (header.kind == MessageKind::stop) {
    stop_asked_ = true;
    stop_position_ = header.request;
    if (stop_handler_) stop_handler_();
    return;
  }
  handler_(header, payload);
}

void BackendLink::stop() noexcept {
  stop_reached_ = true;
  if (stop_handler_) stop_handler_();
  loop_.touch();
}

Intake BackendLink::intake() const noexcept {
  const bool keeps_much = outbox_ && outbox_->kept_bytes() >= connection_.port().max_record_size(Lane::data);
  return keeps_much ? Intake::control_only : intake_;
}

void BackendLink::set_intake(Intake intake) noexcept {
  intake_ = intake;
  loop_.touch();
}

bool BackendLink::prepare_sleep() {
  Port& port = connection_.port();
  // One that keeps messages goes on after a stop, until they are sent; the others see the stop without a sleep.
  if (stop_reached_) return outbox_ && port.prepare_ask_sleep();
  return intake() == Intake::all ? port.prepare_sleep() : port.prepare_control_sleep();
}

void BackendLink::finish_sleep() {
  connection_.port().finish_sleep();
}

}  // namespace prong::link

#include "prong/link/connection.hpp"

#include <algorithm>

namespace prong::link {
namespace {

using transport::Lane;
using transport::Port;
using transport::Push;

std::chrono::steady_clock::time_point time_point(Deadline deadline) {
  return Deadline::Clock::time_point{std::chrono::nanoseconds{deadline.nanoseconds()}};
}

MessageHeader withdrawal() noexcept {
  MessageHeader header{};
  header.kind = MessageKind::cancel;
  header.flags = MessageFlags::withdrawn;
  header.deadline = Deadline::never().nanoseconds();
  return header;
}

Error impossible_position() {
  return Error{Errc::bad_message, "the peer wrote an impossible ring position"};
}

}  // namespace

Connection::Connection(transport::Port port, Trust peer, std::size_t max_message) noexcept
    : port_{std::move(port)}, peer_{peer}, max_message_{max_message} {}

Result<void> Connection::send(Lane lane, MessageHeader header, Bytes payload, WhenFull when_full, Deadline deadline,
                              const SpaceWait& wait, std::uint64_t epoch) {
  if (payload.size() > max_message_)
    return fail(Errc::too_large, "a message of " + std::to_string(payload.size()) + " bytes; the limit is " +
                                     std::to_string(max_message_));
  SendLane& own = lanes_[lane == Lane::data ? 0 : 1];
  // A continuation may run in the thread that waits for room below: it cannot wait for itself.
  if (own.sender.load(std::memory_order_relaxed) == std::this_thread::get_id())
    return fail(Errc::overloaded, "this thread is waiting for room for another message");
  std::unique_lock lock{own.mutex, std::defer_lock};
  if (!lock.try_lock()) {
    if (deadline.is_never())
      lock.lock();
    else if (!lock.try_lock_until(time_point(deadline)))
      return fail(Errc::deadline_exceeded, "other messages were being sent until the deadline");
  }
  // What was meant for a peer that is gone by now is not for its successor.
  if (epoch != epoch_.load(std::memory_order_relaxed)) return fail(Errc::closed, "the peer was replaced meanwhile");
  own.sender.store(std::this_thread::get_id(), std::memory_order_relaxed);
  auto sent = send_locked(lane, header, payload, when_full, deadline, wait);
  own.sender.store({}, std::memory_order_relaxed);
  if (sent && lane == Lane::data) data_position_.store(port_.sent(Lane::data), std::memory_order_release);
  return sent;
}

Result<Connection::SendersLock> Connection::lock_senders(Deadline deadline) {
  SendersLock lock{{lanes_[0].mutex, std::defer_lock}, {lanes_[1].mutex, std::defer_lock}};
  for (auto* const lane : {&lock.data, &lock.control}) {
    if (deadline.is_never())
      lane->lock();
    else if (!lane->try_lock_until(time_point(deadline)))
      return fail(Errc::deadline_exceeded, "messages were being sent until the deadline");
  }
  return lock;
}

void Connection::replace_port(const SendersLock&, Port port) noexcept {
  const std::lock_guard space{space_mutex_};
  port_ = std::move(port);
  data_position_.store(0, std::memory_order_release);
  unfinished_ = false;
  assembling_ = false;
  assembly_ = {};
  epoch_.fetch_add(1, std::memory_order_release);
}

Result<void> Connection::send_locked(Lane lane, MessageHeader header, Bytes payload, WhenFull when_full,
                                     Deadline deadline, const SpaceWait& wait) {
  if (lane == Lane::data && unfinished_) PRONG_TRY(withdraw_unfinished(when_full, deadline, wait));
  const std::size_t room = port_.max_record_size(lane) - sizeof(MessageHeader);
  header.flags = MessageFlags::none;
  if (payload.size() <= room) {
    header.length = static_cast<std::uint32_t>(payload.size());
    PRONG_TRY(push(lane, header, payload, when_full, deadline, wait));
    if (header.kind == MessageKind::stop) port_.publish_progress(stop_word, 1);
    port_.flush(lane);
    return {};
  }
  if (lane == Lane::control) return fail(Errc::too_large, "a control message is one record");
  while (true) {
    const Bytes part = payload.first(std::min(room, payload.size()));
    payload = payload.subspan(part.size());
    header.flags = payload.empty() ? MessageFlags::none : MessageFlags::more;
    header.length = static_cast<std::uint32_t>(part.size());
    if (auto pushed = push(lane, header, part, unfinished_ ? WhenFull::block : when_full, deadline, wait); !pushed) {
      if (unfinished_) static_cast<void>(withdraw_unfinished(WhenFull::reject, Deadline::now(), wait));
      return pushed;
    }
    unfinished_ = !payload.empty();
    port_.flush(lane);
    if (payload.empty()) return {};
  }
}

Result<bool> Connection::try_send(MessageHeader header, Bytes payload, std::size_t& sent) {
  const std::lock_guard lock{lanes_[0].mutex};
  const std::size_t room = port_.max_record_size(Lane::data) - sizeof(MessageHeader);
  std::byte bytes[sizeof(MessageHeader)];
  do {
    const Bytes rest = payload.subspan(sent);
    const Bytes part = rest.first(std::min(room, rest.size()));
    unfinished_ = part.size() < rest.size();
    header.flags = unfinished_ ? MessageFlags::more : MessageFlags::none;
    header.length = static_cast<std::uint32_t>(part.size());
    write_header(header, bytes);
    const Push pushed = port_.try_send(Lane::data, bytes, part);
    if (pushed == Push::broken) return impossible_position();
    if (pushed == Push::full) {
      unfinished_ = sent > 0;
      return false;
    }
    sent += part.size();
    port_.flush(Lane::data);
  } while (unfinished_);
  data_position_.store(port_.sent(Lane::data), std::memory_order_release);
  return true;
}

Result<bool> Connection::try_withdraw() {
  const std::lock_guard lock{lanes_[0].mutex};
  std::byte bytes[sizeof(MessageHeader)];
  write_header(withdrawal(), bytes);
  const Push pushed = port_.try_send(Lane::data, bytes, {});
  if (pushed == Push::broken) return impossible_position();
  if (pushed == Push::full) return false;
  unfinished_ = false;
  port_.flush(Lane::data);
  return true;
}

Result<void> Connection::withdraw_unfinished(WhenFull when_full, Deadline deadline, const SpaceWait& wait) {
  PRONG_TRY(push(Lane::data, withdrawal(), {}, when_full, deadline, wait));
  unfinished_ = false;
  port_.flush(Lane::data);
  return {};
}

Result<void> Connection::push(Lane lane, const MessageHeader& header, Bytes payload, WhenFull when_full,
                              Deadline deadline, const SpaceWait& wait) {
  std::byte bytes[sizeof(MessageHeader)];
  write_header(header, bytes);
  Push pushed = port_.try_send(lane, bytes, payload);
  if (pushed == Push::done) [[likely]]
    return {};
  port_.flush(lane);
  while (pushed == Push::full) {
    if (when_full == WhenFull::reject) return fail(Errc::overloaded, "the queue to the other side is full");
    prepare_space_wait();
    const std::uint64_t seen = port_.freed(lane);
    pushed = port_.try_send(lane, bytes, payload);
    Result<void> waited{};
    if (pushed == Push::full) waited = wait([&] { return port_.freed(lane) != seen; }, deadline);
    finish_space_wait();
    if (!waited) return std::move(waited).error().with_context("the queue to the other side is full");
    if (pushed == Push::full) pushed = port_.try_send(lane, bytes, payload);
  }
  if (pushed == Push::broken) return impossible_position();
  return {};
}

void Connection::prepare_space_wait() {
  const std::lock_guard lock{space_mutex_};
  ++space_waiters_;
  port_.prepare_space_wait();
}

void Connection::finish_space_wait() {
  const std::lock_guard lock{space_mutex_};
  if (--space_waiters_ == 0) port_.finish_space_wait();
}

Result<std::size_t> Connection::receive(std::size_t limit, const Handler& handler, Intake intake) {
  std::size_t count = 0;
  Step step = Step::received;
  while (count < limit && step != Step::received_last) {
    PRONG_TRY_ASSIGN(step, receive_one(Lane::control, handler));
    if (step == Step::nothing && intake == Intake::all) {
      PRONG_TRY_ASSIGN(step, receive_one(Lane::data, handler));
    }
    if (step == Step::nothing) break;
    ++count;
  }
  port_.release();
  return count;
}

Result<Connection::Step> Connection::receive_one(Lane lane, const Handler& handler) {
  PRONG_TRY_ASSIGN(const auto record, port_.next(lane));
  if (!record) return Step::nothing;
  Bytes bytes = *record;
  if (peer_ == Trust::untrusted) {
    // Copied once; from here on the peer can write to its ring as it likes.
    scratch_.assign(bytes.begin(), bytes.end());
    bytes = scratch_;
  }
  PRONG_TRY_ASSIGN(const MessageHeader header, read_header(bytes));
  const Bytes payload = bytes.subspan(sizeof(MessageHeader));
  if (header.length != payload.size()) return fail(Errc::bad_message, "a header whose length is not its record's");
  if (lane == Lane::control && header.flags != MessageFlags::none)
    return fail(Errc::bad_message, "a fragment on the control lane");
  const bool whole = header.flags == MessageFlags::none && !(lane == Lane::data && assembling_);
  if (!whole) return assemble(header, payload, handler);
  return handler(header, payload) ? Step::received : Step::received_last;
}

Result<Connection::Step> Connection::assemble(const MessageHeader& header, Bytes payload, const Handler& handler) {
  if (header.flags == MessageFlags::withdrawn) {
    if (!assembling_) return fail(Errc::bad_message, "a withdrawal of no message");
    assembling_ = false;
    assembly_ = {};
    return Step::received;
  }
  if (!assembling_) {
    assembling_ = true;
    assembling_request_ = header.request;
    assembly_.clear();
  } else if (header.request != assembling_request_) {
    return fail(Errc::bad_message, "a fragment of another message");
  }
  if (assembly_.size() + payload.size() > max_message_) return fail(Errc::bad_message, "a message above the limit");
  assembly_.insert(assembly_.end(), payload.begin(), payload.end());
  if (header.flags == MessageFlags::more) {
    port_.release();  // the rest may need this very space
    return Step::received;
  }
  // Moved out first: the handler may receive the next message.
  assembling_ = false;
  const std::vector<std::byte> whole = std::exchange(assembly_, {});
  MessageHeader complete = header;
  complete.length = static_cast<std::uint32_t>(whole.size());
  return handler(complete, whole) ? Step::received : Step::received_last;
}

}  // namespace prong::link

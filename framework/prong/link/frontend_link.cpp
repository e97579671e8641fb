#include "prong/link/frontend_link.hpp"

#include "prong/base/contract.hpp"
#include "prong/message/error_codec.hpp"
#include "prong/os/poll.hpp"

#include <sys/epoll.h>

#include <cerrno>
#include <ctime>

namespace prong::link {
namespace {

using transport::Lane;
using transport::Port;
using transport::Segment;
using transport::Side;

constexpr std::uint64_t bell_event = 1;
constexpr std::uint64_t death_event = 2;
constexpr std::size_t batch_limit = 256;

Result<void> add_to_epoll(int epoll, int descriptor, std::uint32_t events, std::uint64_t data) {
  epoll_event event{};
  event.events = events;
  event.data.u64 = data;
  if (::epoll_ctl(epoll, EPOLL_CTL_ADD, descriptor, &event) != 0) return Error::from_errno("epoll_ctl");
  return {};
}

Result<os::UniqueFd> make_epoll(int bell) {
  os::UniqueFd epoll{::epoll_create1(EPOLL_CLOEXEC)};
  if (!epoll) return Error::from_errno("epoll_create1");
  PRONG_TRY(add_to_epoll(epoll.get(), bell, EPOLLIN | EPOLLET, bell_event));
  return epoll;
}

// Takes what is ready off the list, waiting for it until the deadline, and tells whether the peer's death is in it.
bool epoll_finds_death(int epoll, Deadline deadline) {
  epoll_event events[4];
  timespec left{};
  const timespec* timeout = nullptr;
  if (!deadline.is_never()) {
    const auto nanoseconds = deadline.remaining().count();
    left.tv_sec = static_cast<time_t>(nanoseconds / 1'000'000'000);
    left.tv_nsec = static_cast<long>(nanoseconds % 1'000'000'000);
    timeout = &left;
  }
  const int count = ::epoll_pwait2(epoll, events, 4, timeout, nullptr);
  for (int i = 0; i < count; ++i)
    if (events[i].data.u64 == death_event) return true;
  return false;
}

// Makes `error` that of a call which was not sent, so that its handler never runs.
Error of_unsent(Error error) {
  const bool says_it = error.code() == Errc::deadline_exceeded || error.code() == Errc::overloaded;
  return std::move(error).as_outcome(says_it ? error.outcome() : Outcome::not_delivered, false);
}

// Makes `error` that of a call which has it for an answer.
Error of_answer(Error error) {
  const Errc code = error.code();
  const bool says_it = code == Errc::deadline_exceeded || code == Errc::cancelled || code == Errc::outcome_unknown;
  return std::move(error).as_outcome(says_it ? error.outcome() : Outcome::failed, error.may_have_run());
}

}  // namespace

Result<std::unique_ptr<FrontendLink>> FrontendLink::create(std::string name, const LinkOptions& options,
                                                           PeerLife& life) {
  PRONG_TRY_ASSIGN(Segment made, Segment::create("prong:" + name, {.data_bytes = options.ring_bytes}));
  auto segment = std::make_unique<Segment>(std::move(made));
  PRONG_TRY_ASSIGN(Port port, Port::open(*segment, Side::frontend));
  PRONG_TRY_ASSIGN(os::UniqueFd epoll, make_epoll(segment->bell(Side::frontend)));
  return std::unique_ptr<FrontendLink>{
      new FrontendLink{std::move(name), options, life, std::move(segment), std::move(port), std::move(epoll)}};
}

FrontendLink::FrontendLink(std::string name, const LinkOptions& options, PeerLife& life,
                           std::unique_ptr<Segment> segment, Port port, os::UniqueFd epoll)
    : name_{std::move(name)},
      options_{options},
      life_{life},
      segment_{std::move(segment)},
      connection_{std::move(port), Trust::untrusted, options.max_message_bytes},
      replies_{segment_->call_slots()},
      boxes_{Inbox{options.out_window_bytes}, Inbox{options.out_window_bytes}},
      epoll_{std::move(epoll)},
      self_{std::make_shared<Self>()} {
  self_->link = this;
}

FrontendLink::~FrontendLink() {
  detach();
  {
    const std::lock_guard lock{self_->mutex};
    self_->link = nullptr;
  }
  close(Error{Errc::stopped, "process '" + name_ + "' was destroyed"});
}

// --- Sending -------------------------------------------------------------------------------------------------------

Result<void> FrontendLink::send(MessageHeader header, Bytes payload, Deadline deadline) {
  return send_in(connection_.epoch(), header, payload, deadline);
}

Result<void> FrontendLink::send_in(std::uint64_t epoch, MessageHeader header, Bytes payload, Deadline deadline) {
  if (is_closed_.load(std::memory_order_acquire)) return last_end();
  header.deadline = deadline.nanoseconds();
  auto sent = connection_.send(
      Lane::data, header, payload, options_.when_full, deadline,
      [this](const auto& ready, Deadline until) { return wait_for_space(ready, until); }, epoch);
  if (!sent) {
    if (sent.error().code() == Errc::closed) return last_end();
    if (sent.error().code() == Errc::bad_message) life_.peer_is_bad(sent.error());
    return sent;
  }
  sent_.fetch_add(1, std::memory_order_relaxed);
  return sent;
}

Result<void> FrontendLink::send_at_once(const MessageHeader& header, Bytes payload) {
  const std::uint64_t epoch = connection_.epoch();
  if (is_closed_.load(std::memory_order_acquire)) return last_end();
  auto sent = connection_.send(Lane::data, header, payload, WhenFull::reject, Deadline::now(), {}, epoch);
  if (sent) {
    sent_.fetch_add(1, std::memory_order_relaxed);
    return sent;
  }
  switch (sent.error().code()) {
    case Errc::closed: return last_end();
    case Errc::bad_message: life_.peer_is_bad(sent.error()); return sent;
    case Errc::deadline_exceeded: return fail(Errc::overloaded, "another thread is sending");
    default: return sent;
  }
}

Result<void> FrontendLink::try_send(MessageHeader header, Bytes payload) {
  header.deadline = Deadline::never().nanoseconds();
  const std::size_t room = connection_.port().max_record_size(Lane::data) - sizeof(MessageHeader);
  if (payload.size() > room)
    return fail(Errc::too_large, "a message of " + std::to_string(payload.size()) +
                                     " bytes is not sent at once; the limit is " + std::to_string(room));
  auto sent = send_at_once(header, payload);
  const bool full = !sent && sent.error().code() == Errc::overloaded;
  if (!full && !room_asked_.load(std::memory_order_relaxed)) return sent;
  const std::lock_guard lock{box_mutex_};
  if (full && room_epoll_) {
    // Said first, then tried once more: the room that was made meanwhile rings no bell.
    ask_for_room_locked();
    sent = send_at_once(header, payload);
  }
  if (sent) stop_asking_for_room_locked();
  return sent;
}

void FrontendLink::ask_for_room_locked() {
  static_cast<void>(room_event_->clear());
  epoll_finds_death(room_epoll_.get(), Deadline::now());  // the edge of the last bell has been seen now
  if (room_asked_.exchange(true, std::memory_order_relaxed)) connection_.finish_space_wait();
  connection_.prepare_space_wait();
}

void FrontendLink::stop_asking_for_room_locked() noexcept {
  if (!room_asked_.exchange(false, std::memory_order_relaxed)) return;
  connection_.finish_space_wait();
  room_event_->set();
}

Result<int> FrontendLink::room_descriptor() {
  const std::lock_guard lock{box_mutex_};
  if (room_epoll_) return room_epoll_.get();
  PRONG_TRY_ASSIGN(room_event_, os::EventFd::create());
  PRONG_TRY_ASSIGN(os::UniqueFd epoll, make_epoll(connection_.port().descriptor()));
  PRONG_TRY(add_to_epoll(epoll.get(), room_event_->descriptor(), EPOLLIN, bell_event));
  if (const int death = death_descriptor_.load(std::memory_order_acquire); death >= 0)
    PRONG_TRY(add_to_epoll(epoll.get(), death, EPOLLIN, death_event));
  room_event_->set();
  room_epoll_ = std::move(epoll);
  return room_epoll_.get();
}

Result<void> FrontendLink::send_control(MessageHeader header) {
  const std::uint64_t epoch = connection_.epoch();
  if (is_closed_.load(std::memory_order_acquire)) return last_end();
  auto sent = connection_.send(Lane::control, header, {}, WhenFull::reject, Deadline::never(), {}, epoch);
  if (!sent && sent.error().code() == Errc::closed) return last_end();
  return sent;
}

ReplyReference FrontendLink::request(MessageHeader header, Bytes payload, Deadline deadline) {
  ReplyReference reply = make_remote_reply(*this, deadline);
  const std::uint64_t epoch = connection_.epoch();
  if (auto taken = take_slot(reply, deadline); !taken) {
    reply->fail(of_unsent(std::move(taken).error()));
    return reply;
  }
  header.request = reply->request().value();
  // SYNC POINT with is_closed_ store in close: either close() finds the request, or we find the link closed.
  if (is_closed_.load(std::memory_order_seq_cst)) {
    if (const ReplyReference own = replies_.take(reply->request())) own->fail(of_unsent(last_end()));
    return reply;
  }
  if (auto sent = send_in(epoch, header, payload, deadline); !sent) {
    if (const ReplyReference own = replies_.take(reply->request())) own->fail(of_unsent(std::move(sent).error()));
  } else if (!deadline.is_never()) {
    arm_expiry(deadline);
  }
  return reply;
}

Result<void> FrontendLink::take_slot(const ReplyReference& reply, Deadline deadline) {
  if (deadline == Deadline::now()) return fail(Errc::deadline_exceeded, "a call that may take no time is not made");
  if (replies_.try_add(reply)) [[likely]]
    return {};
  if (expiry_has_passed()) expire_passed();
  while (!replies_.try_add(reply)) {
    if (is_closed_.load(std::memory_order_acquire)) return last_end();
    if (options_.when_full == WhenFull::reject)
      return fail(Errc::overloaded, std::to_string(segment_->call_slots()) + " calls are under way");
    PRONG_TRY(wait_for_space([this] { return replies_.has_room(); }, deadline));
  }
  return {};
}

std::size_t FrontendLink::pending() {
  if (expiry_has_passed()) expire_passed();
  return replies_.size();
}

Result<void> FrontendLink::wait_for_space(const std::function<bool()>& ready, Deadline deadline) {
  if (!started_.load(std::memory_order_acquire)) return fail(Errc::overloaded, "nobody takes messages before start()");
  if (wait_core(ready, deadline, -1)) return {};
  if (is_closed_.load(std::memory_order_acquire)) return last_end();
  return fail(Errc::deadline_exceeded, "no room until the deadline");
}

// --- Receiving: the role of the reader -----------------------------------------------------------------------------

void FrontendLink::drive(ReplyState& state, Deadline deadline) {
  if (!started_.load(std::memory_order_acquire)) {
    const auto handler = end_unanswered(
        state, Error{Errc::not_started, "process '" + name_ + "' has not been started: nobody will answer"});
    if (handler) handler();
    return;
  }
  const std::uint64_t closings = closings_.load(std::memory_order_acquire);
  wait_core([&] { return state.ready(); }, deadline, -1);
  // Between the moment when the link is closed and the last pending reply's end, close() does nothing that waits.
  while (!state.ready() && has_closed_since(closings)) std::this_thread::yield();
}

Result<void> FrontendLink::wait_until(const std::function<bool()>& done, Deadline deadline) {
  const std::uint64_t closings = closings_.load(std::memory_order_acquire);
  if (wait_core(done, deadline, -1)) return {};
  if (has_closed_since(closings)) return last_end();
  return fail(Errc::deadline_exceeded, "process '" + name_ + "' took too long");
}

Result<void> FrontendLink::wait_readable(int descriptor, Deadline deadline) {
  const std::uint64_t closings = closings_.load(std::memory_order_acquire);
  if (wait_core([&] { return os::readable(descriptor); }, deadline, descriptor)) return {};
  if (has_closed_since(closings)) return last_end();
  return fail(Errc::deadline_exceeded, "process '" + name_ + "' did not answer in time");
}

Result<void> FrontendLink::wait_closed(Deadline deadline) {
  const std::uint64_t closings = closings_.load(std::memory_order_acquire);
  wait_core([] { return false; }, deadline, -1);
  if (has_closed_since(closings)) return {};
  return fail(Errc::deadline_exceeded, "process '" + name_ + "' has not ended in time");
}

bool FrontendLink::has_closed_since(std::uint64_t closings) const noexcept {
  return is_closed_.load(std::memory_order_acquire) || closings_.load(std::memory_order_acquire) != closings;
}

bool FrontendLink::is_over(const Wait& wait) const noexcept {
  return has_closed_since(wait.closings);
}

Result<std::vector<std::byte>> FrontendLink::receive(Box box, Deadline deadline) {
  const auto number = static_cast<std::size_t>(box);
  const std::uint64_t closings = closings_.load(std::memory_order_acquire);
  auto message = take_message(number);
  if (!message) {
    // The edge that made the descriptor readable has been seen now.
    if (const int box_epoll = box_descriptor_.load(std::memory_order_acquire); box_epoll >= 0)
      epoll_finds_death(box_epoll, Deadline::now());
    wait_core([&] { return !boxes_[number].empty(); }, deadline, -1);
    message = take_message(number);
  }
  if (message) return *std::move(message);
  if (has_closed_since(closings)) return last_end();
  return fail(Errc::deadline_exceeded, "process '" + name_ + "' has sent no message");
}

std::optional<std::vector<std::byte>> FrontendLink::take_message(std::size_t box) {
  const std::lock_guard lock{consumed_mutex_};
  auto message = boxes_[box].pop();
  if (!message) return std::nullopt;
  consumed_[box] += message->cost;
  if (message->cost > 0) connection_.port().publish_progress(box, consumed_[box]);
  return std::move(message->payload);
}

Result<int> FrontendLink::box_descriptor() {
  {
    const std::lock_guard lock{box_mutex_};
    if (box_epoll_) return box_epoll_.get();
    PRONG_TRY_ASSIGN(box_event_, os::EventFd::create());
    PRONG_TRY_ASSIGN(os::UniqueFd epoll, make_epoll(connection_.port().descriptor()));
    PRONG_TRY(add_to_epoll(epoll.get(), box_event_->descriptor(), EPOLLIN, bell_event));
    if (const int death = death_descriptor_.load(std::memory_order_acquire); death >= 0)
      PRONG_TRY(add_to_epoll(epoll.get(), death, EPOLLIN, death_event));
    boxes_[0].signal(*box_event_);
    box_epoll_ = std::move(epoll);
    box_descriptor_.store(box_epoll_.get(), std::memory_order_release);
  }
  // From now on whoever leaves the role of the reader asks for the bell; this makes it so if nobody has it.
  wait_core([] { return false; }, Deadline::now(), -1);
  return box_descriptor_.load(std::memory_order_acquire);
}

bool FrontendLink::wait_core(const std::function<bool()>& done, Deadline deadline, int extra) {
  const Wait wait{done, deadline, extra, closings_.load(std::memory_order_acquire)};
  while (!done()) {
    if (is_over(wait)) break;
    if (take_role()) {
      const bool nested = role_depth_++ > 0;
      read_until(wait);
      --role_depth_;
      if (nested) {
        // This wait was in a handler of the loop, which may have been ready to sleep.
        if (loop::EventLoop* const loop = loop_.load(std::memory_order_acquire)) loop->touch();
        return done();
      }
      leave_role();
      if (deadline.has_passed()) break;
      continue;
    }
    if (extra >= 0)
      poll_beside_reader(wait);
    else
      sleep_beside_reader(wait);
    if (deadline.has_passed()) break;
  }
  // Whoever was chosen to read next and does not need to hands the choice on.
  if (sleeper_count_.load(std::memory_order_relaxed) > 0) promote_one();
  return done();
}

void FrontendLink::sleep_beside_reader(const Wait& wait) {
  std::unique_lock lock{role_mutex_};
  Sleeper self{&wait.done, {}, false, nullptr};
  const auto place = sleepers_.insert(sleepers_.end(), &self);
  sleeper_count_.fetch_add(1, std::memory_order_seq_cst);
  std::atomic_thread_fence(std::memory_order_seq_cst);
  const auto wake = [&] { return self.promoted || !role_taken_ || is_over(wait) || wait.done(); };
  if (wait.deadline.is_never())
    self.wake.wait(lock, wake);
  else
    self.wake.wait_until(lock, Deadline::Clock::time_point{std::chrono::nanoseconds{wait.deadline.nanoseconds()}},
                         wake);
  sleepers_.erase(place);
  sleeper_count_.fetch_sub(1, std::memory_order_relaxed);
}

// As above, for one that also waits for a descriptor: it sleeps in poll(2), on a bell of its own beside it.
void FrontendLink::poll_beside_reader(const Wait& wait) {
  const auto bell = os::EventFd::create();
  Sleeper self{&wait.done, {}, false, bell ? &*bell : nullptr};
  std::list<Sleeper*>::iterator place;
  {
    const std::lock_guard lock{role_mutex_};
    if (!role_taken_ || is_over(wait)) return;
    if (bell) {
      place = sleepers_.insert(sleepers_.end(), &self);
      sleeper_count_.fetch_add(1, std::memory_order_seq_cst);
    }
  }
  std::atomic_thread_fence(std::memory_order_seq_cst);
  // Without a bell, because descriptors ran out, the death still ends the wait; only the role is not taken over.
  pollfd entries[] = {{wait.extra, POLLIN, 0},
                      {death_descriptor_.load(std::memory_order_acquire), POLLIN, 0},
                      {bell ? bell->descriptor() : -1, POLLIN, 0}};
  if (!wait.done()) static_cast<void>(os::poll(entries, wait.deadline));
  if (bell) {
    const std::lock_guard lock{role_mutex_};
    sleepers_.erase(place);
    sleeper_count_.fetch_sub(1, std::memory_order_relaxed);
  }
  // A reader that has not noticed the death yet is about to: give it its turn instead of asking again at once.
  if (entries[1].revents != 0 && !os::readable(wait.extra)) {
    const Deadline soon = Deadline::earlier(wait.deadline, Deadline::after(std::chrono::milliseconds{1}));
    sleep_beside_reader({wait.done, soon, -1, wait.closings});
  }
}

void FrontendLink::promote_one() {
  const std::lock_guard lock{role_mutex_};
  if (role_taken_) return;
  for (Sleeper* const sleeper : sleepers_) {
    sleeper->rouse();
    // What it waits for is there, perhaps by the peer's doing, and nobody has told it: it leaves and reads nothing.
    if ((*sleeper->done)()) continue;
    sleeper->promoted = true;
    return;
  }
}

bool FrontendLink::take_role() {
  const std::lock_guard lock{role_mutex_};
  if (role_taken_) return reader_ == std::this_thread::get_id();
  role_taken_ = true;
  reader_ = std::this_thread::get_id();
  connection_.port().finish_sleep();
  return true;
}

void FrontendLink::leave_role() {
  Port& port = connection_.port();
  // Whoever polls the descriptor of the box must be woken though nobody reads.
  if (box_descriptor_.load(std::memory_order_acquire) >= 0 && !port.prepare_sleep()) port.ring_self();
  {
    const std::lock_guard lock{role_mutex_};
    role_taken_ = false;
    reader_ = {};
  }
  promote_one();
}

void FrontendLink::read_until(const Wait& wait) {
  for (;;) {
    const bool received = receive_batch();
    if (wait.done() || is_over(wait)) return;
    if (role_depth_ == 1 && role_wanted_.load(std::memory_order_acquire)) return;
    if (expiry_has_passed()) {
      expire_passed();
      continue;
    }
    if (received) continue;
    if (wait.deadline.has_passed()) {
      // A peer that has died is noticed even by those who do not wait.
      if (started_.load(std::memory_order_acquire) && epoll_finds_death(epoll_.get(), Deadline::now())) peer_ended();
      return;
    }
    const Deadline expiry = Deadline::from_nanoseconds(expiry_.load(std::memory_order_acquire));
    sleep_as_reader(Deadline::earlier(wait.deadline, expiry), wait.extra);
  }
}

void FrontendLink::sleep_as_reader(Deadline deadline, int extra) {
  Port& port = connection_.port();
  if (!port.prepare_sleep() && !peer_is_bad_) return;
  bool death = false;
  if (extra < 0) {
    death = epoll_finds_death(epoll_.get(), deadline);
  } else {
    pollfd entries[] = {{epoll_.get(), POLLIN, 0}, {extra, POLLIN, 0}};
    static_cast<void>(os::poll(entries, deadline));
    if (entries[0].revents != 0) death = epoll_finds_death(epoll_.get(), Deadline::now());
  }
  port.finish_sleep();
  if (death) peer_ended();
  wake_sleepers();  // those who wait for room learn of it by this bell
}

bool FrontendLink::receive_batch() {
  if (peer_is_bad_) return false;
  const auto count = connection_.receive(batch_limit, [this](const MessageHeader& header, Bytes payload) {
    handle(header, payload);
    return !peer_is_bad_;
  });
  if (!count) {
    peer_is_bad_ = true;
    life_.peer_is_bad(count.error());
  }
  life_.reader_turn();
  if (!count || *count == 0) return false;
  received_.fetch_add(*count, std::memory_order_relaxed);
  wake_sleepers();
  return true;
}

void FrontendLink::handle(const MessageHeader& header, Bytes payload) {
  switch (header.kind) {
    case MessageKind::reply:
    case MessageKind::error_reply: handle_reply(header, payload); return;
    case MessageKind::out:
    case MessageKind::return_out: {
      Inbox& box = boxes_[header.kind == MessageKind::out ? 0 : 1];
      if (auto pushed = box.push({payload.begin(), payload.end()}); !pushed) {
        peer_is_bad_ = true;
        life_.peer_is_bad(pushed.error());
      }
      return;
    }
    case MessageKind::ready:
    case MessageKind::bye:
    case MessageKind::pong: life_.control_message(header, payload); return;
    default: peer_is_bad_ = true; life_.peer_is_bad(Error{Errc::bad_message, "a message that only a frontend sends"});
  }
}

void FrontendLink::handle_reply(const MessageHeader& header, Bytes payload) {
  const RequestNumber request{header.request};
  const ReplyReference reply = replies_.take(request);
  if (!reply) {
    if (replies_.take_late(request)) return;
    peer_is_bad_ = true;
    life_.peer_is_bad(Error{Errc::bad_message, "a reply to no request"});
    return;
  }
  if (header.kind == MessageKind::reply) {
    reply->complete(payload);
    return;
  }
  Error error = decode_error(payload);
  if (error.death() != nullptr) {
    peer_is_bad_ = true;
    error = Error{Errc::bad_message, "process '" + name_ + "' answered that it is dead"};
    life_.peer_is_bad(error);
  }
  reply->fail(of_answer(std::move(error)));
}

void FrontendLink::peer_ended() {
  // What it had sent before is delivered first.
  while (receive_batch()) {
  }
  ::epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, death_descriptor_.load(std::memory_order_acquire), nullptr);
  death_watch_ = {};
  close(life_.peer_gone());
}

void FrontendLink::close(const Error& why) {
  {
    const std::lock_guard lock{role_mutex_};
    if (is_closed_.load(std::memory_order_relaxed)) return;
    closed_ = why;
    closings_.fetch_add(1, std::memory_order_release);
    is_closed_.store(true, std::memory_order_seq_cst);
  }
  // All end before any handler runs: a handler may wait for another one of them.
  std::vector<std::function<void()>> handlers;
  {
    const std::lock_guard lock{calls_mutex_};
    for (const ReplyReference& reply : replies_.take_all()) {
      const bool begun = connection_.port().calls().give_up(reply->request());
      Error error = Error{why}.as_outcome(begun ? Outcome::outcome_unknown : Outcome::not_delivered, begun);
      if (auto handler = reply->fail_quietly(std::move(error))) handlers.push_back(std::move(handler));
    }
  }
  {
    const std::lock_guard lock{role_mutex_};
    for (Sleeper* const sleeper : sleepers_) sleeper->rouse();
    for (auto& handler : take_watchers_locked(&why)) handlers.push_back(std::move(handler));
  }
  for (const auto& handler : handlers) handler();
}

std::optional<Error> FrontendLink::closed() const {
  if (!is_closed_.load(std::memory_order_acquire)) return std::nullopt;
  return last_end();
}

Error FrontendLink::last_end() const {
  const std::lock_guard lock{role_mutex_};
  return *closed_;
}

void FrontendLink::wake_sleepers() {
  // SYNC POINT with the fence in wait_core: either we see the sleeper, or it sees what we did.
  std::atomic_thread_fence(std::memory_order_seq_cst);
  if (sleeper_count_.load(std::memory_order_relaxed) == 0) return;
  std::vector<std::function<void()>> handlers;
  {
    const std::lock_guard lock{role_mutex_};
    for (Sleeper* const sleeper : sleepers_)
      if ((*sleeper->done)()) sleeper->rouse();
    handlers = take_watchers_locked(nullptr);
  }
  for (const auto& handler : handlers) handler();
}

std::vector<std::function<void()>> FrontendLink::take_watchers_locked(const Error* closed) {
  std::vector<std::function<void()>> handlers;
  std::erase_if(watchers_, [&](Watching& one) {
    if (one.done())
      handlers.emplace_back([handler = std::move(one.handler)] { handler(nullptr); });
    else if (closed != nullptr)
      handlers.emplace_back([handler = std::move(one.handler), why = *closed] { handler(&why); });
    else
      return false;
    sleeper_count_.fetch_sub(1, std::memory_order_relaxed);
    return true;
  });
  return handlers;
}

FrontendLink::Watcher FrontendLink::when(std::function<bool()> done, WatchHandler handler) {
  std::optional<Error> closed;
  {
    const std::lock_guard lock{role_mutex_};
    // SYNC POINT with the fence in wake_sleepers: either the reader sees the watcher, or we see what it did.
    sleeper_count_.fetch_add(1, std::memory_order_seq_cst);
    std::atomic_thread_fence(std::memory_order_seq_cst);
    if (!done()) {
      if (!is_closed_.load(std::memory_order_relaxed)) {
        watchers_.push_back({++last_watcher_, std::move(done), std::move(handler)});
        return last_watcher_;
      }
      closed = closed_;
    }
    sleeper_count_.fetch_sub(1, std::memory_order_relaxed);
  }
  handler(closed ? &*closed : nullptr);
  return 0;
}

FrontendLink::Watcher FrontendLink::when_message(Box box, WatchHandler handler) {
  return when([&inbox = boxes_[static_cast<std::size_t>(box)]] { return !inbox.empty(); }, std::move(handler));
}

void FrontendLink::forget(Watcher watcher) noexcept {
  const std::lock_guard lock{role_mutex_};
  const auto forgotten = std::erase_if(watchers_, [&](const Watching& one) { return one.watcher == watcher; });
  sleeper_count_.fetch_sub(forgotten, std::memory_order_relaxed);
}

// --- The peer and the loop -----------------------------------------------------------------------------------------

Result<void> FrontendLink::peer_started(int death_descriptor) {
  PRONG_TRY(add_to_epoll(epoll_.get(), death_descriptor, EPOLLIN, death_event));
  {
    const std::lock_guard lock{box_mutex_};
    for (const os::UniqueFd* const epoll : {&box_epoll_, &room_epoll_})
      if (*epoll) PRONG_TRY(add_to_epoll(epoll->get(), death_descriptor, EPOLLIN, death_event));
    death_descriptor_.store(death_descriptor, std::memory_order_release);
  }
  started_.store(true, std::memory_order_release);
  return watch_peer();
}

Result<void> FrontendLink::watch_peer() {
  loop::EventLoop* const loop = loop_.load(std::memory_order_acquire);
  const int death = death_descriptor_.load(std::memory_order_acquire);
  if (loop == nullptr || death < 0 || is_closed_.load(std::memory_order_acquire)) return {};
  PRONG_TRY_ASSIGN(death_watch_, loop->watch(death, loop::Trigger::level, [this] { peer_ended(); }));
  return {};
}

Result<Segment> FrontendLink::make_segment() const {
  return Segment::create("prong:" + name_, {.data_bytes = options_.ring_bytes});
}

Result<void> FrontendLink::reopen(Segment segment, int death_descriptor, Deadline deadline) {
  loop::EventLoop* const loop = loop_.load(std::memory_order_acquire);
  const auto is_reader = [this] {
    const std::lock_guard lock{role_mutex_};
    return role_taken_ && reader_ == std::this_thread::get_id();
  };
  // The owner knows of the end a moment before the link is closed: another thread is at it.
  if (!is_closed_.load(std::memory_order_acquire) && (is_reader() || !wait_closed(deadline)))
    return fail(Errc::invalid_state, "process '" + name_ + "' still runs");
  if (loop != nullptr && !is_reader()) return reopen_in_loop(*loop, std::move(segment), death_descriptor, deadline);
  if (loop != nullptr) return reopen_as_reader(std::move(segment), death_descriptor, deadline);
  if (is_reader())
    return fail(Errc::invalid_state, "process '" + name_ + "' cannot be restarted by what a wait for it calls");
  // The link is closed: whoever reads is about to leave.
  while (!take_role()) {
    if (deadline.has_passed()) return fail(Errc::deadline_exceeded, "another thread reads from the link");
    std::this_thread::yield();
  }
  ++role_depth_;
  auto reopened = reopen_as_reader(std::move(segment), death_descriptor, deadline);
  --role_depth_;
  leave_role();
  return reopened;
}

Result<void> FrontendLink::reopen_in_loop(loop::EventLoop& loop, Segment segment, int death_descriptor,
                                          Deadline deadline) {
  struct Handover {
    std::mutex mutex;
    std::condition_variable done;
    std::optional<Segment> segment;
    std::optional<Result<void>> outcome;
  };
  const auto handover = std::make_shared<Handover>();
  handover->segment = std::move(segment);
  loop.post([self = self_, handover, death_descriptor, deadline] {
    const std::lock_guard alive{self->mutex};
    const std::lock_guard lock{handover->mutex};
    if (!handover->segment) return;  // nobody waits any more
    handover->outcome = self->link == nullptr
                            ? Result<void>{fail(Errc::stopped, "the process was destroyed")}
                            : self->link->reopen_as_reader(*std::move(handover->segment), death_descriptor, deadline);
    handover->done.notify_one();
  });
  std::unique_lock lock{handover->mutex};
  const auto over = [&] { return handover->outcome.has_value(); };
  if (deadline.is_never())
    handover->done.wait(lock, over);
  else
    handover->done.wait_until(lock, Deadline::Clock::time_point{std::chrono::nanoseconds{deadline.nanoseconds()}},
                              over);
  if (over()) return *handover->outcome;
  handover->segment.reset();
  return fail(Errc::deadline_exceeded, "the loop of process '" + name_ + "' does not run");
}

Result<void> FrontendLink::reopen_as_reader(Segment segment, int death_descriptor, Deadline deadline) {
  auto fresh = std::make_unique<Segment>(std::move(segment));
  PRONG_TRY_ASSIGN(Port port, Port::open(*fresh, Side::frontend));
  PRONG_TRY_ASSIGN(const auto senders, connection_.lock_senders(deadline));
  {
    const std::scoped_lock lock{consumed_mutex_, box_mutex_, calls_mutex_};
    PRONG_TRY(watch_segment(*fresh, death_descriptor));
    connection_.replace_port(senders, std::move(port));
    segment_ = std::move(fresh);
    if (room_asked_.exchange(false, std::memory_order_relaxed)) connection_.finish_space_wait();
    if (room_event_) room_event_->set();
    for (std::size_t box = 0; box < 2; ++box) {
      dropped_.fetch_add(boxes_[box].renew(), std::memory_order_relaxed);
      consumed_[box] = 0;
    }
    death_descriptor_.store(death_descriptor, std::memory_order_release);
  }
  peer_is_bad_ = false;
  life_.peer_replaced();
  started_.store(true, std::memory_order_release);
  is_closed_.store(false, std::memory_order_seq_cst);
  return watch_peer();
}

Result<void> FrontendLink::watch_segment(const Segment& segment, int death_descriptor) {
  const int bell = segment.bell(Side::frontend);
  if (loop::EventLoop* const loop = loop_.load(std::memory_order_acquire)) {
    PRONG_TRY_ASSIGN(bell_watch_, loop->watch(bell, loop::Trigger::edge, [] {}));
  }
  for (const os::UniqueFd* const epoll : {&epoll_, &box_epoll_, &room_epoll_}) {
    if (!*epoll) continue;
    for (const int old : {connection_.port().descriptor(), death_descriptor_.load(std::memory_order_acquire)})
      ::epoll_ctl(epoll->get(), EPOLL_CTL_DEL, old, nullptr);
    PRONG_TRY(add_to_epoll(epoll->get(), bell, EPOLLIN | EPOLLET, bell_event));
    PRONG_TRY(add_to_epoll(epoll->get(), death_descriptor, EPOLLIN, death_event));
  }
  return {};
}

Result<void> FrontendLink::attach(loop::EventLoop& loop) {
  if (loop_.load(std::memory_order_acquire) == &loop) {
    {
      const std::lock_guard lock{role_mutex_};
      if (reader_ == std::this_thread::get_id()) return {};
    }
    detach();  // the loop runs in another thread than before
  }
  {
    const std::lock_guard lock{role_mutex_};
    if (loop_.load(std::memory_order_relaxed) != nullptr || (role_taken_ && reader_ == std::this_thread::get_id()))
      return fail(Errc::invalid_state, "the link has a loop already, or this thread is reading from it");
  }
  // Whoever reads now hands the role over and goes on waiting without it.
  role_wanted_.store(true, std::memory_order_release);
  while (!take_role()) {
    connection_.port().ring_self();
    std::this_thread::yield();
  }
  role_wanted_.store(false, std::memory_order_release);
  ++role_depth_;
  loop.add_source(*this);
  loop_.store(&loop, std::memory_order_release);
  const auto watching = [&]() -> Result<void> {
    PRONG_TRY_ASSIGN(bell_watch_, loop.watch(connection_.port().descriptor(), loop::Trigger::edge, [] {}));
    return watch_peer();
  }();
  if (!watching) {
    detach();
    return watching;
  }
  expire_passed();  // calls that were made before have deadlines, too
  return {};
}

void FrontendLink::detach() noexcept {
  loop::EventLoop* const loop = loop_.exchange(nullptr);
  if (loop == nullptr) return;
  loop->remove_source(*this);
  loop->cancel_timer(std::exchange(expiry_timer_, 0));
  bell_watch_ = {};
  death_watch_ = {};
  --role_depth_;
  leave_role();
}

bool FrontendLink::work() {
  return receive_batch();
}

bool FrontendLink::prepare_sleep() {
  return connection_.port().prepare_sleep() || peer_is_bad_;
}

void FrontendLink::finish_sleep() {
  connection_.port().finish_sleep();
  wake_sleepers();
}

void FrontendLink::arm_expiry(Deadline deadline) {
  std::int64_t armed = expiry_.load(std::memory_order_relaxed);
  do {
    if (armed <= deadline.nanoseconds()) return;
  } while (!expiry_.compare_exchange_weak(armed, deadline.nanoseconds(), std::memory_order_acq_rel));
  loop::EventLoop* const loop = loop_.load(std::memory_order_acquire);
  if (loop == nullptr) {
    rouse_reader();  // it sleeps until the earliest deadline that it knew
  } else {
    loop->post([self = self_, deadline] {
      const std::lock_guard lock{self->mutex};
      if (self->link != nullptr) self->link->set_expiry_timer(deadline);
    });
  }
}

void FrontendLink::set_expiry_timer(Deadline deadline) {
  loop::EventLoop* const loop = loop_.load(std::memory_order_acquire);
  if (loop == nullptr) return;
  loop->cancel_timer(expiry_timer_);
  expiry_timer_ = loop->add_timer(deadline, [this] { expire_passed(); });
}

bool FrontendLink::expiry_has_passed() const noexcept {
  return Deadline::from_nanoseconds(expiry_.load(std::memory_order_acquire)).has_passed();
}

void FrontendLink::expire_passed() {
  // SYNC POINT with expiry_ exchange in arm_expiry: whose deadline is forgotten here is found below.
  expiry_.exchange(INT64_MAX, std::memory_order_acq_rel);
  std::vector<ReplyReference> passed;
  const Deadline next = replies_.find_passed(passed);
  // All end before any handler runs: a handler may wait for another one of them.
  const Error late{Errc::deadline_exceeded, "process '" + name_ + "' did not answer in time"};
  std::vector<std::function<void()>> handlers;
  for (const ReplyReference& reply : passed)
    if (auto handler = end_unanswered(*reply.get(), late)) handlers.push_back(std::move(handler));
  wake_sleepers();
  if (const Deadline due = Deadline::earlier(next, life_.do_due()); !due.is_never()) arm_expiry(due);
  for (const auto& handler : handlers) handler();
}

// --- Calls that end without an answer --------------------------------------------------------------------------------

std::function<void()> FrontendLink::end_unanswered(ReplyState& state, const Error& why) {
  ReplyReference reply;
  bool begun = false;
  {
    const std::lock_guard lock{calls_mutex_};
    if (!replies_.holds(state.request())) return nullptr;
    begun = connection_.port().calls().give_up(state.request());
    // Not before: the slot may be used again from here on.
    reply = replies_.abandon(state.request());
  }
  if (!reply) return nullptr;  // its answer has come meanwhile
  if (begun && why.code() == Errc::deadline_exceeded) life_.call_is_late(reply->request());
  return reply->fail_quietly(begun ? why : of_unsent(why));
}

void FrontendLink::expire(ReplyState& state) {
  const auto handler =
      end_unanswered(state, Error{Errc::deadline_exceeded, "process '" + name_ + "' did not answer in time"});
  if (const Deadline due = life_.do_due(); !due.is_never()) arm_expiry(due);
  if (handler) handler();
}

bool FrontendLink::cancel(ReplyState& state) {
  ReplyReference reply;
  {
    const std::lock_guard lock{calls_mutex_};
    if (!replies_.holds(state.request())) return false;
    transport::CallBoard& calls = connection_.port().calls();
    if (calls.ask_to_end(state.request())) {
      connection_.port().announce_ask();
      return false;  // it runs, or nearly: the backend answers
    }
    static_cast<void>(calls.give_up(state.request()));
    reply = replies_.abandon(state.request());
  }
  if (!reply) return false;
  const Error error{Errc::cancelled, "the call was cancelled before its handler ran"};
  const bool ended = reply->fail(Error{error}.as_outcome(Outcome::cancelled, false));
  // The thread that waits for it may sleep, as the reader or beside it.
  wake_sleepers();
  rouse_reader();
  return ended;
}

void FrontendLink::rouse_reader() {
  const std::lock_guard lock{role_mutex_};
  if (role_taken_ && reader_ != std::this_thread::get_id() && loop_.load(std::memory_order_acquire) == nullptr)
    connection_.port().ring_self();
}

}  // namespace prong::link

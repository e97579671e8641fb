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
  if (auto why = closed()) return *std::move(why);
  header.deadline = deadline.nanoseconds();
  auto sent = connection_.send(Lane::data, header, payload, options_.when_full, deadline,
                               [this](const auto& ready, Deadline until) { return wait_for_space(ready, until); });
  if (!sent) {
    if (sent.error().code() == Errc::bad_message) life_.peer_is_bad(sent.error());
    return sent;
  }
  sent_.fetch_add(1, std::memory_order_relaxed);
  return sent;
}

Result<void> FrontendLink::send_control(MessageHeader header) {
  if (auto why = closed()) return *std::move(why);
  return connection_.send(Lane::control, header, {}, WhenFull::reject, Deadline::never(), {});
}

ReplyReference FrontendLink::request(MessageHeader header, Bytes payload, Deadline deadline) {
  ReplyReference reply = make_remote_reply(*this, deadline);
  header.request = replies_.add(reply);
  // SYNC POINT with is_closed_ store in close: either close() finds the request, or we find the link closed.
  if (is_closed_.load(std::memory_order_seq_cst)) {
    if (const ReplyReference own = replies_.take(header.request)) own->fail(*closed());
    return reply;
  }
  if (auto sent = send(header, payload, deadline); !sent) {
    if (const ReplyReference own = replies_.take(header.request)) own->fail(std::move(sent).error());
  } else if (loop_.load(std::memory_order_acquire) != nullptr && !deadline.is_never()) {
    arm_expiry(deadline);
  }
  return reply;
}

Result<void> FrontendLink::wait_for_space(const std::function<bool()>& ready, Deadline deadline) {
  if (!started_.load(std::memory_order_acquire)) return fail(Errc::overloaded, "nobody takes messages before start()");
  if (wait_core(ready, deadline, -1)) return {};
  if (auto why = closed()) return *std::move(why);
  return fail(Errc::deadline_exceeded, "no room until the deadline");
}

// --- Receiving: the role of the reader -----------------------------------------------------------------------------

void FrontendLink::drive(ReplyState& state, Deadline deadline) {
  if (!started_.load(std::memory_order_acquire)) {
    state.fail(Error{Errc::not_started, "process '" + name_ + "' has not been started: nobody will answer"});
    return;
  }
  wait_core([&] { return state.ready(); }, deadline, -1);
}

bool FrontendLink::wait_until(const std::function<bool()>& done, Deadline deadline) {
  return wait_core(done, deadline, -1);
}

Result<void> FrontendLink::wait_readable(int descriptor, Deadline deadline) {
  if (wait_core([&] { return os::readable(descriptor); }, deadline, descriptor)) return {};
  if (auto why = closed()) return *std::move(why);
  return fail(Errc::deadline_exceeded, "process '" + name_ + "' did not answer in time");
}

Result<void> FrontendLink::wait_closed(Deadline deadline) {
  wait_core([] { return false; }, deadline, -1);
  if (is_closed_.load(std::memory_order_acquire)) return {};
  return fail(Errc::deadline_exceeded, "process '" + name_ + "' has not ended in time");
}

Result<std::vector<std::byte>> FrontendLink::receive(Box box, Deadline deadline) {
  const auto number = static_cast<std::size_t>(box);
  Inbox& inbox = boxes_[number];
  auto payload = inbox.pop();
  if (!payload) {
    // The edge that made the descriptor readable has been seen now.
    if (const int box_epoll = box_descriptor_.load(std::memory_order_acquire); box_epoll >= 0)
      epoll_finds_death(box_epoll, Deadline::now());
    wait_core([&] { return !inbox.empty(); }, deadline, -1);
    payload = inbox.pop();
  }
  if (payload) {
    const std::lock_guard lock{consumed_mutex_};
    consumed_[number] += Inbox::cost(payload->size());
    connection_.port().publish_progress(number, consumed_[number]);
    return *std::move(payload);
  }
  if (auto why = closed()) return *std::move(why);
  return fail(Errc::deadline_exceeded, "process '" + name_ + "' has sent no message");
}

Result<int> FrontendLink::box_descriptor() {
  {
    const std::lock_guard lock{box_mutex_};
    if (box_epoll_) return box_epoll_.get();
    PRONG_TRY_ASSIGN(box_event_, os::EventFd::create());
    PRONG_TRY_ASSIGN(os::UniqueFd epoll, make_epoll(connection_.port().descriptor()));
    PRONG_TRY(add_to_epoll(epoll.get(), box_event_->descriptor(), EPOLLIN, bell_event));
    if (life_.death_descriptor() >= 0)
      PRONG_TRY(add_to_epoll(epoll.get(), life_.death_descriptor(), EPOLLIN, death_event));
    boxes_[0].signal(*box_event_);
    box_epoll_ = std::move(epoll);
    box_descriptor_.store(box_epoll_.get(), std::memory_order_release);
  }
  // From now on whoever leaves the role of the reader asks for the bell; this makes it so if nobody has it.
  wait_core([] { return false; }, Deadline::now(), -1);
  return box_descriptor_.load(std::memory_order_acquire);
}

bool FrontendLink::wait_core(const std::function<bool()>& done, Deadline deadline, int extra) {
  while (!done()) {
    if (is_closed_.load(std::memory_order_acquire)) break;
    if (take_role()) {
      const bool nested = role_depth_++ > 0;
      read_until(done, deadline, extra);
      --role_depth_;
      if (nested) return done();
      leave_role();
      if (deadline.has_passed()) break;
      continue;
    }
    if (extra >= 0)
      poll_beside_reader(done, deadline, extra);
    else
      sleep_beside_reader(done, deadline);
    if (deadline.has_passed()) break;
  }
  // Whoever was chosen to read next and does not need to hands the choice on.
  if (sleeper_count_.load(std::memory_order_relaxed) > 0) promote_one();
  return done();
}

void FrontendLink::sleep_beside_reader(const std::function<bool()>& done, Deadline deadline) {
  std::unique_lock lock{role_mutex_};
  Sleeper self{&done, {}, false, nullptr};
  const auto place = sleepers_.insert(sleepers_.end(), &self);
  sleeper_count_.fetch_add(1, std::memory_order_seq_cst);
  std::atomic_thread_fence(std::memory_order_seq_cst);
  const auto wake = [&] { return self.promoted || !role_taken_ || closed_ || done(); };
  if (deadline.is_never())
    self.wake.wait(lock, wake);
  else
    self.wake.wait_until(lock, Deadline::Clock::time_point{std::chrono::nanoseconds{deadline.nanoseconds()}}, wake);
  sleepers_.erase(place);
  sleeper_count_.fetch_sub(1, std::memory_order_relaxed);
}

// As above, for one that also waits for a descriptor: it sleeps in poll(2), on a bell of its own beside it.
void FrontendLink::poll_beside_reader(const std::function<bool()>& done, Deadline deadline, int extra) {
  const auto bell = os::EventFd::create();
  Sleeper self{&done, {}, false, bell ? &*bell : nullptr};
  std::list<Sleeper*>::iterator place;
  {
    const std::lock_guard lock{role_mutex_};
    if (!role_taken_ || closed_) return;
    if (bell) {
      place = sleepers_.insert(sleepers_.end(), &self);
      sleeper_count_.fetch_add(1, std::memory_order_seq_cst);
    }
  }
  std::atomic_thread_fence(std::memory_order_seq_cst);
  // Without a bell, because descriptors ran out, the death still ends the wait; only the role is not taken over.
  pollfd entries[] = {
      {extra, POLLIN, 0}, {life_.death_descriptor(), POLLIN, 0}, {bell ? bell->descriptor() : -1, POLLIN, 0}};
  if (!done()) static_cast<void>(os::poll(entries, deadline));
  if (bell) {
    const std::lock_guard lock{role_mutex_};
    sleepers_.erase(place);
    sleeper_count_.fetch_sub(1, std::memory_order_relaxed);
  }
  // A reader that has not noticed the death yet is about to: give it its turn instead of asking again at once.
  if (entries[1].revents != 0 && !os::readable(extra))
    sleep_beside_reader(done, Deadline::earlier(deadline, Deadline::after(std::chrono::milliseconds{1})));
}

void FrontendLink::promote_one() {
  const std::lock_guard lock{role_mutex_};
  if (role_taken_) return;
  for (Sleeper* const sleeper : sleepers_) {
    if ((*sleeper->done)()) continue;  // it is about to leave, and was told so
    sleeper->promoted = true;
    sleeper->rouse();
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

void FrontendLink::read_until(const std::function<bool()>& done, Deadline deadline, int extra) {
  for (;;) {
    const bool received = receive_batch();
    if (done() || is_closed_.load(std::memory_order_acquire)) return;
    if (role_depth_ == 1 && role_wanted_.load(std::memory_order_acquire)) return;
    if (received) continue;
    if (deadline.has_passed()) {
      // A peer that has died is noticed even by those who do not wait.
      if (started_.load(std::memory_order_acquire) && epoll_finds_death(epoll_.get(), Deadline::now())) peer_ended();
      return;
    }
    sleep_as_reader(deadline, extra);
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
  const ReplyReference reply = replies_.take(header.request);
  if (!reply) {
    peer_is_bad_ = true;
    life_.peer_is_bad(Error{Errc::bad_message, "a reply to no request"});
    return;
  }
  if (header.kind == MessageKind::reply) {
    reply->complete(payload);
    return;
  }
  reply->fail(decode_error(payload));
}

void FrontendLink::peer_ended() {
  // What it had sent before is delivered first.
  while (receive_batch()) {
  }
  ::epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, life_.death_descriptor(), nullptr);
  death_watch_ = {};
  close(life_.peer_gone());
}

void FrontendLink::close(const Error& why) {
  {
    const std::lock_guard lock{role_mutex_};
    if (closed_) return;
    closed_ = why;
    is_closed_.store(true, std::memory_order_seq_cst);
  }
  for (const ReplyReference& reply : replies_.take_all()) reply->fail(why);
  const std::lock_guard lock{role_mutex_};
  for (Sleeper* const sleeper : sleepers_) sleeper->rouse();
}

std::optional<Error> FrontendLink::closed() const {
  if (!is_closed_.load(std::memory_order_acquire)) return std::nullopt;
  const std::lock_guard lock{role_mutex_};
  return closed_;
}

void FrontendLink::wake_sleepers() {
  // SYNC POINT with the fence in wait_core: either we see the sleeper, or it sees what we did.
  std::atomic_thread_fence(std::memory_order_seq_cst);
  if (sleeper_count_.load(std::memory_order_relaxed) == 0) return;
  const std::lock_guard lock{role_mutex_};
  for (Sleeper* const sleeper : sleepers_)
    if ((*sleeper->done)()) sleeper->rouse();
}

// --- The peer and the loop -----------------------------------------------------------------------------------------

Result<void> FrontendLink::peer_started() {
  PRONG_TRY(add_to_epoll(epoll_.get(), life_.death_descriptor(), EPOLLIN, death_event));
  if (box_epoll_) PRONG_TRY(add_to_epoll(box_epoll_.get(), life_.death_descriptor(), EPOLLIN, death_event));
  started_.store(true, std::memory_order_release);
  return watch_peer();
}

Result<void> FrontendLink::watch_peer() {
  loop::EventLoop* const loop = loop_.load(std::memory_order_acquire);
  if (loop == nullptr || life_.death_descriptor() < 0 || is_closed_.load(std::memory_order_acquire)) return {};
  PRONG_TRY_ASSIGN(death_watch_, loop->watch(life_.death_descriptor(), loop::Trigger::level, [this] { peer_ended(); }));
  return {};
}

Result<void> FrontendLink::attach(loop::EventLoop& loop) {
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
  expire();  // calls that were made before have deadlines, too
  return {};
}

void FrontendLink::detach() noexcept {
  loop::EventLoop* const loop = loop_.exchange(nullptr);
  if (loop == nullptr) return;
  loop->remove_source(*this);
  loop->cancel_timer(std::exchange(expiry_timer_, 0));
  expiry_.store(INT64_MAX, std::memory_order_release);
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
  if (loop::EventLoop* const loop = loop_.load(std::memory_order_acquire)) {
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
  expiry_timer_ = loop->add_timer(deadline, [this] { expire(); });
}

void FrontendLink::expire() {
  expiry_.store(INT64_MAX, std::memory_order_release);
  const Deadline next = replies_.expire("process '" + name_ + "'");
  wake_sleepers();
  if (!next.is_never()) arm_expiry(next);
}

}  // namespace prong::link

#include "prong/process/detail/frontend.hpp"

#include "prong/base/exception.hpp"
#include "prong/log/backend_log.hpp"
#include "prong/message/error_codec.hpp"
#include "prong/os/crash_handler.hpp"
#include "prong/os/inherited.hpp"
#include "prong/os/process_token.hpp"
#include "prong/os/process_tree.hpp"
#include "prong/os/signals.hpp"
#include "prong/process/detail/backend.hpp"
#include "prong/process/detail/process_registry.hpp"
#include "prong/process/detail/spawned.hpp"

#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <iostream>

namespace prong {
namespace {

link::LinkOptions link_options(const ProcessOptions& options) {
  link::LinkOptions result;
  result.ring_bytes = options.queue_bytes;
  result.max_message_bytes = options.max_message_bytes;
  result.out_window_bytes = options.out_queue_bytes;
  result.when_full = options.when_full == QueuePolicy::block ? link::WhenFull::block : link::WhenFull::reject;
  return result;
}

// How long the stacks of backends that do not stop may take, all together.
constexpr std::chrono::milliseconds hang_patience{100};

// Returns the deadline moved forward by `time`, but by half of what is left at most.
Deadline before(Deadline deadline, std::chrono::nanoseconds time) {
  if (deadline.is_never()) return deadline;
  return Deadline::after(deadline.remaining() - std::min(time, deadline.remaining() / 2));
}

}  // namespace

MessageProcess::Frontend::Frontend(MessageProcess& owner, std::string name, const ProcessOptions& options)
    : owner_{owner},
      name_{std::move(name)},
      options_{options},
      token_{os::process_token()},
      parent_pid_{::getpid()},
      late_call_{options.term_grace},
      gate_{std::make_shared<actor::ProxyGate>(static_cast<actor::ProxyTarget&>(*this))} {
  if (detail::is_spawned_backend()) return;  // nobody will use this side of it
  log_ring_ = LogRing::create(name_).value();
  crash_watch_ = detail::CrashWatch::create().value();
  auto link = link::FrontendLink::create(name_, link_options(options), *this);
  if (!link) throw_error(std::move(link).error().with_context("process '" + name_ + "'"));
  link_ = std::move(*link);
  serial_ = detail::register_process(owner);
}

MessageProcess::Frontend::~Frontend() {
  if (serial_ != 0) detail::unregister_process(serial_);
  gate_->shut();
  if (state() == ProcessState::running) {
    Frontend* const self = this;
    static_cast<void>(stop_all({&self, 1}, Deadline::after(std::chrono::seconds{1})));
  }
  if (link_) detach();
  link_.reset();
  close_proxies(Error{Errc::stopped, "process '" + name_ + "' was destroyed"});
}

bool MessageProcess::Frontend::is_of_this_process() const noexcept {
  return os::process_token() == token_;
}

void MessageProcess::Frontend::check_process(const char* member) const {
  if (is_of_this_process()) return;
  throw_error(Error{Errc::wrong_process, std::string{member} + "() of process '" + name_ +
                                             "' is for the process that constructed it, not for a backend"});
}

void MessageProcess::Frontend::require_created() const {
  if (state() != ProcessState::created)
    throw_error(Error{Errc::already_started, "process '" + name_ + "' was started before; make another one"});
}

// --- Birth -----------------------------------------------------------------------------------------------------------

void MessageProcess::Frontend::start() {
  require_created();
  const std::lock_guard one_at_a_time{start_mutex_};
  const detail::BackendSeat seat{link_->segment(), log_ring_->shared_memory(), crash_watch_->shared_memory()};
  ForkServer* const server = ForkServer::current();
  auto life = fork_here(seat);
  if (!life && life.error().code() == Errc::threads_exist && server != nullptr && server->knows(serial_))
    life = fork_by_server(*server, seat, default_deadline());
  if (!life) throw_error(std::move(life).error().with_context("process '" + name_ + "'"));
  begin(std::move(*life));
}

void MessageProcess::Frontend::start_spawned(detail::SpawnRecipe recipe) {
  require_created();
  const std::lock_guard one_at_a_time{start_mutex_};
  spawned_by_ = std::move(recipe);
  ForkServer* const server = ForkServer::current();
  if (server == nullptr)
    throw_error(Error{Errc::not_started, "process '" + name_ + "' cannot be spawned: this program has no fork server"});
  const detail::BackendSeat seat{link_->segment(), log_ring_->shared_memory(), crash_watch_->shared_memory()};
  auto life = fork_by_server(*server, seat, default_deadline());
  if (!life) throw_error(std::move(life).error().with_context("process '" + name_ + "'"));
  begin(std::move(*life));
}

Result<void> MessageProcess::Frontend::restart(Deadline deadline) {
  const std::lock_guard one_at_a_time{start_mutex_};
  if (state() == ProcessState::created) return fail(Errc::not_started, "process '" + name_ + "' has not been started");
  if (state() == ProcessState::running) return fail(Errc::invalid_state, "process '" + name_ + "' still runs");
  PRONG_TRY_ASSIGN(auto segment, link_->make_segment());
  PRONG_TRY_ASSIGN(next_log_ring_, LogRing::create(name_));
  PRONG_TRY_ASSIGN(next_crash_watch_, detail::CrashWatch::create());
  const detail::BackendSeat seat{segment, next_log_ring_->shared_memory(), next_crash_watch_->shared_memory()};
  ForkServer* const server = ForkServer::current();
  auto life = server != nullptr && (spawned_by_ || server->knows(serial_)) ? fork_by_server(*server, seat, deadline)
                                                                           : fork_here(seat);
  if (!life) return std::move(life).error().with_context("process '" + name_ + "'");
  next_life_ = std::move(*life);
  auto reopened = link_->reopen(std::move(segment), next_life_->descriptor(), deadline);
  if (!reopened && next_life_) {
    next_life_->signal(SIGKILL);
    next_life_.reset();  // reaps it
  }
  return reopened;
}

Result<MessageProcess::Frontend::Life> MessageProcess::Frontend::fork_here(const detail::BackendSeat& seat) {
  // What is buffered now would be written by both processes.
  std::cout.flush();
  std::clog.flush();
  std::fflush(nullptr);
  auto child = os::ChildProcess::fork([&] {
    os::lead_process_group();
    os::die_with_parent(parent_pid_);
    const std::vector<int> own = seat.descriptors();
    std::vector<int> kept = owner_.inherited_;
    kept.insert(kept.end(), own.begin(), own.end());
    if (!os::close_all_but_inherited(kept)) return 1;
    return backend_main(seat);
  });
  if (!child) return std::move(child).error();
  // Done by the child, too: whoever comes first. So the group exists before anybody can ask for its end.
  ::setpgid(child->pid(), child->pid());
  if (ForkServer* const server = ForkServer::current()) server->group_begins(child->pid());
  return detail::life_of(std::move(*child));
}

Result<MessageProcess::Frontend::Life> MessageProcess::Frontend::fork_by_server(ForkServer& server,
                                                                                const detail::BackendSeat& seat,
                                                                                Deadline deadline) {
  std::vector<int> inherited = owner_.inherited_;
  if (spawned_by_) inherited.insert(inherited.end(), spawned_by_->descriptors.begin(), spawned_by_->descriptors.end());
  const std::vector<std::byte> payload =
      detail::seat_payload(serial_, seat, inherited, spawned_by_ ? Bytes{spawned_by_->arguments} : Bytes{});
  std::vector<int> descriptors = seat.descriptors();
  descriptors.insert(descriptors.end(), inherited.begin(), inherited.end());
  PRONG_TRY_ASSIGN(auto child, server.launch(spawned_by_ ? spawned_by_->main : &Frontend::served_main, payload,
                                             descriptors, deadline));
  return detail::life_of(std::move(child));
}

void MessageProcess::Frontend::start_in_thread() {
  require_created();
  begin(detail::life_of_thread([this] {
    const int code = owner_.backend_loop(link_->segment(), {});
    owner_.backend_.reset();  // in the thread that its loop belongs to
    return code;
  }));
}

void MessageProcess::Frontend::begin(Life life) {
  const int end = life->descriptor();
  {
    const std::lock_guard lock{mutex_};
    life_ = std::move(life);
  }
  crash_watch()->begins(pid(), options_.limits);
  incarnation_.store(1, std::memory_order_release);
  state_.store(ProcessState::running, std::memory_order_release);
  if (auto started = link_->peer_started(end); !started) throw_error(std::move(started).error());
}

void MessageProcess::Frontend::peer_replaced() {
  log_ring_ = std::move(next_log_ring_);
  {
    const std::lock_guard lock{mutex_};
    former_life_ = std::exchange(life_, std::move(next_life_));
    crash_watch_ = std::move(next_crash_watch_);
    said_bye_ = false;
    bye_error_.reset();
    end_.reset();
    for (auto& proxy : proxies_) former_proxies_.push_back(std::move(proxy));
    proxies_.clear();
  }
  ready_.store(false, std::memory_order_release);
  incarnation_.fetch_add(1, std::memory_order_release);
  crash_watch()->begins(pid(), options_.limits);
  state_.store(ProcessState::running, std::memory_order_release);
  if (restart_handler_) restart_handler_();
}

std::shared_ptr<detail::BackendLife> MessageProcess::Frontend::life() const {
  const std::lock_guard lock{mutex_};
  return life_;
}

std::shared_ptr<detail::CrashWatch> MessageProcess::Frontend::crash_watch() const {
  const std::lock_guard lock{mutex_};
  return crash_watch_;
}

int MessageProcess::Frontend::pid() const {
  const auto now = life();
  return now ? now->pid() : 0;
}

// --- In the process that was forked ----------------------------------------------------------------------------------

int MessageProcess::Frontend::backend_main(const detail::BackendSeat& seat) {
  const int ignored[] = {SIGINT};
  os::reset_signals(std::span{ignored}.first(ignore_sigint_ ? 1 : 0));
  // What this process starts stays below it, however it is started, and ends with it.
  os::become_subreaper();
  os::set_process_name(name_.c_str());
  log_to(seat.log).value();
  os::report_crashes_to(seat.crash).value();
  const int code = owner_.backend_loop(seat.segment, options_.limits);
  // The process leaves by _exit: what the handlers printed goes out now.
  std::cout.flush();
  std::fflush(nullptr);
  return code;
}

int MessageProcess::Frontend::served_main(Bytes payload, std::span<const int> descriptors) {
  const auto taken = detail::take_seat(payload, descriptors);
  MessageProcess* const process = taken ? detail::find_process(taken->serial) : nullptr;
  return process == nullptr ? 1 : process->frontend_->backend_main(taken->seat.seat());
}

// --- Messages --------------------------------------------------------------------------------------------------------

Result<void> MessageProcess::Frontend::wait_ready(Deadline deadline) {
  if (state() == ProcessState::created) return fail(Errc::not_started, "process '" + name_ + "' has not been started");
  auto ready = link_->wait_until([this] { return ready_.load(std::memory_order_acquire); }, deadline);
  if (!ready && ready.error().code() == Errc::deadline_exceeded)
    return fail(Errc::deadline_exceeded, "process '" + name_ + "' did not get ready in time");
  return ready;
}

Result<void> MessageProcess::Frontend::send(const MessageObject& message, Deadline deadline) {
  std::vector<std::byte>& payload = scratch_buffer();
  encode(message, payload);
  return link_->send({.kind = MessageKind::message}, payload, deadline);
}

Result<void> MessageProcess::Frontend::try_send(const MessageObject& message) {
  check_process("try_send");
  std::vector<std::byte>& payload = scratch_buffer();
  encode(message, payload);
  return link_->try_send({.kind = MessageKind::message}, payload);
}

ReplyReference MessageProcess::Frontend::request(const MessageObject& message, Deadline deadline) {
  std::vector<std::byte>& payload = scratch_buffer();
  encode(message, payload);
  return link_->request({.kind = MessageKind::message}, payload, deadline);
}

ReplyReference MessageProcess::Frontend::call(std::uint16_t command, Bytes arguments, Deadline deadline) {
  return link_->request({.kind = MessageKind::call, .command = command}, arguments, deadline);
}

Result<MessageObject> MessageProcess::Frontend::receive(link::Box box, Deadline deadline) {
  PRONG_TRY_ASSIGN(const std::vector<std::byte> payload, link_->receive(box, deadline));
  return decode<MessageObject>(payload);
}

int MessageProcess::Frontend::room_descriptor() {
  check_process("write_fd");
  auto descriptor = link_->room_descriptor();
  if (!descriptor) throw_error(std::move(descriptor).error());
  return *descriptor;
}

int MessageProcess::Frontend::box_descriptor() {
  auto descriptor = link_->box_descriptor();
  if (!descriptor) throw_error(std::move(descriptor).error());
  return *descriptor;
}

Result<void> MessageProcess::Frontend::request_stop() {
  if (state() == ProcessState::created) return fail(Errc::not_started, "process '" + name_ + "' has not been started");
  return link_->send_control({.kind = MessageKind::stop, .request = link_->data_position()});
}

Result<void> MessageProcess::Frontend::ask_alive() {
  if (state() == ProcessState::created) return fail(Errc::not_started, "process '" + name_ + "' has not been started");
  return link_->send_control({.kind = MessageKind::ping});
}

Result<void> MessageProcess::Frontend::wait_stop(Deadline deadline) {
  if (state() == ProcessState::created) return fail(Errc::not_started, "process '" + name_ + "' has not been started");
  PRONG_TRY(link_->wait_closed(deadline));
  const Error why = link_->last_end();
  if (why.code() == Errc::stopped) return {};
  return why;
}

std::vector<Result<void>> MessageProcess::Frontend::stop_all(std::span<Frontend* const> frontends, Deadline deadline) {
  std::vector<Result<void>> outcomes;
  std::chrono::nanoseconds grace{0};
  for (Frontend* const one : frontends) {
    // A link that is closed or a lane that is full is no reason to give up: the waits below decide.
    static_cast<void>(one->request_stop());
    grace = std::max(grace, one->options_.term_grace);
  }
  // Whoever is asked together is waited for together: each wait ends at the same time for all.
  const auto wait_for_all = [&](Deadline until) {
    outcomes.clear();
    for (Frontend* const one : frontends) outcomes.push_back(one->wait_stop(until));
  };
  const auto signal_late_ones = [&](int number) {
    bool any = false;
    const Deadline noted_by = Deadline::after(hang_patience);
    for (std::size_t i = 0; i < frontends.size(); ++i)
      if (!outcomes[i] && outcomes[i].error().code() == Errc::deadline_exceeded) frontends[i]->note_hang(noted_by);
    for (std::size_t i = 0; i < frontends.size(); ++i) {
      if (outcomes[i] || outcomes[i].error().code() != Errc::deadline_exceeded) continue;
      frontends[i]->stop_signal_ = number;
      frontends[i]->end_by(number, DeathCause::deadline, "it did not stop in time");
      any = true;
    }
    return any;
  };
  wait_for_all(before(deadline, grace));
  if (signal_late_ones(SIGTERM)) {
    wait_for_all(deadline);
    // A killed process goes as soon as the kernel lets it; one in an uninterruptible sleep is waited for just so long.
    if (signal_late_ones(SIGKILL)) wait_for_all(Deadline::after(std::chrono::seconds{10}));
  }
  for (std::size_t i = 0; i < frontends.size(); ++i)
    if (const int number = std::exchange(frontends[i]->stop_signal_, 0); number != 0)
      outcomes[i] =
          Error{Errc::deadline_exceeded, "process '" + frontends[i]->name_ + "' did not stop in time and was " +
                                             (number == SIGKILL ? "killed" : "ended by SIGTERM")}
              .with_evidence(frontends[i]->crash_watch()->evidence());
  return outcomes;
}

void MessageProcess::Frontend::note_hang(Deadline deadline) noexcept {
  if (state() != ProcessState::running) return;
  if (const auto now = life()) crash_watch()->note_hang(*now, deadline);
}

void MessageProcess::Frontend::end_by(int number, DeathCause cause, std::string_view why) noexcept {
  if (state() != ProcessState::running) return;
  const auto now = life();
  if (!now) return;
  try {
    crash_watch()->note_order(number, cause, std::string{why});
  } catch (const std::exception&) {
    // Out of memory: the end will look as if somebody else had brought it about.
  }
  now->signal(number);
}

void MessageProcess::Frontend::proxy_kill() {
  end_by(SIGKILL, DeathCause::ended, "an actor sent it an exit message of reason kill");
}

Result<std::chrono::nanoseconds> MessageProcess::Frontend::ping(Deadline deadline) {
  const auto before = Deadline::Clock::now();
  const ReplyReference reply = link_->request({.kind = MessageKind::ping}, {}, deadline);
  Future<void> future{reply, &actor::decode_reply<void>};
  PRONG_TRY(future.result());
  return Deadline::Clock::now() - before;
}

ProcessStatistics MessageProcess::Frontend::statistics() const {
  ProcessStatistics statistics;
  statistics.messages_sent = link_->messages_sent();
  statistics.messages_received = link_->messages_received();
  statistics.calls_pending = link_->pending();
  const std::lock_guard lock{mutex_};
  const os::ResourceUsage usage = end_ || !life_ ? final_usage_ : life_->usage();
  statistics.cpu_time = usage.cpu_time;
  statistics.memory_peak_bytes = usage.memory_peak_bytes;
  return statistics;
}

void MessageProcess::Frontend::attach(loop::EventLoop& loop) {
  if (auto attached = link_->attach(loop); !attached) throw_error(std::move(attached).error());
}

void MessageProcess::Frontend::detach() noexcept {
  if (const auto reader = std::exchange(reader_, nullptr))
    reader->run([this] { link_->detach(); });
  else
    link_->detach();
}

// --- What the reader tells -----------------------------------------------------------------------------------------

Error MessageProcess::Frontend::peer_gone() {
  const auto gone = life();
  const int pid = gone->pid();
  late_call_.forget();
  const auto status = gone->collect();
  if (ForkServer* const server = ForkServer::current()) server->group_ends(pid);
  reader_turn();
  Error why;
  {
    const std::lock_guard lock{mutex_};
    const auto death = [&] {
      return crash_watch_->death({.process = name_,
                                  .pid = pid,
                                  .status = *status,
                                  .parent_died = gone->parent_died(),
                                  .cpu_time = gone->usage().cpu_time},
                                 owner_.commands());
    };
    const bool broke_protocol = crash_watch_->broke_protocol();
    if (!status)
      why = status.error();
    else if (broke_protocol)
      why = death();
    else if (bye_error_)
      why = *bye_error_;
    else if (said_bye_ && status->success())
      why = Error{Errc::stopped, "process '" + name_ + "' has stopped"};
    else
      why = death();
    end_ = why;
    final_usage_ = gone->usage();
  }
  state_.store(ProcessState::ended, std::memory_order_release);
  close_proxies(why);
  if (why.death() != nullptr) {
    const std::string place = crash_watch()->place();
    // Named at the start by the complete class; logger() would ask the object, which may be on its way out.
    owner_.logger_->error("{}{}{}", why.message(), place.empty() ? "" : ": ", place);
  }
  if (observer_.ended) observer_.ended(why);
  return why;
}

void MessageProcess::Frontend::peer_is_bad(const Error& why) {
  end_by(SIGKILL, DeathCause::bad_message, "it broke the protocol: " + why.message());
}

void MessageProcess::Frontend::call_is_late(RequestNumber call) {
  if (options_.when_late == LatePolicy::kill && state() == ProcessState::running) late_call_.begin(call);
}

Deadline MessageProcess::Frontend::do_due() {
  if (options_.when_late != LatePolicy::kill) return Deadline::never();
  return late_call_.act({.running = [this]() -> std::optional<std::uint64_t> {
                           const auto running = crash_watch()->running();
                           return running ? std::optional{running->request} : std::nullopt;
                         },
                         .end = [this](int number) { end_late(number); }});
}

void MessageProcess::Frontend::end_late(int number) noexcept {
  note_hang(Deadline::after(hang_patience));
  end_by(number, DeathCause::deadline, "its handler went on after the deadline of the call");
}

void MessageProcess::Frontend::control_message(const MessageHeader& header, Bytes payload) {
  if (header.kind == MessageKind::ready) {
    if (const int settled = pid(); settled != ::getpid()) crash_watch()->has_settled(settled);
    ready_.store(true, std::memory_order_release);
    if (observer_.ready) observer_.ready();
  }
  if (header.kind == MessageKind::pong && observer_.alive) observer_.alive();
  if (header.kind != MessageKind::bye) return;
  const std::lock_guard lock{mutex_};
  said_bye_ = true;
  if (payload.empty()) return;
  bye_error_ = decode_error(payload);
}

void MessageProcess::Frontend::reader_turn() {
  if (auto drained = log_ring_->drain(); !drained) peer_is_bad(drained.error());
}

// --- Actors of the frontend ----------------------------------------------------------------------------------------

actor::ProxyActor& MessageProcess::Frontend::proxy(caf::actor_system& system) {
  const std::lock_guard one_at_a_time{proxy_mutex_};
  if (!link_->attached()) {
    reader_ = detail::ReaderThread::shared();
    reader_->run([this] { attach(reader_->loop()); });
  }
  std::optional<Error> end;
  actor::ProxyActor* made = nullptr;
  {
    const std::lock_guard lock{mutex_};
    for (const auto& known : proxies_)
      if (known->belongs_to(system)) return *known;
    proxies_.push_back(std::make_unique<actor::ProxyActor>(system, gate_));
    made = proxies_.back().get();
    end = end_;
  }
  if (end) made->close(&*end);
  return *made;
}

void MessageProcess::Frontend::close_proxies(const Error& why) {
  // They stay: handles were given out. Closing one a second time does nothing.
  std::vector<actor::ProxyActor*> proxies;
  {
    const std::lock_guard lock{mutex_};
    for (const auto& proxy : proxies_) proxies.push_back(proxy.get());
  }
  for (actor::ProxyActor* const proxy : proxies) proxy->close(why.code() == Errc::stopped ? nullptr : &why);
}

Result<void> MessageProcess::Frontend::proxy_send(const MessageObject& message) {
  return send(message, default_deadline());
}

void MessageProcess::Frontend::proxy_request(const MessageObject& message, std::function<void(Result<Value>)> done) {
  // The sender's own timeout is CAF's; this process answers, or dies, in any case.
  Future<Value>{request(message, Deadline::never()), &actor::decode_reply<Value>}.then(std::move(done));
}

}  // namespace prong

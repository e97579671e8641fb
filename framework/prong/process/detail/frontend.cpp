#include "prong/process/detail/frontend.hpp"

#include "prong/base/exception.hpp"
#include "prong/message/error_codec.hpp"
#include "prong/os/event_fd.hpp"
#include "prong/os/process_token.hpp"
#include "prong/process/detail/backend.hpp"

#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <iostream>
#include <thread>

namespace prong {
namespace {

LogRing make_log_ring(const std::string& name) {
  LogRing ring = LogRing::create(name).value();
  ring.share_with_children(false).value();
  return ring;
}

link::LinkOptions link_options(const ProcessOptions& options) {
  link::LinkOptions result;
  result.ring_bytes = options.queue_bytes;
  result.max_message_bytes = options.max_message_bytes;
  result.out_window_bytes = options.out_queue_bytes;
  result.when_full = options.when_full == QueuePolicy::block ? link::WhenFull::block : link::WhenFull::reject;
  return result;
}

class ForkedLife final : public BackendLife {
 public:
  explicit ForkedLife(os::ChildProcess child) noexcept : child_{std::move(child)} {}

  int descriptor() const noexcept override { return child_.descriptor(); }
  int pid() const noexcept override { return child_.pid(); }
  Result<os::ExitStatus> collect() override { return child_.wait(Deadline::after(std::chrono::seconds{1})); }
  void kill() noexcept override { static_cast<void>(child_.signal(SIGKILL)); }
  os::ResourceUsage usage() const override { return child_.usage(); }

 private:
  os::ChildProcess child_;
};

// A thread cannot be killed; it can only be asked, by the stop that came before.
class ThreadLife final : public BackendLife {
 public:
  explicit ThreadLife(std::function<int()> main)
      : ended_{os::EventFd::create().value()}, thread_{[this, main = std::move(main)] {
          code_ = main();
          ended_.set();
        }} {}
  ~ThreadLife() override {
    if (thread_.joinable()) thread_.join();
  }

  int descriptor() const noexcept override { return ended_.descriptor(); }
  int pid() const noexcept override { return ::getpid(); }
  Result<os::ExitStatus> collect() override {
    thread_.join();
    return os::ExitStatus{.code = code_, .signal = 0};
  }
  void kill() noexcept override {}
  os::ResourceUsage usage() const override { return {}; }

 private:
  os::EventFd ended_;
  int code_ = 0;
  std::thread thread_;
};

}  // namespace

MessageProcess::Frontend::Frontend(MessageProcess& owner, std::string name, const ProcessOptions& options)
    : owner_{owner},
      name_{std::move(name)},
      options_{options},
      token_{os::process_token()},
      parent_pid_{::getpid()},
      log_ring_{make_log_ring(name_)},
      gate_{std::make_shared<actor::ProxyGate>(static_cast<actor::ProxyTarget&>(*this))} {
  auto link = link::FrontendLink::create(name_, link_options(options), *this);
  if (!link) throw_error(std::move(link).error().with_context("process '" + name_ + "'"));
  link_ = std::move(*link);
}

MessageProcess::Frontend::~Frontend() {
  gate_->shut();
  if (state() == ProcessState::running) static_cast<void>(stop(Deadline::after(std::chrono::seconds{1})));
  detach();
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

void MessageProcess::Frontend::start() {
  require_created();
  // What is buffered now would be written by both processes.
  std::cout.flush();
  std::clog.flush();
  std::fflush(nullptr);
  log_ring_.share_with_children(true).value();
  auto child = os::ChildProcess::fork([this] { return owner_.backend_main(); });
  log_ring_.share_with_children(false).value();
  if (!child) throw_error(std::move(child).error().with_context("process '" + name_ + "'"));
  begin(std::make_unique<ForkedLife>(std::move(*child)));
}

void MessageProcess::Frontend::start_in_thread() {
  require_created();
  begin(std::make_unique<ThreadLife>([this] {
    const int code = owner_.backend_loop();
    owner_.backend_.reset();  // in the thread that its loop belongs to
    return code;
  }));
}

void MessageProcess::Frontend::begin(std::unique_ptr<BackendLife> life) {
  life_ = std::move(life);
  state_.store(ProcessState::running, std::memory_order_release);
  if (auto started = link_->peer_started(); !started) throw_error(std::move(started).error());
}

Result<void> MessageProcess::Frontend::wait_ready(Deadline deadline) {
  if (state() == ProcessState::created) return fail(Errc::not_started, "process '" + name_ + "' has not been started");
  if (link_->wait_until([this] { return ready_.load(std::memory_order_acquire); }, deadline)) return {};
  if (auto why = link_->closed()) return *std::move(why);
  return fail(Errc::deadline_exceeded, "process '" + name_ + "' did not get ready in time");
}

Result<void> MessageProcess::Frontend::send(const MessageObject& message, Deadline deadline) {
  std::vector<std::byte>& payload = scratch_buffer();
  encode(message, payload);
  return link_->send({.kind = MessageKind::message}, payload, deadline);
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

int MessageProcess::Frontend::box_descriptor() {
  auto descriptor = link_->box_descriptor();
  if (!descriptor) throw_error(std::move(descriptor).error());
  return *descriptor;
}

Result<void> MessageProcess::Frontend::request_stop() {
  if (state() == ProcessState::created) return fail(Errc::not_started, "process '" + name_ + "' has not been started");
  return link_->send_control({.kind = MessageKind::stop, .request = link_->data_position()});
}

Result<void> MessageProcess::Frontend::wait_stop(Deadline deadline) {
  if (state() == ProcessState::created) return fail(Errc::not_started, "process '" + name_ + "' has not been started");
  PRONG_TRY(link_->wait_closed(deadline));
  const Error why = *link_->closed();
  if (why.code() == Errc::stopped) return {};
  return why;
}

Result<void> MessageProcess::Frontend::stop(Deadline deadline) {
  if (state() == ProcessState::created) return fail(Errc::not_started, "process '" + name_ + "' has not been started");
  // A link that is closed or a lane that is full is no reason to give up: the wait below decides.
  static_cast<void>(request_stop());
  auto stopped = wait_stop(deadline);
  if (stopped || stopped.error().code() != Errc::deadline_exceeded) return stopped;
  kill();
  // A killed process goes as soon as the kernel lets it; one in an uninterruptible sleep is waited for just so long.
  auto killed = wait_stop(Deadline::after(std::chrono::seconds{10}));
  if (!killed && killed.error().code() == Errc::deadline_exceeded) return killed;
  return fail(Errc::deadline_exceeded, "process '" + name_ + "' did not stop in time and was killed");
}

void MessageProcess::Frontend::kill() noexcept {
  if (state() == ProcessState::running) life_->kill();
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
  const auto status = life_->collect();
  reader_turn();
  Error why;
  {
    const std::lock_guard lock{mutex_};
    if (bad_message_)
      why = *bad_message_;
    else if (!status)
      why = status.error();
    else if (bye_error_)
      why = *bye_error_;
    else if (said_bye_ && status->success())
      why = Error{Errc::stopped, "process '" + name_ + "' has stopped"};
    else
      why = Error::from_death(
          {.process = name_, .pid = life_->pid(), .exit_code = status->code, .signal = status->signal, .command = {}});
    end_ = why;
    final_usage_ = life_->usage();
  }
  state_.store(ProcessState::ended, std::memory_order_release);
  close_proxies(why);
  return why;
}

void MessageProcess::Frontend::peer_is_bad(const Error& why) {
  {
    const std::lock_guard lock{mutex_};
    if (!bad_message_)
      bad_message_ = Error{Errc::bad_message, "process '" + name_ + "' (pid " + std::to_string(life_->pid()) +
                                                  ") broke the protocol and was killed: " + why.message()};
  }
  kill();
}

void MessageProcess::Frontend::control_message(const MessageHeader& header, Bytes payload) {
  if (header.kind == MessageKind::ready) ready_.store(true, std::memory_order_release);
  if (header.kind != MessageKind::bye) return;
  const std::lock_guard lock{mutex_};
  said_bye_ = true;
  if (payload.empty()) return;
  bye_error_ = decode_error(payload);
}

void MessageProcess::Frontend::reader_turn() {
  if (auto drained = log_ring_.drain(); !drained) peer_is_bad(drained.error());
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

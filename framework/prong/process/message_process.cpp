#include "prong/process/message_process.hpp"

#include "prong/base/exception.hpp"
#include "prong/base/type_name.hpp"
#include "prong/process/detail/backend.hpp"
#include "prong/process/detail/frontend.hpp"

#include <csignal>

namespace prong {
// --- Pipe ------------------------------------------------------------------------------------------------------------

Result<MessageObject> Pipe::receive(Deadline deadline) {
  process_->frontend_->check_process("pipe().receive");
  return process_->frontend_->receive(link::Box::out, deadline);
}

Result<std::optional<MessageObject>> Pipe::try_receive() {
  auto message = receive(Deadline::now());
  if (message) return std::optional{std::move(*message)};
  if (message.error().code() == Errc::deadline_exceeded) return std::optional<MessageObject>{};
  return std::move(message).error();
}

int Pipe::descriptor() {
  process_->frontend_->check_process("pipe().descriptor");
  return process_->frontend_->box_descriptor();
}

// --- Frontend --------------------------------------------------------------------------------------------------------

MessageProcess::MessageProcess(std::string name, ProcessOptions options)
    : frontend_{std::make_unique<Frontend>(*this, std::move(name), options)} {
  command<&MessageProcess::c__ping>("ping", "lis"_a = std::vector<int>{});
}

MessageProcess::~MessageProcess() {
  if (frontend_->is_of_this_process()) {
    frontend_.reset();  // stops the backend, which in a test may be a thread of this process
    return;
  }
  // In a process that was forked from the one that made it, all that is left of it is memory that is nobody's.
  static_cast<void>(frontend_.release());
  static_cast<void>(backend_.release());
}

const std::string& MessageProcess::name() const noexcept {
  return frontend_->name();
}

void MessageProcess::ignore_sigint() {
  frontend_->check_process("ignore_sigint");
  if (state() != ProcessState::created)
    throw_error(Error{Errc::already_started, "ignore_sigint() comes before start()"});
  frontend_->ignore_sigint();
}

void MessageProcess::inherit(int descriptor) {
  frontend_->check_process("inherit");
  if (state() != ProcessState::created) throw_error(Error{Errc::already_started, "inherit() comes before start()"});
  inherited_.push_back(descriptor);
}

void MessageProcess::start() {
  frontend_->check_process("start");
  static_cast<void>(logger());  // named by the complete class, before there are two of it
  frontend_->start();
}

Result<void> MessageProcess::restart(Deadline deadline) {
  frontend_->check_process("restart");
  return frontend_->restart(deadline);
}

std::uint64_t MessageProcess::incarnation() const noexcept {
  return frontend_->incarnation();
}

ProcessState MessageProcess::state() const noexcept {
  return frontend_->state();
}

int MessageProcess::pid() const noexcept {
  return frontend_->pid();
}

Result<void> MessageProcess::wait_ready(Deadline deadline) {
  frontend_->check_process("wait_ready");
  return frontend_->wait_ready(deadline);
}

void MessageProcess::send_message_to_back(const MessageObject& message) {
  if (auto sent = try_send_message_to_back(message, default_deadline()); !sent) throw_error(std::move(sent).error());
}

Result<void> MessageProcess::try_send_message_to_back(const MessageObject& message, Deadline deadline) {
  frontend_->check_process("send_message_to_back");
  return frontend_->send(message, deadline);
}

Future<Value> MessageProcess::request(const MessageObject& message) {
  return request(message, default_deadline());
}

Future<Value> MessageProcess::request(const MessageObject& message, Deadline deadline) {
  frontend_->check_process("request");
  return Future<Value>{frontend_->request(message, deadline), &actor::decode_reply<Value>};
}

Result<MessageObject> MessageProcess::return_from_back(Deadline deadline) {
  frontend_->check_process("return_from_back");
  return frontend_->receive(link::Box::return_out, deadline);
}

void MessageProcess::request_stop() {
  frontend_->check_process("request_stop");
  // A backend that has ended needs no request; before start() there is nobody to ask.
  if (auto asked = frontend_->request_stop(); !asked && asked.error().code() == Errc::not_started)
    throw_error(std::move(asked).error());
}

Result<void> MessageProcess::wait_stop(Deadline deadline) {
  frontend_->check_process("wait_stop");
  return frontend_->wait_stop(deadline);
}

Result<void> MessageProcess::stop(Deadline deadline) {
  MessageProcess* const self = this;
  return std::move(stop_all({&self, 1}, deadline).front());
}

std::vector<Result<void>> MessageProcess::stop_all(std::span<MessageProcess* const> processes, Deadline deadline) {
  std::vector<Frontend*> frontends;
  for (MessageProcess* const process : processes) {
    process->frontend_->check_process("stop");
    frontends.push_back(process->frontend_.get());
  }
  return Frontend::stop_all(frontends, deadline);
}

Result<void> MessageProcess::stop() {
  return stop(default_deadline());
}

void MessageProcess::terminate() noexcept {
  frontend_->end_by(SIGTERM, DeathCause::ended, "terminate() was called");
}

void MessageProcess::kill() noexcept {
  frontend_->end_by(SIGKILL, DeathCause::ended, "kill() was called");
}

void MessageProcess::send_ping(const std::vector<int>& lis) {
  send_message_to_back({"ping", {{"lis", lis}}});
}

Result<std::chrono::nanoseconds> MessageProcess::ping(Deadline deadline) {
  frontend_->check_process("ping");
  return frontend_->ping(deadline);
}

void MessageProcess::observe(ProcessObserver observer) {
  frontend_->check_process("observe");
  frontend_->observe(std::move(observer));
}

Result<void> MessageProcess::ask_alive() {
  frontend_->check_process("ask_alive");
  return frontend_->ask_alive();
}

ProcessStatistics MessageProcess::statistics() const {
  return frontend_->statistics();
}

void MessageProcess::format_logger(LogLevel level) {
  logger().set_level(level);
}

void MessageProcess::attach(loop::EventLoop& loop) {
  frontend_->check_process("attach");
  frontend_->attach(loop);
}

void MessageProcess::detach() noexcept {
  frontend_->detach();
}

actor::ProxyActor& MessageProcess::proxy(caf::actor_system& system) {
  frontend_->check_process("actor");
  return frontend_->proxy(system);
}

Result<void> MessageProcess::wait_readable(int descriptor, Deadline deadline) {
  frontend_->check_process("wait_readable");
  return frontend_->link().wait_readable(descriptor, deadline);
}

Logger& MessageProcess::logger() {
  // While constructors run the object is not yet of its class: what is asked for then is not kept for later.
  const std::string wanted = short_type_name(typeid(*this)) + "." + name();
  if (!logger_ || logger_->name() != wanted) {
    auto renamed = std::make_unique<Logger>(wanted);
    if (logger_) renamed->set_level(logger_->level());
    logger_ = std::move(renamed);
  }
  return *logger_;
}

void MessageProcess::on_restart(std::function<void()> handler) {
  frontend_->on_restart(std::move(handler));
}

void MessageProcess::add_command(actor::Command command) {
  PRONG_EXPECT(frontend_->state() == ProcessState::created, "commands are declared before start(), for both sides");
  commands_.add(std::move(command));
}

const actor::CommandTable& MessageProcess::commands() const noexcept {
  return commands_;
}

Deadline MessageProcess::default_deadline() const noexcept {
  return frontend_->default_deadline();
}

std::vector<std::byte>& MessageProcess::scratch_buffer() noexcept {
  thread_local std::vector<std::byte> buffer;
  buffer.clear();
  return buffer;
}

ReplyReference MessageProcess::send_call(std::uint16_t command, Bytes arguments, Deadline deadline) {
  frontend_->check_process("call");
  return frontend_->call(command, arguments, deadline);
}

// --- Backend ---------------------------------------------------------------------------------------------------------

std::unique_ptr<detail::BackendExtension> MessageProcess::make_extension(Backend&) {
  return nullptr;
}

link::Sending MessageProcess::backend_sending() const noexcept {
  return link::Sending::waits;
}

int MessageProcess::backend_loop(const transport::Segment& segment, const os::ResourceLimits& limits) {
  backend_ = std::make_unique<Backend>(*this, segment, frontend_->options(), name());
  return backend_->live(limits);
}

void MessageProcess::start_in_thread() {
  frontend_->check_process("start_in_thread");
  static_cast<void>(logger());
  frontend_->start_in_thread();
}

void MessageProcess::run() {
  while (!stopping()) read_pipes(Deadline::never());
}

void MessageProcess::read_pipes(Deadline deadline) {
  if (auto turn = backend_->loop().run_once(deadline); !turn) throw_error(std::move(turn).error());
}

int MessageProcess::intercom_descriptor() {
  return backend_->loop().descriptor();
}

bool MessageProcess::handle_intercom() {
  read_pipes_now();
  return stopping() || backend_->loop().arm();
}

void MessageProcess::read_pipes_now() {
  for (;;) {
    auto turn = backend_->loop().run_once(Deadline::now());
    if (!turn) throw_error(std::move(turn).error());
    if (!*turn || stopping()) return;
  }
}

void MessageProcess::watch(int descriptor, std::function<void()> handler) {
  backend_->watch(descriptor, std::move(handler));
}

void MessageProcess::unwatch(int descriptor) {
  backend_->unwatch(descriptor);
}

bool MessageProcess::stopping() const noexcept {
  return backend_ && backend_->link().stopping();
}

bool MessageProcess::stop_requested() const noexcept {
  return backend_ && backend_->link().stop_requested();
}

CancelToken MessageProcess::cancel_token() const noexcept {
  return backend_ ? backend_->cancel_token() : CancelToken{};
}

void MessageProcess::stop_backend() noexcept {
  backend_->link().stop();
}

void MessageProcess::send_out(const MessageObject& message) {
  backend_->send_out(0, message);
}

void MessageProcess::return_out(const MessageObject& message) {
  backend_->send_out(1, message);
}

loop::EventLoop& MessageProcess::loop() {
  return backend_->loop();
}

void MessageProcess::c__ping(const std::vector<int>& lis) {
  send_out({"pong", {{"lis", lis}}});
}

}  // namespace prong

#include "prong/context/main_context.hpp"

#include "prong/base/contract.hpp"
#include "prong/base/exception.hpp"
#include "prong/base/type_name.hpp"
#include "prong/loop/event_loop.hpp"
#include "prong/os/event_fd.hpp"
#include "prong/os/threads.hpp"
#include "prong/process/fork_server.hpp"
#include "prong/supervise/supervisor.hpp"

#include <sys/signalfd.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <exception>
#include <map>
#include <optional>
#include <thread>

namespace prong {
namespace {

// SIGINT and SIGTERM as a descriptor, with the mask as it was put back at the end.
class StopSignals {
 public:
  StopSignals() {
    ::sigemptyset(&wanted_);
    ::sigaddset(&wanted_, SIGINT);
    ::sigaddset(&wanted_, SIGTERM);
    ::pthread_sigmask(SIG_BLOCK, &wanted_, &before_);
    descriptor_ = os::UniqueFd{::signalfd(-1, &wanted_, SFD_NONBLOCK | SFD_CLOEXEC)};
    if (!descriptor_) throw_error(Error::from_errno("signalfd"));
  }
  ~StopSignals() {
    // One that came after the last look would end the program by its default action, in the middle of an orderly end.
    static_cast<void>(take());
    ::pthread_sigmask(SIG_SETMASK, &before_, nullptr);
  }
  StopSignals(const StopSignals&) = delete;
  StopSignals& operator=(const StopSignals&) = delete;

  [[nodiscard]] int descriptor() const noexcept { return descriptor_.get(); }
  [[nodiscard]] int take() const noexcept {
    signalfd_siginfo info{};
    return ::read(descriptor_.get(), &info, sizeof info) == sizeof info ? static_cast<int>(info.ssi_signo) : 0;
  }

 private:
  sigset_t wanted_{};
  sigset_t before_{};
  os::UniqueFd descriptor_;
};

struct Managed {
  MessageProcess* process = nullptr;
  std::function<void(const MessageObject&)> on_message;
  std::function<void(Result<void>)> on_end;
  loop::Watch watch;
  bool attached = false;
};

}  // namespace

class MainContext::Implementation {
 public:
  Implementation() : loop_{loop::EventLoop::create().value()}, stop_event_{os::EventFd::create().value()} {
    stop_epoll_ = loop::EventLoop::create().value();
    stop_event_in_epoll_ = stop_epoll_->watch(stop_event_.descriptor(), loop::Trigger::level, [] {}).value();
    stop_watch_ = loop_->watch(stop_event_.descriptor(), loop::Trigger::edge, [] {}).value();
  }

  Managed& managed(MessageProcess& process) {
    const auto found =
        std::find_if(processes_.begin(), processes_.end(), [&](const auto& one) { return one->process == &process; });
    PRONG_EXPECT(found != processes_.end(), "manage() comes first");
    return **found;
  }

  void attach_all() {
    for (const auto& one : processes_) {
      if (one->attached || one->process->state() == ProcessState::created) continue;
      one->process->attach(*loop_);
      one->attached = true;
      watch_pipe(*one);
      one->process->on_restart([this, managed = one.get()] { watch_pipe(*managed); });
    }
  }
  void watch_pipe(Managed& one) {
    one.watch =
        loop_->watch(one.process->pipe().descriptor(), loop::Trigger::level, [this, &one] { receive(one); }).value();
  }
  void detach_all() noexcept {
    for (const auto& one : processes_) {
      one->watch = {};
      if (!std::exchange(one->attached, false)) continue;
      one->process->on_restart(nullptr);
      one->process->detach();
    }
  }

  void receive(Managed& one) {
    for (;;) {
      auto message = one.process->pipe().try_receive();
      if (message && !*message) return;
      if (message) {
        if (one.on_message) one.on_message(**message);
        continue;
      }
      one.watch = {};
      const Error& why = message.error();
      if (one.on_end) one.on_end(why.code() == Errc::stopped ? Result<void>{} : Result<void>{why});
      return;
    }
  }

  void repeat(std::chrono::nanoseconds interval, std::function<void()> handler) {
    loop_->add_timer(Deadline::after(interval), [this, interval, handler = std::move(handler)] {
      handler();
      repeat(interval, handler);
    });
  }

  // A signal is a stop like any other from the moment somebody looks.
  bool stopping() {
    if (signals_) {
      if (const int number = signals_->take(); number != 0) {
        stop_signal_ = number;
        stop_event_.set();
      }
    }
    return stop_event_.is_set();
  }

  void stop_on_signals() {
    if (signals_) return;
    signals_.emplace();
    signal_in_epoll_ = stop_epoll_->watch(signals_->descriptor(), loop::Trigger::level, [] {}).value();
    signal_watch_ = loop_->watch(signals_->descriptor(), loop::Trigger::level, [this] { stopping(); }).value();
  }
  void leave_signals() noexcept {
    signal_watch_ = {};
    signal_in_epoll_ = {};
    signals_.reset();
  }

  bool run_until(const std::function<bool()>& done, Deadline deadline) {
    attach_all();
    while (!done()) {
      if (deadline.has_passed()) return false;
      auto turn = loop_->run_once(deadline);
      if (!turn) throw_error(std::move(turn).error());
    }
    return true;
  }

  void stop_all(Deadline deadline, const Logger& logger) {
    // First, for what they look after would be restarted; all of them together.
    for (Supervisor* const supervisor : supervisors_) supervisor->request_stop();
    for (Supervisor* const supervisor : supervisors_)
      if (auto stopped = supervisor->stop(deadline); !stopped) logger.warning("{}", stopped.error().message());
    std::vector<MessageProcess*> started;
    for (const auto& one : processes_)
      if (one->process->state() != ProcessState::created) started.push_back(one->process);
    for (const auto& stopped : MessageProcess::stop_all(started, deadline))
      if (!stopped && stopped.error().code() == Errc::deadline_exceeded)
        logger.warning("{}", stopped.error().message());
  }

  // Between the processes, which the snapshot shall have, and the threads.
  void make_fork_server() {
    if (ForkServer::current() != nullptr || !os::require_single_thread("a fork server")) return;
    fork_server_ = std::make_unique<ForkServer>();
    fork_server_watch_ =
        loop_->watch(fork_server_->descriptor(), loop::Trigger::level, [this] { fork_server_event(); }).value();
  }
  void fork_server_event() {
    fork_server_->handle_events();
    if (!fork_server_->alive()) fork_server_watch_ = {};
  }
  void end_fork_server() noexcept {
    fork_server_watch_ = {};
    fork_server_.reset();
  }

  std::unique_ptr<loop::EventLoop> loop_;
  os::EventFd stop_event_;
  loop::Watch stop_watch_;
  std::vector<std::unique_ptr<Managed>> processes_;
  std::vector<Supervisor*> supervisors_;
  std::unique_ptr<ForkServer> fork_server_;
  loop::Watch fork_server_watch_;
  std::map<int, loop::Watch> watches_;
  std::optional<StopSignals> signals_;
  loop::Watch signal_watch_;
  std::unique_ptr<loop::EventLoop> stop_epoll_;  // for its descriptor: readable by a stop and by a signal
  loop::Watch stop_event_in_epoll_;
  loop::Watch signal_in_epoll_;
  int stop_signal_ = 0;
  bool open_ = false;
  std::thread thread_;
  int thread_code_ = 0;
  std::exception_ptr thread_exception_;
  std::unique_ptr<Logger> logger_;
};

MainContext::MainContext() : implementation_{std::make_unique<Implementation>()} {}

MainContext::~MainContext() {
  PRONG_EXPECT(!implementation_->thread_.joinable(), "stop_thread() comes before the end of a context that runs");
}

void MainContext::start() {
  implementation_->open_ = true;
  static_cast<void>(logger());
  start_processes();
  implementation_->make_fork_server();
  start_threads();
}

int MainContext::run() {
  try {
    start();
  } catch (...) {
    close_once();
    throw;
  }
  return loop_and_close();
}

int MainContext::loop_and_close() {
  int code = 0;
  try {
    code = main_loop();
  } catch (...) {
    close_once();
    throw;
  }
  close_once();
  return code;
}

void MainContext::close_once() {
  if (!std::exchange(implementation_->open_, false)) return;
  implementation_->detach_all();
  close();
  implementation_->end_fork_server();
  implementation_->leave_signals();
}

void MainContext::run_as_thread() {
  PRONG_EXPECT(!implementation_->thread_.joinable(), "a context runs once at a time");
  try {
    start();
  } catch (...) {
    close_once();
    throw;
  }
  implementation_->thread_ = std::thread{[this] {
    try {
      implementation_->thread_code_ = loop_and_close();
    } catch (...) {
      implementation_->thread_exception_ = std::current_exception();
    }
  }};
}

int MainContext::stop_thread() {
  stop();
  implementation_->thread_.join();
  if (const auto thrown = std::exchange(implementation_->thread_exception_, nullptr)) std::rethrow_exception(thrown);
  return implementation_->thread_code_;
}

void MainContext::stop() noexcept {
  implementation_->stop_event_.set();
}

bool MainContext::stopping() const {
  return implementation_->stopping();
}

int MainContext::main_loop() {
  run_until([this] { return stopping(); }, Deadline::never());
  return 0;
}

bool MainContext::run_until(const std::function<bool()>& done, Deadline deadline) {
  return implementation_->run_until(done, deadline);
}

void MainContext::close() {
  implementation_->stop_all(Deadline::after(close_deadline()), logger());
}

void MainContext::manage(MessageProcess& process) {
  process.ignore_sigint();
  auto managed = std::make_unique<Managed>();
  managed->process = &process;
  implementation_->processes_.push_back(std::move(managed));
}

void MainContext::manage(Supervisor& supervisor) {
  implementation_->supervisors_.push_back(&supervisor);
}

void MainContext::on_message(MessageProcess& process, std::function<void(const MessageObject&)> handler) {
  implementation_->managed(process).on_message = std::move(handler);
}

void MainContext::on_end(MessageProcess& process, std::function<void(Result<void>)> handler) {
  implementation_->managed(process).on_end = std::move(handler);
}

void MainContext::every(std::chrono::nanoseconds interval, std::function<void()> handler) {
  PRONG_EXPECT(interval.count() > 0, "an interval is longer than nothing");
  implementation_->repeat(interval, std::move(handler));
}

void MainContext::watch(int descriptor, std::function<void()> handler) {
  implementation_->watches_.erase(descriptor);
  implementation_->watches_.emplace(
      descriptor, implementation_->loop_->watch(descriptor, loop::Trigger::level, std::move(handler)).value());
}

void MainContext::unwatch(int descriptor) noexcept {
  implementation_->watches_.erase(descriptor);
}

void MainContext::stop_on_signals() {
  implementation_->stop_on_signals();
}

int MainContext::stop_signal() const noexcept {
  return implementation_->stop_signal_;
}

int MainContext::stop_descriptor() const noexcept {
  return implementation_->stop_epoll_->descriptor();
}

loop::EventLoop& MainContext::loop() noexcept {
  return *implementation_->loop_;
}

Logger& MainContext::logger() {
  const std::string wanted = short_type_name(typeid(*this));
  if (!implementation_->logger_ || implementation_->logger_->name() != wanted)
    implementation_->logger_ = std::make_unique<Logger>(wanted);
  return *implementation_->logger_;
}

void MainContext::format_logger(LogLevel level) {
  logger().set_level(level);
}

}  // namespace prong

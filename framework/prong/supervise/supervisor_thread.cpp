#include "prong/supervise/supervisor_thread.hpp"

#include "prong/base/contract.hpp"
#include "prong/os/threads.hpp"
#include "prong/process/fork_server.hpp"

#include <pthread.h>

#include <future>

namespace prong {

SupervisorThread::SupervisorThread(SupervisorSpec spec)
    : loop_{loop::EventLoop::create().value()}, supervisor_{std::move(spec), *loop_} {}

SupervisorThread::~SupervisorThread() {
  static_cast<void>(stop(Deadline::after(std::chrono::seconds{1})));
}

Result<void> SupervisorThread::start(Deadline deadline) {
  if (thread_.joinable())
    return fail(Errc::already_started, "supervisor '" + supervisor_.name() + "' has its thread already");
  make_fork_server();
  std::promise<Result<void>> ready;
  thread_ = std::thread{[&ready, this, deadline] {
    ::pthread_setname_np(::pthread_self(), "prong-supervise");
    Result<void> started = supervisor_.start();
    if (started) started = supervisor_.wait_ready(deadline);
    ready.set_value(std::move(started));  // `ready` is gone from here on
    static_cast<void>(loop_->run());
    stopped_ = supervisor_.stop(stop_until_);
  }};
  Result<void> outcome = ready.get_future().get();
  if (!outcome) static_cast<void>(stop(Deadline::after(std::chrono::seconds{1})));
  return outcome;
}

void SupervisorThread::make_fork_server() {
  if (supervisor_.looks_after_processes() && ForkServer::current() == nullptr &&
      os::require_single_thread("a fork server"))
    fork_server_ = std::make_unique<ForkServer>();
}

void SupervisorThread::run_there(const std::function<void(Supervisor&)>& work) {
  PRONG_EXPECT(thread_.joinable(), "the thread has been started");
  std::promise<void> done;
  loop_->post([&] {
    try {
      work(supervisor_);
      done.set_value();
    } catch (...) {
      done.set_exception(std::current_exception());
    }
  });
  done.get_future().get();
}

Result<void> SupervisorThread::stop(Deadline deadline) {
  if (!thread_.joinable()) return {};
  PRONG_EXPECT(thread_.get_id() != std::this_thread::get_id(), "a supervisor's thread does not stop itself");
  stop_until_ = deadline;
  loop_->stop();
  thread_.join();
  fork_server_.reset();
  return stopped_;
}

}  // namespace prong

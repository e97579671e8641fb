#include "prong/process/detail/reader_thread.hpp"

#include "prong/base/contract.hpp"
#include "prong/base/exception.hpp"

#include <pthread.h>

#include <future>
#include <mutex>

namespace prong::detail {

std::shared_ptr<ReaderThread> ReaderThread::shared() {
  static std::mutex mutex;
  static std::weak_ptr<ReaderThread> current;
  const std::lock_guard lock{mutex};
  if (auto thread = current.lock()) return thread;
  auto loop = loop::EventLoop::create();
  if (!loop) throw_error(std::move(loop).error());
  const std::shared_ptr<ReaderThread> thread{new ReaderThread{std::move(*loop)}};
  current = thread;
  return thread;
}

ReaderThread::ReaderThread(std::unique_ptr<loop::EventLoop> loop)
    : loop_{std::move(loop)}, thread_{[this] {
        ::pthread_setname_np(::pthread_self(), "prong-reader");
        static_cast<void>(loop_->run());
      }} {}

ReaderThread::~ReaderThread() {
  PRONG_EXPECT(thread_.get_id() != std::this_thread::get_id(),
               "a process is not destroyed in a continuation of its own");
  loop_->stop();
  thread_.join();
}

void ReaderThread::run(const std::function<void()>& work) {
  if (thread_.get_id() == std::this_thread::get_id()) {
    work();
    return;
  }
  std::promise<void> done;
  loop_->post([&] {
    try {
      work();
      done.set_value();
    } catch (...) {
      done.set_exception(std::current_exception());
    }
  });
  done.get_future().get();
}

}  // namespace prong::detail

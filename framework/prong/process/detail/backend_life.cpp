#include "prong/process/detail/backend_life.hpp"

#include "prong/os/event_fd.hpp"
#include "prong/os/process_tree.hpp"

#include <unistd.h>

#include <csignal>
#include <iterator>
#include <mutex>
#include <thread>
#include <vector>

namespace prong::detail {
namespace {

constexpr std::chrono::seconds patience{1};

class ForkedLife final : public BackendLife {
 public:
  explicit ForkedLife(os::ChildProcess child) noexcept : child_{std::move(child)} {}

  int descriptor() const noexcept override { return child_.descriptor(); }
  int pid() const noexcept override { return child_.pid(); }
  Result<os::ExitStatus> collect() override {
    const std::lock_guard lock{mutex_};
    // Until it is reaped its number is its own, and so is that of the group it led.
    if (child_.exists()) os::kill_group(child_.pid());
    os::kill_all(descendants_);
    descendants_.clear();
    return child_.wait(Deadline::after(patience));
  }
  void signal(int number) noexcept override {
    const std::lock_guard lock{mutex_};
    if (!child_.exists()) return;
    if (number == SIGKILL) static_cast<void>(child_.signal(SIGSTOP));  // so that it starts nothing more meanwhile
    if (number == SIGKILL || number == SIGTERM) remember_descendants();
    static_cast<void>(child_.signal(number));
  }
  os::ResourceUsage usage() const override { return child_.usage(); }

 private:
  // Once it is gone nobody can tell any more who was started by it and has left its group.
  void remember_descendants() noexcept {
    try {
      auto found = os::open_descendants(child_.pid());
      std::move(found.begin(), found.end(), std::back_inserter(descendants_));
    } catch (const std::exception&) {
      return;  // out of memory: its group ends all the same
    }
  }

  os::ChildProcess child_;
  std::mutex mutex_;  // the number of what is not reaped is its own
  std::vector<os::UniqueFd> descendants_;
};

class ServedLife final : public BackendLife {
 public:
  explicit ServedLife(ServedProcess child) noexcept : child_{std::move(child)} {}

  int descriptor() const noexcept override { return child_.descriptor(); }
  int pid() const noexcept override { return child_.pid(); }
  Result<os::ExitStatus> collect() override { return child_.wait(Deadline::after(patience)); }
  bool parent_died() const noexcept override { return child_.server_died(); }
  void signal(int number) noexcept override { static_cast<void>(child_.signal(number)); }
  os::ResourceUsage usage() const override { return child_.usage(); }

 private:
  ServedProcess child_;
};

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
  void signal(int) noexcept override {}
  os::ResourceUsage usage() const override { return {}; }

 private:
  os::EventFd ended_;
  int code_ = 0;
  std::thread thread_;
};

}  // namespace

std::unique_ptr<BackendLife> life_of(os::ChildProcess child) {
  return std::make_unique<ForkedLife>(std::move(child));
}

std::unique_ptr<BackendLife> life_of(ServedProcess child) {
  return std::make_unique<ServedLife>(std::move(child));
}

std::unique_ptr<BackendLife> life_of_thread(std::function<int()> main) {
  return std::make_unique<ThreadLife>(std::move(main));
}

}  // namespace prong::detail

#include "prong/process/detail/backend_life.hpp"

#include "prong/os/event_fd.hpp"
#include "prong/os/process_tree.hpp"

#include <unistd.h>

#include <thread>

namespace prong::detail {
namespace {

constexpr std::chrono::seconds patience{1};

class ForkedLife final : public BackendLife {
 public:
  explicit ForkedLife(os::ChildProcess child) noexcept : child_{std::move(child)} {}

  int descriptor() const noexcept override { return child_.descriptor(); }
  int pid() const noexcept override { return child_.pid(); }
  Result<os::ExitStatus> collect() override {
    // Until it is reaped its number is its own, and so is that of the group it led.
    if (child_.exists()) os::kill_group(child_.pid());
    return child_.wait(Deadline::after(patience));
  }
  void signal(int number) noexcept override { static_cast<void>(child_.signal(number)); }
  os::ResourceUsage usage() const override { return child_.usage(); }

 private:
  os::ChildProcess child_;
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

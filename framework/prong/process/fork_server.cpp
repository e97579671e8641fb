#include "prong/process/fork_server.hpp"

#include "prong/base/exception.hpp"
#include "prong/log/logger.hpp"
#include "prong/os/inherited.hpp"
#include "prong/os/poll.hpp"
#include "prong/os/process_token.hpp"
#include "prong/os/process_tree.hpp"
#include "prong/os/shared_memory.hpp"
#include "prong/os/signals.hpp"
#include "prong/os/threads.hpp"
#include "prong/process/detail/fork_keeper.hpp"
#include "prong/process/detail/process_registry.hpp"
#include "prong/process/message_process.hpp"

#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <csignal>
#include <cstdio>
#include <iostream>
#include <mutex>

namespace prong {
namespace {

using transport::DescriptorSocket;

std::atomic<ForkServer*> the_server{nullptr};

// What a terminal or a service manager sends to all: the program decides what it means for its processes.
constexpr int left_to_the_program[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT};

// A request that was taken by a worker that died of something else is sent once more, so often.
constexpr int attempts = 3;

int keeper_main(detail::ForkKeeper::Sockets sockets, pid_t program, std::set<pid_t> groups,
                std::vector<int> descriptors) {
  os::reset_signals(left_to_the_program);
  os::lead_process_group();
  os::become_subreaper();
  os::set_process_name("prong-keeper");
  auto end = os::open_pidfd(program);
  // Gone between the fork and the line above: its number may be somebody else's.
  if (!end || ::getppid() != program) return 1;
  descriptors.insert(descriptors.end(), {sockets.requests.descriptor(), sockets.program.descriptor(), end->get()});
  if (!os::close_all_but_inherited(descriptors)) return 1;
  return detail::ForkKeeper{std::move(sockets), std::move(*end), std::move(groups)}.run();
}

}  // namespace

class ForkServer::Implementation {
 public:
  Implementation() : token_{os::process_token()}, snapshot_{detail::last_process_serial()} {
    auto [requests, worker_end] = DescriptorSocket::pair().value();
    auto [keeper, program_end] = DescriptorSocket::pair().value();
    requests_ = std::move(requests);
    keeper_ = std::move(keeper);
    detail::ForkKeeper::Sockets sockets{std::move(worker_end), std::move(program_end)};
    std::set<pid_t> groups;
    std::vector<int> descriptors;
    for (const MessageProcess* const process : detail::registered_processes()) {
      if (process->state() == ProcessState::running) groups.insert(process->pid());
      const auto& own = process->inherited_;
      descriptors.insert(descriptors.end(), own.begin(), own.end());
    }
    // What is buffered now would be written by every process that is forked from the copy.
    std::cout.flush();
    std::clog.flush();
    std::fflush(nullptr);
    const pid_t program = ::getpid();
    keeper_process_ = os::ChildProcess::fork([&] {
                        requests_.close();
                        keeper_.close();
                        the_server.store(nullptr, std::memory_order_relaxed);
                        return keeper_main(std::move(sockets), program, std::move(groups), std::move(descriptors));
                      }).value();
    // Only then is it known that there is one; it takes as long as a fork.
    os::wait_readable(keeper_.descriptor(), Deadline::after(std::chrono::seconds{10})).value();
    handle_events();
    if (worker_ == 0) throw_error(Error{Errc::system, "the fork server did not start"});
  }

  void end() noexcept {
    requests_.close();
    keeper_.close();
    static_cast<void>(keeper_process_.wait(Deadline::after(std::chrono::seconds{10})));
  }

  Result<ServedProcess> launch(Bytes packet, std::span<int> descriptors, Deadline deadline) {
    for (int attempt = 1;; ++attempt) {
      PRONG_TRY_ASSIGN(auto ends, DescriptorSocket::pair());
      descriptors[0] = ends.second.descriptor();
      PRONG_TRY(requests_.send(packet, descriptors, deadline));
      ends.second.close();
      auto answer = ends.first.receive(deadline);
      handle_events();
      if (answer) return process_of(*answer, std::move(ends.first));
      if (answer.error().code() != Errc::closed || attempt == attempts)
        return std::move(answer).error().with_context("the fork server did not start the process");
    }
  }

  static Result<ServedProcess> process_of(transport::Packet& answer, DescriptorSocket lifeline) {
    PRONG_TRY_ASSIGN(const auto report, detail::message_in<detail::LifeReport>(answer.bytes));
    if (report.kind == detail::LifeReport::Kind::refused && report.error == 0)
      return fail(Errc::invalid_argument,
                  "the fork server cannot call this function: its code was loaded after the server was started");
    if (report.kind == detail::LifeReport::Kind::refused) {
      errno = report.error;
      return Error::from_errno("fork");
    }
    if (report.kind != detail::LifeReport::Kind::started || answer.descriptors.size() != 1)
      return fail(Errc::malformed, "an answer of the fork server that makes no sense");
    return ServedProcess{report.pid, std::move(answer.descriptors.front()), std::move(lifeline)};
  }

  void handle_events() {
    const std::lock_guard lock{mutex_};
    for (;;) {
      const auto packet = keeper_.receive(Deadline::now());
      if (!packet) {
        if (packet.error().code() == Errc::closed && !std::exchange(gone_, true))
          logger_.error("the fork server was ended from outside: nothing can be started any more");
        return;
      }
      const auto event = detail::message_in<detail::KeeperEvent>(packet->bytes);
      if (event) handle(*event);
    }
  }

  void handle(const detail::KeeperEvent& event) {
    if (event.kind == detail::KeeperEvent::Kind::worker_started) {
      if (statistics_.deaths > 0) logger_.warning("another fork server has taken over: pid {}", event.pid);
      worker_ = event.pid;
      return;
    }
    ++statistics_.deaths;
    worker_ = 0;
    logger_.error("the fork server (pid {}) died by {}; the processes it had started ended with it", event.pid,
                  os::to_string({.code = event.exit_code, .signal = event.signal}));
  }

  const std::uint64_t token_;
  const std::uint64_t snapshot_;
  DescriptorSocket requests_;
  DescriptorSocket keeper_;
  os::ChildProcess keeper_process_;
  Logger logger_{"ForkServer"};
  std::mutex mutex_;  // guards what follows
  pid_t worker_ = 0;
  bool gone_ = false;
  Statistics statistics_;
};

ForkServer::ForkServer() {
  if (current() != nullptr) throw_error(Error{Errc::already_started, "this program has a fork server"});
  if (auto single = os::require_single_thread("a fork server"); !single) throw_error(std::move(single).error());
  implementation_ = std::make_unique<Implementation>();
  the_server.store(this, std::memory_order_release);
}

ForkServer::~ForkServer() {
  if (os::process_token() != implementation_->token_) {
    // In a process that was forked from the one that made it: not ours to end.
    static_cast<void>(implementation_.release());
    return;
  }
  the_server.store(nullptr, std::memory_order_release);
  implementation_->end();
}

ForkServer* ForkServer::current() noexcept {
  ForkServer* const server = the_server.load(std::memory_order_acquire);
  return server != nullptr && server->implementation_->token_ == os::process_token() ? server : nullptr;
}

Result<ServedProcess> ForkServer::launch(ServedMain main, Bytes payload, std::span<const int> descriptors,
                                         Deadline deadline) {
  detail::StartRequest request{.main = main, .payload_size = payload.size()};
  std::vector<int> numbers{-1};  // the place of the lifeline
  std::optional<os::SharedMemory> elsewhere;
  if (payload.size() > DescriptorSocket::max_bytes - sizeof request) {
    PRONG_TRY_ASSIGN(elsewhere, os::SharedMemory::create("prong-payload", payload.size()));
    PRONG_TRY_ASSIGN(const os::Mapping mapping, elsewhere->map(os::Access::read_write));
    std::copy(payload.begin(), payload.end(), mapping.data());
    numbers.push_back(elsewhere->descriptor());
    request.payload_is_elsewhere = 1;
    payload = {};
  }
  numbers.insert(numbers.end(), descriptors.begin(), descriptors.end());
  const Bytes head = detail::bytes_of(request);
  std::vector<std::byte> packet{head.begin(), head.end()};
  packet.insert(packet.end(), payload.begin(), payload.end());
  auto started = implementation_->launch(packet, numbers, deadline);
  if (started) {
    const std::lock_guard lock{implementation_->mutex_};
    ++implementation_->statistics_.started;
  }
  return started;
}

pid_t ForkServer::pid() const {
  implementation_->handle_events();
  const std::lock_guard lock{implementation_->mutex_};
  return implementation_->worker_;
}

ForkServer::Statistics ForkServer::statistics() const {
  implementation_->handle_events();
  const std::lock_guard lock{implementation_->mutex_};
  return implementation_->statistics_;
}

bool ForkServer::alive() const {
  implementation_->handle_events();
  const std::lock_guard lock{implementation_->mutex_};
  return !implementation_->gone_;
}

int ForkServer::descriptor() const noexcept {
  return implementation_->keeper_.descriptor();
}

void ForkServer::handle_events() {
  implementation_->handle_events();
}

bool ForkServer::knows(std::uint64_t serial) const noexcept {
  return serial <= implementation_->snapshot_;
}

void ForkServer::group_begins(pid_t leader) noexcept {
  const detail::KeeperRequest request{.kind = detail::KeeperRequest::Kind::group_begins, .leader = leader};
  static_cast<void>(implementation_->keeper_.send(detail::bytes_of(request), {}, Deadline::now()));
}

void ForkServer::group_ends(pid_t leader) noexcept {
  const detail::KeeperRequest request{.kind = detail::KeeperRequest::Kind::group_ends, .leader = leader};
  static_cast<void>(implementation_->keeper_.send(detail::bytes_of(request), {}, Deadline::now()));
}

}  // namespace prong

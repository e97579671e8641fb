// What a MessageProcess keeps in the process that constructed it.
#pragma once

#include "prong/actor/proxy_actor.hpp"
#include "prong/link/frontend_link.hpp"
#include "prong/log/log_ring.hpp"
#include "prong/os/child_process.hpp"
#include "prong/process/detail/reader_thread.hpp"
#include "prong/process/message_process.hpp"

#include <mutex>

namespace prong {

/// The life of a backend: a forked process, or a thread of this one where a test wants to look inside.
class BackendLife {
 public:
  virtual ~BackendLife() = default;
  /// Returns the descriptor that is readable once the backend has ended.
  [[nodiscard]] virtual int descriptor() const noexcept = 0;
  [[nodiscard]] virtual int pid() const noexcept = 0;
  /// Requires: descriptor() is readable. Fails with: system.
  [[nodiscard]] virtual Result<os::ExitStatus> collect() = 0;
  virtual void kill() noexcept = 0;
  [[nodiscard]] virtual os::ResourceUsage usage() const = 0;
};

class MessageProcess::Frontend final : private link::PeerLife, private actor::ProxyTarget {
 public:
  /// Throws Exception: size_invalid, system.
  Frontend(MessageProcess& owner, std::string name, const ProcessOptions& options);
  ~Frontend() override;

  /// Throws wrong_process where this is not the process that made the object.
  void check_process(const char* member) const;
  void start();
  void start_in_thread();
  Result<void> wait_ready(Deadline deadline);
  Result<void> send(const MessageObject& message, Deadline deadline);
  ReplyReference request(const MessageObject& message, Deadline deadline);
  ReplyReference call(std::uint16_t command, Bytes arguments, Deadline deadline);
  Result<MessageObject> receive(link::Box box, Deadline deadline);
  int box_descriptor();
  Result<void> request_stop();
  Result<void> wait_stop(Deadline deadline);
  Result<void> stop(Deadline deadline);
  void kill() noexcept;
  Result<std::chrono::nanoseconds> ping(Deadline deadline);
  ProcessStatistics statistics() const;
  void attach(loop::EventLoop& loop);
  void detach() noexcept;
  /// Returns the proxy of this process in `system`; it lives as long as this object.
  actor::ProxyActor& proxy(caf::actor_system& system);

  [[nodiscard]] link::FrontendLink& link() noexcept { return *link_; }
  [[nodiscard]] LogRing& log_ring() noexcept { return log_ring_; }
  [[nodiscard]] const std::string& name() const noexcept { return name_; }
  [[nodiscard]] const ProcessOptions& options() const noexcept { return options_; }
  [[nodiscard]] ProcessState state() const noexcept { return state_.load(std::memory_order_acquire); }
  [[nodiscard]] bool is_of_this_process() const noexcept;
  [[nodiscard]] int parent_pid() const noexcept { return parent_pid_; }
  [[nodiscard]] int pid() const noexcept { return life_ ? life_->pid() : 0; }
  [[nodiscard]] bool ignores_sigint() const noexcept { return ignore_sigint_; }
  void ignore_sigint() noexcept { ignore_sigint_ = true; }
  [[nodiscard]] Deadline default_deadline() const noexcept { return Deadline::after(options_.default_deadline); }

 private:
  int death_descriptor() const noexcept override { return life_ ? life_->descriptor() : -1; }
  Error peer_gone() override;
  void peer_is_bad(const Error& why) override;
  void control_message(const MessageHeader& header, Bytes payload) override;
  void reader_turn() override;

  Result<void> proxy_send(const MessageObject& message) override;
  void proxy_request(const MessageObject& message, std::function<void(Result<Value>)> done) override;
  void proxy_stop() override { static_cast<void>(request_stop()); }
  void proxy_kill() override { kill(); }
  void close_proxies(const Error& why);
  void begin(std::unique_ptr<BackendLife> life);
  void require_created() const;

  MessageProcess& owner_;
  const std::string name_;
  const ProcessOptions options_;
  const std::uint64_t token_;
  const int parent_pid_;
  bool ignore_sigint_ = false;
  std::unique_ptr<BackendLife> life_;
  std::atomic<ProcessState> state_{ProcessState::created};
  LogRing log_ring_;
  std::unique_ptr<link::FrontendLink> link_;

  mutable std::mutex mutex_;  // guards what follows
  std::atomic<bool> ready_{false};
  bool said_bye_ = false;
  std::optional<Error> bye_error_;
  std::optional<Error> bad_message_;
  std::optional<Error> end_;
  os::ResourceUsage final_usage_;

  std::mutex proxy_mutex_;
  std::shared_ptr<actor::ProxyGate> gate_;
  std::vector<std::unique_ptr<actor::ProxyActor>> proxies_;
  std::shared_ptr<detail::ReaderThread> reader_;
};

}  // namespace prong

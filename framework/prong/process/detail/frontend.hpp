// What a MessageProcess keeps in the process that constructed it.
#pragma once

#include "prong/actor/proxy_actor.hpp"
#include "prong/link/frontend_link.hpp"
#include "prong/log/log_ring.hpp"
#include "prong/process/detail/backend_life.hpp"
#include "prong/process/detail/backend_seat.hpp"
#include "prong/process/detail/crash_watch.hpp"
#include "prong/process/detail/late_call.hpp"
#include "prong/process/detail/reader_thread.hpp"
#include "prong/process/fork_server.hpp"
#include "prong/process/message_process.hpp"
#include "prong/process/spawn.hpp"

#include <memory>
#include <mutex>
#include <optional>
#include <vector>

namespace prong {

class MessageProcess::Frontend final : private link::PeerLife, private actor::ProxyTarget {
 public:
  /// Throws Exception: size_invalid, system.
  Frontend(MessageProcess& owner, std::string name, const ProcessOptions& options);
  ~Frontend() override;

  /// Throws wrong_process where this is not the process that made the object.
  void check_process(const char* member) const;
  void start();
  void start_in_thread();
  /// Starts a process that no copy of this program knows.
  void start_spawned(detail::SpawnRecipe recipe);
  Result<void> restart(Deadline deadline);
  Result<void> wait_ready(Deadline deadline);
  Result<void> send(const MessageObject& message, Deadline deadline);
  Result<void> try_send(const MessageObject& message);
  ReplyReference request(const MessageObject& message, Deadline deadline);
  ReplyReference call(std::uint16_t command, Bytes arguments, Deadline deadline);
  Result<MessageObject> receive(link::Box box, Deadline deadline);
  int box_descriptor();
  int room_descriptor();
  Result<void> request_stop();
  Result<void> wait_stop(Deadline deadline);
  /// Asks all to stop, then waits for all, and so on: the time of one is that of any number.
  static std::vector<Result<void>> stop_all(std::span<Frontend* const> frontends, Deadline deadline);
  /// Sends the backend `number` to end it, and remembers why.
  void end_by(int number, DeathCause cause, std::string_view why) noexcept;
  Result<std::chrono::nanoseconds> ping(Deadline deadline);
  ProcessStatistics statistics() const;
  void attach(loop::EventLoop& loop);
  void detach() noexcept;
  /// Returns the proxy of this process in `system`; it lives as long as this object.
  actor::ProxyActor& proxy(caf::actor_system& system);

  [[nodiscard]] link::FrontendLink& link() noexcept { return *link_; }
  /// Runs the backend, in the process that was forked for it. Returns the exit code.
  int backend_main(const detail::BackendSeat& seat);
  [[nodiscard]] const std::string& name() const noexcept { return name_; }
  [[nodiscard]] const ProcessOptions& options() const noexcept { return options_; }
  [[nodiscard]] ProcessState state() const noexcept { return state_.load(std::memory_order_acquire); }
  [[nodiscard]] bool is_of_this_process() const noexcept;
  [[nodiscard]] int pid() const;
  [[nodiscard]] bool is_ready() const noexcept { return ready_.load(std::memory_order_acquire); }
  [[nodiscard]] std::uint64_t incarnation() const noexcept { return incarnation_.load(std::memory_order_acquire); }
  /// Has `handler` called after each restart, in the thread that reads. Requires: nothing reads meanwhile, or this
  /// thread does.
  void on_restart(std::function<void()> handler) { restart_handler_ = std::move(handler); }
  /// Requires: as on_restart().
  void observe(ProcessObserver observer) { observer_ = std::move(observer); }
  Result<void> ask_alive();
  void ignore_sigint() noexcept { ignore_sigint_ = true; }
  [[nodiscard]] Deadline default_deadline() const noexcept { return Deadline::after(options_.default_deadline); }

 private:
  Error peer_gone() override;
  void peer_replaced() override;
  void peer_is_bad(const Error& why) override;
  void control_message(const MessageHeader& header, Bytes payload) override;
  void reader_turn() override;
  void call_is_late(RequestNumber call) override;
  Deadline do_due() override;

  Result<void> proxy_send(const MessageObject& message) override;
  void proxy_request(const MessageObject& message, std::function<void(Result<Value>)> done) override;
  void proxy_stop() override { static_cast<void>(request_stop()); }
  void proxy_kill() override;
  void close_proxies(const Error& why);
  void begin(std::unique_ptr<detail::BackendLife> life);
  void require_created() const;
  using Life = std::unique_ptr<detail::BackendLife>;
  Result<Life> fork_here(const detail::BackendSeat& seat);
  Result<Life> fork_by_server(ForkServer& server, const detail::BackendSeat& seat, Deadline deadline);
  static int served_main(Bytes payload, std::span<const int> descriptors);
  [[nodiscard]] std::shared_ptr<detail::BackendLife> life() const;
  [[nodiscard]] std::shared_ptr<detail::CrashWatch> crash_watch() const;
  void note_hang(Deadline deadline) noexcept;
  void end_late(int number) noexcept;

  MessageProcess& owner_;
  const std::string name_;
  const ProcessOptions options_;
  const std::uint64_t token_;
  const int parent_pid_;
  std::uint64_t serial_ = 0;
  bool ignore_sigint_ = false;
  std::optional<detail::SpawnRecipe> spawned_by_;
  std::atomic<ProcessState> state_{ProcessState::created};
  std::atomic<std::uint64_t> incarnation_{0};
  std::optional<LogRing> log_ring_;  // of the reader; not there in a backend that was spawned, as the link is not
  std::unique_ptr<link::FrontendLink> link_;

  int stop_signal_ = 0;  // what stop_all() had to send
  std::function<void()> restart_handler_;
  ProcessObserver observer_;

  std::mutex start_mutex_;  // one restart at a time; guards the successors
  Life next_life_;
  std::optional<LogRing> next_log_ring_;
  std::shared_ptr<detail::CrashWatch> next_crash_watch_;

  mutable std::mutex mutex_;  // guards what follows
  std::shared_ptr<detail::BackendLife> life_;
  std::shared_ptr<detail::CrashWatch> crash_watch_;
  std::shared_ptr<detail::BackendLife> former_life_;  // a thread may still sleep on its descriptor
  std::atomic<bool> ready_{false};
  bool said_bye_ = false;
  std::optional<Error> bye_error_;
  std::optional<Error> end_;
  os::ResourceUsage final_usage_;

  detail::LateCall late_call_;

  std::mutex proxy_mutex_;
  std::shared_ptr<actor::ProxyGate> gate_;
  std::vector<std::unique_ptr<actor::ProxyActor>> proxies_;         // of the present incarnation
  std::vector<std::unique_ptr<actor::ProxyActor>> former_proxies_;  // handles to them were given out
  std::shared_ptr<detail::ReaderThread> reader_;
};

}  // namespace prong

// What an AsyncBackMessageProcess has in its backend: the io_context, and the commands that run.
#pragma once

#include "prong/loop/asio_host.hpp"
#include "prong/os/crash_handler.hpp"
#include "prong/process/async_back_message_process.hpp"
#include "prong/process/async_tasks.hpp"
#include "prong/process/detail/async_run_executor.hpp"
#include "prong/process/detail/backend.hpp"
#include "prong/process/detail/command_lanes.hpp"

#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/executor_work_guard.hpp>

#include <list>

namespace prong {

class AsyncBackMessageProcess::Runner final : public detail::BackendExtension {
 public:
  Runner(AsyncBackMessageProcess& owner, MessageProcess::Backend& backend);
  ~Runner() override;

  [[nodiscard]] boost::asio::io_context& context() noexcept { return context_; }
  [[nodiscard]] AsyncTasks& tasks() noexcept { return tasks_; }
  /// Runs one handler of the io_context, if there is one until the deadline. What it throws is logged.
  void turn(Deadline deadline);
  void send_when_room(std::size_t box, std::vector<std::byte> payload, std::shared_ptr<detail::AsyncWait<void>> wait);
  void await_stop(std::shared_ptr<detail::AsyncWait<void>> wait);

  void before_run() override;
  void after_run() override;
  void finish() override;
  bool take(const MessageHeader& header, Bytes payload) override;
  bool take_local(const MessageObject& message, actor::BackendActor::Answer& answer) override;

 private:
  /// A command on its way to its handler.
  struct Request {
    MessageHeader header;
    const actor::Command* command = nullptr;
    actor::BackendActor::Answer local;  // of an actor of this process, else empty
  };
  /// The same in a queue, with what it carries.
  struct Waiting {
    Request request;
    std::vector<std::byte> payload;
    MessageObject message;
  };
  /// A coroutine that has begun and not ended.
  struct Run {
    explicit Run(Runner& owner) noexcept : runner{owner} {}

    /// This command is the one that runs, for as long as this lives: in a crash page, and for cancel_token().
    class Presence {
     public:
      explicit Presence(Run& run) noexcept {
        if (run.ended) return;
        note_.emplace(run.number, run.request.header.request);
        invocation_.emplace(run.runner.backend_, run.request.header);
      }

     private:
      std::optional<os::CommandNote> note_;
      std::optional<MessageProcess::Backend::Invocation> invocation_;
    };

    Runner& runner;
    Request request;
    std::uint16_t number = 0;
    bool ended = false;
    std::size_t lane = 0;
    std::vector<std::byte> reply;
    boost::asio::cancellation_signal cancel;
    std::optional<Error> cancelled;  // why, once it was
    std::list<std::shared_ptr<Run>>::iterator place;
  };

  [[nodiscard]] bool is_plain(std::size_t number) const noexcept;
  [[nodiscard]] std::size_t lane_of(std::size_t number) const noexcept;
  bool take_into_lane(Request request, Bytes payload, const MessageObject* message);
  void begin(Request request, std::size_t lane, Bytes payload, const MessageObject* message);
  void run_plain(const Request& request, Bytes payload, const MessageObject& message);
  boost::asio::awaitable<void> follow(std::shared_ptr<Run> run, boost::asio::awaitable<void> handler);
  void end(Run& run, Result<void> outcome);
  void answer(const Request& request, Result<void> outcome, std::vector<std::byte>&& value);
  void leave(std::size_t lane);
  void regulate_intake() noexcept;
  void cancel(const std::shared_ptr<Run>& run, Error why);
  void cancel_all(const Error& why);
  void arm_deadline(Deadline deadline);
  [[nodiscard]] std::optional<Error> why_to_end(const Run& run) const;
  void cancel_unwanted();
  void cancel_late();
  void end_tasks();
  template <class Done>
  void run_until(Done&& done);
  void run_to_end(boost::asio::awaitable<void> coroutine);

  AsyncBackMessageProcess& owner_;
  MessageProcess::Backend& backend_;
  boost::asio::io_context context_{1};
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> work_;
  loop::AsioHost host_;
  AsyncTasks tasks_;
  detail::CommandLanes<Waiting> lanes_;
  std::vector<std::size_t> lane_of_;  // by the number of the command; shorter where the rest is in the ordered lane
  std::vector<std::size_t> left_;     // lanes that a command has left and nobody has looked at since
  bool serving_ = false;
  bool ready_ = false;
  std::optional<Error> refused_;  // why no command begins any more
  std::list<std::shared_ptr<Run>> runs_;
  loop::TimerId deadline_timer_ = 0;
  Deadline deadline_armed_ = Deadline::never();
  std::vector<std::shared_ptr<detail::AsyncWait<void>>> stop_waits_;
};

}  // namespace prong

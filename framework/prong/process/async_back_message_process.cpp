#include "prong/process/async_back_message_process.hpp"

#include "prong/process/detail/async_runner.hpp"
#include "prong/process/detail/frontend.hpp"
#include "prong/process/exclog.hpp"

namespace prong {

AsyncBackMessageProcess::AsyncBackMessageProcess(std::string name, ProcessOptions options)
    : MessageProcess{std::move(name), options} {}

AsyncBackMessageProcess::~AsyncBackMessageProcess() = default;

void AsyncBackMessageProcess::add_coroutine(actor::Command command, const detail::CoroutineCommand& calls) {
  add_command(std::move(command));
  coroutines_.resize(commands().size());
  coroutines_.back() = calls;
}

std::unique_ptr<detail::BackendExtension> AsyncBackMessageProcess::make_extension(Backend& backend) {
  auto runner = std::make_unique<Runner>(*this, backend);
  runner_ = runner.get();
  return runner;
}

link::Sending AsyncBackMessageProcess::backend_sending() const noexcept {
  return link::Sending::keeps;
}

boost::asio::awaitable<void> AsyncBackMessageProcess::async_pre() {
  co_return;
}

boost::asio::awaitable<void> AsyncBackMessageProcess::async_post() {
  co_return;
}

boost::asio::io_context& AsyncBackMessageProcess::io_context() {
  PRONG_EXPECT(runner_ != nullptr, "the io_context is the backend's");
  return runner_->context();
}

void AsyncBackMessageProcess::create_task(std::string name, boost::asio::awaitable<void> task) {
  PRONG_EXPECT(runner_ != nullptr, "tasks are the backend's");
  runner_->tasks().create(std::move(name), std::move(task));
}

boost::asio::awaitable<void> AsyncBackMessageProcess::exclogmsg(std::string name, Value slot,
                                                                boost::asio::awaitable<void> task) {
  std::exception_ptr thrown;
  Error error;
  try {
    co_await std::move(task);
    co_return;
  } catch (...) {
    thrown = std::current_exception();
    error = actor::current_exception_error(this->name(), name);
  }
  // To be logged, or not, as any other.
  const auto rethrow = [](std::exception_ptr again) -> boost::asio::awaitable<void> {
    std::rethrow_exception(std::move(again));
    co_return;
  };
  co_await exclog(logger(), name, rethrow(std::move(thrown)));
  const bool cancelled =
      (co_await boost::asio::this_coro::cancellation_state).cancelled() != boost::asio::cancellation_type::none;
  if (cancelled) co_return;
  MessageObject message{"error"};
  message.set("slot", std::move(slot)).set("name", name).set("what", error.message());
  co_await async_send_out(message);
}

void AsyncBackMessageProcess::read_pipes(Deadline deadline) {
  runner_->turn(deadline);
}

void AsyncBackMessageProcess::send_when_room(std::size_t box, std::vector<std::byte> payload,
                                             std::shared_ptr<detail::AsyncWait<void>> wait) {
  runner_->send_when_room(box, std::move(payload), std::move(wait));
}

void AsyncBackMessageProcess::await_stop(std::shared_ptr<detail::AsyncWait<void>> wait) {
  runner_->await_stop(std::move(wait));
}

}  // namespace prong

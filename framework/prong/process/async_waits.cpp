#include "prong/process/async_waits.hpp"

#include "prong/process/detail/frontend.hpp"

namespace prong::detail {
namespace {

using link::Box;
using link::FrontendLink;

Error not_attached(const std::string& name) {
  return Error{Errc::invalid_state, "nobody reads from process '" + name +
                                        "': attach it to an io_context or to a MainContext before it is awaited"};
}

// A message may be gone to another one who waits: then this one waits on.
void receive_from(FrontendLink& link, const std::string& name, Box box,
                  const std::shared_ptr<AsyncWait<MessageObject>>& wait) {
  const auto take = [&link, &name, box, wait](const Error* closed) {
    if (closed != nullptr) {
      wait->complete(*closed);
      return;
    }
    auto payload = link.receive(box, Deadline::now());
    if (payload)
      wait->complete(decode<MessageObject>(*payload));
    else if (payload.error().code() == Errc::deadline_exceeded)
      receive_from(link, name, box, wait);
    else
      wait->complete(std::move(payload).error());
  };
  if (!link.attached() && !link.closed()) {
    wait->complete(not_attached(name));
    return;
  }
  const FrontendLink::Watcher watcher = link.when_message(box, take);
  if (watcher != 0) wait->on_withdrawal([&link, watcher] { link.forget(watcher); });
}

}  // namespace

void ProcessWaits::receive(Pipe& pipe, std::shared_ptr<AsyncWait<MessageObject>> wait) {
  auto& frontend = *pipe.process_->frontend_;
  frontend.check_process("async_receive");
  receive_from(frontend.link(), frontend.name(), Box::out, wait);
}

void ProcessWaits::return_from_back(MessageProcess& process, std::shared_ptr<AsyncWait<MessageObject>> wait) {
  auto& frontend = *process.frontend_;
  frontend.check_process("async_return_from_back");
  receive_from(frontend.link(), frontend.name(), Box::return_out, wait);
}

void ProcessWaits::ready(MessageProcess& process, std::shared_ptr<AsyncWait<void>> wait) {
  auto& frontend = *process.frontend_;
  frontend.check_process("async_wait_ready");
  if (process.state() == ProcessState::created) {
    wait->complete(Error{Errc::not_started, "process '" + frontend.name() + "' has not been started"});
    return;
  }
  FrontendLink& link = frontend.link();
  if (!link.attached() && !link.closed()) {
    wait->complete(not_attached(frontend.name()));
    return;
  }
  const auto watcher = link.when(
      [&frontend] { return frontend.is_ready(); },
      [wait](const Error* closed) { wait->complete(closed == nullptr ? Result<void>{} : Result<void>{*closed}); });
  if (watcher != 0) wait->on_withdrawal([&link, watcher] { link.forget(watcher); });
}

void ProcessWaits::stop(MessageProcess& process, std::shared_ptr<AsyncWait<void>> wait) {
  auto& frontend = *process.frontend_;
  frontend.check_process("async_wait_stop");
  if (process.state() == ProcessState::created) {
    wait->complete(Error{Errc::not_started, "process '" + frontend.name() + "' has not been started"});
    return;
  }
  FrontendLink& link = frontend.link();
  if (!link.attached() && !link.closed()) {
    wait->complete(not_attached(frontend.name()));
    return;
  }
  const auto watcher =
      link.when([] { return false; },
                [wait](const Error* closed) {
                  wait->complete(closed->code() == Errc::stopped ? Result<void>{} : Result<void>{*closed});
                });
  if (watcher != 0) wait->on_withdrawal([&link, watcher] { link.forget(watcher); });
}

}  // namespace prong::detail

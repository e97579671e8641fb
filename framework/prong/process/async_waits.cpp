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

template <class T>
void forget_on_withdrawal(FrontendLink& link, FrontendLink::Watcher watcher, AsyncWait<T>& wait) {
  wait.on_withdrawal(
      [handle = link.handle(), watcher] { handle.with([&](FrontendLink& one) { one.forget(watcher); }); });
}

void receive_from(FrontendLink& link, Box box, const std::shared_ptr<AsyncWait<MessageObject>>& wait) {
  // The process may be destroyed between any two of these steps, which run in the handler's executor.
  const FrontendLink::Watcher watcher =
      link.when_message(box, [handle = link.handle(), box, wait](const Error* closed) {
        if (closed != nullptr) {
          wait->complete(*closed);
          return;
        }
        wait->offer(
            [handle, box](Result<MessageObject>& message) {
              bool taken = false;
              const bool there = handle.with([&](FrontendLink& one) {
                if (const auto payload = one.try_take(box)) {
                  taken = true;
                  message = decode<MessageObject>(*payload);
                }
              });
              if (!there) message = Error{Errc::stopped, "the process was destroyed"};
              return taken || !there;
            },
            [handle, box, wait] {
              // Another one who waits was faster.
              handle.with([&](FrontendLink& one) { receive_from(one, box, wait); });
            });
      });
  if (watcher != 0) forget_on_withdrawal(link, watcher, *wait);
}

void begin_to_receive(FrontendLink& link, const std::string& name, Box box,
                      const std::shared_ptr<AsyncWait<MessageObject>>& wait) {
  if (link.attached() || link.closed())
    receive_from(link, box, wait);
  else
    wait->complete(not_attached(name));
}

}  // namespace

void ProcessWaits::receive(Pipe& pipe, std::shared_ptr<AsyncWait<MessageObject>> wait) {
  auto& frontend = *pipe.process_->frontend_;
  frontend.check_process("async_receive");
  begin_to_receive(frontend.link(), frontend.name(), Box::out, wait);
}

void ProcessWaits::return_from_back(MessageProcess& process, std::shared_ptr<AsyncWait<MessageObject>> wait) {
  auto& frontend = *process.frontend_;
  frontend.check_process("async_return_from_back");
  begin_to_receive(frontend.link(), frontend.name(), Box::return_out, wait);
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
  if (watcher != 0) forget_on_withdrawal(link, watcher, *wait);
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
  if (watcher != 0) forget_on_withdrawal(link, watcher, *wait);
}

}  // namespace prong::detail

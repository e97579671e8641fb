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

// A peer that waits for nothing: it notes which descriptor the wait would sleep on, and ends it.
class OneLook final : public Peer {
 public:
  /// `readable`: the descriptor was found readable before.
  explicit OneLook(bool readable) noexcept : readable_{readable} {}

  Result<void> wait_readable(int descriptor, Deadline) override {
    if (std::exchange(readable_, false)) return {};
    descriptor_ = descriptor;
    return fail(Errc::interrupted, "one look");
  }
  /// Returns the descriptor to sleep on, or -1: then the wait has ended by itself.
  [[nodiscard]] int descriptor() const noexcept { return descriptor_; }

 private:
  bool readable_;
  int descriptor_ = -1;
};

// One wait for an event, look by look.
class EventWait : public std::enable_shared_from_this<EventWait> {
 public:
  EventWait(ProcessWaits::EventLook look, std::shared_ptr<AsyncWait<void>> wait, FrontendLink::Handle link)
      : look_{std::move(look)}, wait_{std::move(wait)}, link_{std::move(link)} {}

  void step(bool readable) {
    OneLook peer{readable};
    Result<void> seen = look_(peer, look_time());
    if (peer.descriptor() >= 0) {
      sleep(peer.descriptor());
    } else if (!seen && seen.error().code() == Errc::deadline_exceeded) {
      // Somebody writes to the event all the time: others come first.
      wait_->offer([](Result<void>&) { return false; }, [self = shared_from_this()] { self->step(false); });
    } else {
      complete(std::move(seen));
    }
  }

  /// Says who is told of the peer's end as long as the wait goes on. Requires: before the first step.
  void set_watcher(FrontendLink::Watcher watcher) noexcept { watcher_ = watcher; }

  /// Ends the wait with `why`, unless the event was set before.
  void end(const Error& why) {
    wait_->offer(
        [self = shared_from_this(), why](Result<void>& outcome) {
          OneLook peer{false};
          outcome = self->look_(peer, look_time());
          if (!outcome) outcome = why;
          return true;
        },
        [] {});
  }

 private:
  static Deadline look_time() noexcept { return Deadline::after(std::chrono::milliseconds{1}); }

  void complete(Result<void> outcome) {
    wait_->complete(std::move(outcome));
    link_.with([this](FrontendLink& link) { link.forget(watcher_); });
  }

  void sleep(int descriptor) {
    try {
      wait_->when_readable(descriptor, [self = shared_from_this()] { self->step(true); });
    } catch (const Exception& exception) {
      complete(exception.error());
    } catch (const std::exception& exception) {
      complete(Error{Errc::system, exception.what()});
    }
  }

  ProcessWaits::EventLook look_;
  std::shared_ptr<AsyncWait<void>> wait_;
  FrontendLink::Handle link_;
  FrontendLink::Watcher watcher_ = 0;
};

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

void ProcessWaits::event(EventLook look, MessageProcess& process, std::shared_ptr<AsyncWait<void>> wait) {
  auto& frontend = *process.frontend_;
  frontend.check_process("async_wait");
  FrontendLink& link = frontend.link();
  if (!link.attached() && !link.closed()) {
    wait->complete(not_attached(frontend.name()));
    return;
  }
  const auto steps = std::make_shared<EventWait>(std::move(look), wait, link.handle());
  const auto watcher = link.when([] { return false; }, [steps](const Error* closed) { steps->end(*closed); });
  steps->set_watcher(watcher);
  if (watcher != 0) forget_on_withdrawal(link, watcher, *wait);
  steps->step(false);
}

}  // namespace prong::detail

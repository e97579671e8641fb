// Waits for processes as asynchronous operations.
//
// Each is the wait of the same name without `async_`, for those who do not wait in a thread. Comes with prong/asio.hpp.
#pragma once

#include "prong/process/message_process.hpp"
#include "prong/reply/async_wait.hpp"
#include "prong/sync/event_group.hpp"
#include "prong/sync/shared_event.hpp"
#include "prong/sync/sync_index.hpp"

#include <boost/asio/use_awaitable.hpp>

namespace prong {
namespace detail {

/// Begins the waits. Each is completed at once with invalid_state if no loop reads for the process.
class ProcessWaits {
 public:
  static void receive(Pipe& pipe, std::shared_ptr<AsyncWait<MessageObject>> wait);
  static void return_from_back(MessageProcess& process, std::shared_ptr<AsyncWait<MessageObject>> wait);
  static void ready(MessageProcess& process, std::shared_ptr<AsyncWait<void>> wait);
  static void stop(MessageProcess& process, std::shared_ptr<AsyncWait<void>> wait);
  /// `look(peer)` is a wait for an event together with `peer`.
  using EventLook = std::function<Result<void>(Peer& peer, Deadline deadline)>;
  static void event(EventLook look, MessageProcess& process, std::shared_ptr<AsyncWait<void>> wait);
};

}  // namespace detail

// What holds for all of them. Signature: void(std::exception_ptr, T), or void(std::exception_ptr). The handler runs in
// its executor, or, if it has none, where the wait ends. The process must be attached (IoContextReader, MainContext,
// MessageProcess::attach()). Several may wait for the same; each message goes to one of them. Cancelling, of any type,
// ends the wait with `cancelled` and loses nothing. A process that is destroyed ends them with `stopped`.

/// Takes the oldest message that the backend sent by send_out(). Fails with: as Pipe::receive(), cancelled.
template <class Token = boost::asio::use_awaitable_t<>>
auto async_receive(Pipe& pipe, Deadline deadline, Token&& token = {}) {
  return detail::begin_wait<MessageObject, detail::ThrowingOutcome<MessageObject>>(
      deadline,
      [&pipe](std::shared_ptr<detail::AsyncWait<MessageObject>> wait) {
        detail::ProcessWaits::receive(pipe, std::move(wait));
      },
      std::forward<Token>(token));
}

/// Takes the oldest message that the backend sent by return_out(). Fails with: as Pipe::receive(), cancelled.
template <class Token = boost::asio::use_awaitable_t<>>
auto async_return_from_back(MessageProcess& process, Deadline deadline, Token&& token = {}) {
  return detail::begin_wait<MessageObject, detail::ThrowingOutcome<MessageObject>>(
      deadline,
      [&process](std::shared_ptr<detail::AsyncWait<MessageObject>> wait) {
        detail::ProcessWaits::return_from_back(process, std::move(wait));
      },
      std::forward<Token>(token));
}

/// Waits until the backend takes messages. Fails with: as MessageProcess::wait_ready(), cancelled.
template <class Token = boost::asio::use_awaitable_t<>>
auto async_wait_ready(MessageProcess& process, Deadline deadline, Token&& token = {}) {
  return detail::begin_wait<void, detail::ThrowingOutcome<void>>(
      deadline,
      [&process](std::shared_ptr<detail::AsyncWait<void>> wait) {
        detail::ProcessWaits::ready(process, std::move(wait));
      },
      std::forward<Token>(token));
}

/// Waits until the backend has ended; asks and kills nobody. Fails with: as MessageProcess::wait_stop(), cancelled.
template <class Token = boost::asio::use_awaitable_t<>>
auto async_wait_stop(MessageProcess& process, Deadline deadline, Token&& token = {}) {
  return detail::begin_wait<void, detail::ThrowingOutcome<void>>(
      deadline,
      [&process](std::shared_ptr<detail::AsyncWait<void>> wait) {
        detail::ProcessWaits::stop(process, std::move(wait));
      },
      std::forward<Token>(token));
}

/// Waits until an event is set, or `peer`, who shall set it, is gone. Requires: the event outlives the wait and stays
/// reserved; the handler has an executor. Fails with: as Event::wait(), cancelled.
template <class Token = boost::asio::use_awaitable_t<>>
auto async_wait(const Event& event, MessageProcess& peer, Deadline deadline, Token&& token = {}) {
  return detail::begin_wait<void, detail::ThrowingOutcome<void>>(
      deadline,
      [event, &peer](std::shared_ptr<detail::AsyncWait<void>> wait) {
        detail::ProcessWaits::event([event](Peer& one, Deadline until) { return event.wait(one, until); }, peer,
                                    std::move(wait));
      },
      std::forward<Token>(token));
}

/// The same for a SyncIndex.
template <class Token = boost::asio::use_awaitable_t<>>
auto async_wait(const SyncIndex& sync, MessageProcess& peer, Deadline deadline, Token&& token = {}) {
  return async_wait(sync.event(), peer, deadline, std::forward<Token>(token));
}

/// The same for a SharedEvent.
template <class Token = boost::asio::use_awaitable_t<>>
auto async_wait(SharedEvent& event, MessageProcess& peer, Deadline deadline, Token&& token = {}) {
  return detail::begin_wait<void, detail::ThrowingOutcome<void>>(
      deadline,
      [&event, &peer](std::shared_ptr<detail::AsyncWait<void>> wait) {
        detail::ProcessWaits::event([&event](Peer& one, Deadline until) { return event.wait(one, until); }, peer,
                                    std::move(wait));
      },
      std::forward<Token>(token));
}

}  // namespace prong

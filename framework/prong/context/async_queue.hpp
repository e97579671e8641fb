// A bounded queue between coroutines of one executor.
//
// Comes with prong/asio.hpp.
#pragma once

#include "prong/base/contract.hpp"
#include "prong/base/deadline.hpp"
#include "prong/base/exception.hpp"

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/basic_waitable_timer.hpp>
#include <boost/asio/cancellation_state.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/system/system_error.hpp>

#include <cstddef>
#include <deque>
#include <list>
#include <memory>
#include <optional>
#include <utility>

namespace prong {

/// A queue whose coroutines wait for room and for items, in the order in which they came.
///
/// Thread safety: one thread, that of the executors of those who wait.
template <class Item>
class AsyncQueue {
 public:
  /// Holds up to `limit` items. Requires: `limit` is not 0.
  explicit AsyncQueue(std::size_t limit) : state_{std::make_shared<State>(limit)} {
    PRONG_EXPECT(limit > 0, "a queue of no items takes none");
  }

  /// Puts an item in, if there is room, nobody waits for it, and the queue is open.
  [[nodiscard]] bool try_put(Item& item) { return state_->try_put(item); }
  /// Puts an item in, waiting for room until the deadline.
  ///
  /// Throws Exception: deadline_exceeded; closed, also for those who wait. Cancelled, it throws what Asio throws.
  /// If you stop waiting: the item is not put in.
  [[nodiscard]] boost::asio::awaitable<void> put(Item item, Deadline deadline) {
    return put_into(state_, std::move(item), deadline);
  }
  /// Takes the oldest item, waiting for one until the deadline; nothing once the queue is closed and empty.
  ///
  /// Throws Exception: deadline_exceeded. Cancelled, it throws what Asio throws, and no item is lost.
  [[nodiscard]] boost::asio::awaitable<std::optional<Item>> take(Deadline deadline) {
    return take_from(state_, deadline);
  }
  /// Takes the oldest item if there is one.
  [[nodiscard]] std::optional<Item> try_take() { return state_->pop(); }
  /// Lets nothing more in. What is inside can still be taken.
  void close() {
    state_->closed = true;
    for (auto* const waiting : {&state_->putting, &state_->taking})
      for (Waiter* const waiter : *waiting) waiter->timer.cancel();  // they leave by themselves
  }

  [[nodiscard]] bool closed() const noexcept { return state_->closed; }
  [[nodiscard]] bool full() const noexcept { return state_->items.size() >= state_->limit || !state_->putting.empty(); }
  [[nodiscard]] std::size_t size() const noexcept { return state_->items.size(); }

 private:
  // One who waits, in a list until it is served or gives up. The timer's end is the deadline; cancelling it wakes.
  struct Waiter {
    Waiter(std::list<Waiter*>& waiting, const boost::asio::any_io_executor& executor, Deadline deadline, Item* given)
        : timer{executor, Deadline::Clock::time_point{std::chrono::nanoseconds{deadline.nanoseconds()}}},
          item{given},
          list{waiting} {
      list.push_back(this);
    }
    ~Waiter() {
      if (!served) list.remove(this);
    }
    Waiter(const Waiter&) = delete;
    Waiter& operator=(const Waiter&) = delete;

    boost::asio::basic_waitable_timer<Deadline::Clock> timer;
    Item* item;  // of one who puts: taken out by who makes room
    std::list<Waiter*>& list;
    bool served = false;
  };

  // Shared with those who wait, so that they may outlive the queue.
  struct State {
    explicit State(std::size_t most) noexcept : limit{most} {}

    bool try_put(Item& item) {
      if (closed || !putting.empty() || items.size() >= limit) return false;
      push(item);
      return true;
    }
    void push(Item& item) {
      items.push_back(std::move(item));
      wake_taker();
    }
    void wake_taker() {
      if (!taking.empty()) serve_first(taking);
    }
    std::optional<Item> pop() {
      if (items.empty()) return std::nullopt;
      std::optional<Item> first{std::move(items.front())};
      items.pop_front();
      if (!putting.empty()) {
        push(*putting.front()->item);
        serve_first(putting);
      }
      return first;
    }
    static void serve_first(std::list<Waiter*>& waiting) {
      Waiter& first = *waiting.front();
      waiting.pop_front();  // now: it runs only later
      first.served = true;
      first.timer.cancel();
    }

    std::size_t limit;
    std::deque<Item> items;
    std::list<Waiter*> putting;
    std::list<Waiter*> taking;
    bool closed = false;
  };

  static boost::asio::awaitable<void> put_into(std::shared_ptr<State> state, Item item, Deadline deadline) {
    if (state->try_put(item)) co_return;
    if (state->closed) throw_error(Error{Errc::closed, "the queue takes no more"});
    if (deadline.has_passed()) throw_error(Error{Errc::deadline_exceeded, "the queue is full"});
    Waiter self{state->putting, co_await boost::asio::this_coro::executor, deadline, &item};
    const boost::system::error_code woken = co_await wait(self);
    if (self.served) co_return;  // whatever else happened meanwhile
    if (state->closed) throw_error(Error{Errc::closed, "the queue was closed"});
    if (!woken) throw_error(Error{Errc::deadline_exceeded, "the queue is full"});
    throw boost::system::system_error{woken};
  }

  static boost::asio::awaitable<std::optional<Item>> take_from(std::shared_ptr<State> state, Deadline deadline) {
    for (;;) {
      if (auto item = state->pop()) co_return item;
      if (state->closed) co_return std::nullopt;
      if (deadline.has_passed()) throw_error(Error{Errc::deadline_exceeded, "the queue is empty"});
      Waiter self{state->taking, co_await boost::asio::this_coro::executor, deadline, nullptr};
      co_await wait(self);
      const boost::asio::cancellation_state own = co_await boost::asio::this_coro::cancellation_state;
      if (own.cancelled() == boost::asio::cancellation_type::none) continue;
      // Served and cancelled at once, it hands the turn on.
      if (!state->items.empty()) state->wake_taker();
      throw boost::system::system_error{boost::asio::error::operation_aborted};
    }
  }

  static boost::asio::awaitable<boost::system::error_code> wait(Waiter& waiter) {
    boost::system::error_code woken;
    co_await waiter.timer.async_wait(boost::asio::redirect_error(boost::asio::use_awaitable, woken));
    co_return woken;
  }

  std::shared_ptr<State> state_;
};

}  // namespace prong

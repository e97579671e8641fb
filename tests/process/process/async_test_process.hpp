// The process of coroutines that the tests talk to.
#pragma once

#include "prong/asio.hpp"
#include "prong/os/threads.hpp"

#include <boost/asio/cancellation_state.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>

#include <sched.h>

#include <csignal>
#include <stdexcept>
#include <string>
#include <vector>

namespace prong::tests {

template <class T>
using awaitable = boost::asio::awaitable<T>;

/// Sleeps without a thread.
inline awaitable<void> sleep_for(std::chrono::nanoseconds time) {
  boost::asio::steady_timer timer{co_await boost::asio::this_coro::executor, time};
  co_await timer.async_wait(boost::asio::use_awaitable);
}

/// Waits until it is cancelled.
inline awaitable<void> sleep_for_ever() {
  boost::asio::steady_timer timer{co_await boost::asio::this_coro::executor};
  timer.expires_at(boost::asio::steady_timer::time_point::max());
  co_await timer.async_wait(boost::asio::use_awaitable);
}

class AsyncTestProcess : public AsyncBackMessageProcess {
 public:
  explicit AsyncTestProcess(std::string name = "test", ProcessOptions options = {})
      : AsyncBackMessageProcess{std::move(name), options} {
    command<&AsyncTestProcess::c__add>("add", "a"_a, "b"_a = 10);
    command<&AsyncTestProcess::c__add_at_once>("add_at_once", "a"_a, "b"_a);
    command<&AsyncTestProcess::c__note_after>("note_after", "text"_a, "microseconds"_a);
    command<&AsyncTestProcess::c__note>("note", "text"_a);
    command<&AsyncTestProcess::c__notes>("notes");
    command<&AsyncTestProcess::c__fail_after>("fail_after", "text"_a, "microseconds"_a = 0);
    command<&AsyncTestProcess::c__hold>("hold", Concurrent{3});
    command<&AsyncTestProcess::c__release>("release");
    command<&AsyncTestProcess::c__wait>("wait", Concurrent{100});
    command<&AsyncTestProcess::c__wait_in_order>("wait_in_order");
    command<&AsyncTestProcess::c__reverse>("reverse", "bytes"_a);
    command<&AsyncTestProcess::c__say>("say", "text"_a, "times"_a);
    command<&AsyncTestProcess::c__say_waiting>("say_waiting", Concurrent{4}, "text"_a, "times"_a, "bytes"_a = 0);
    command<&AsyncTestProcess::c__threads>("threads");
    command<&AsyncTestProcess::c__leave_in_order>("leave_in_order");
    command<&AsyncTestProcess::c__exit>("exit", "code"_a);
    command<&AsyncTestProcess::c__ask_token>("ask_token", Concurrent{100});
    command<&AsyncTestProcess::c__clean_up>("clean_up", "failing"_a);
    command<&AsyncTestProcess::c__crash_after>("crash_after", "microseconds"_a);
    command<&AsyncTestProcess::c__spin>("spin");
  }

  Future<int> add(int a, int b) { return call<&AsyncTestProcess::c__add>(a, b); }
  Future<int> add(int a) { return call<&AsyncTestProcess::c__add>(a); }
  Future<int> add_at_once(int a, int b) { return call<&AsyncTestProcess::c__add_at_once>(a, b); }
  Future<void> note_after(std::string text, int microseconds) {
    return call<&AsyncTestProcess::c__note_after>(std::move(text), microseconds);
  }
  Future<void> note(std::string text) { return call<&AsyncTestProcess::c__note>(std::move(text)); }
  Future<std::vector<std::string>> notes() { return call<&AsyncTestProcess::c__notes>(); }
  Future<void> fail_after(std::string text, int microseconds) {
    return call<&AsyncTestProcess::c__fail_after>(std::move(text), microseconds);
  }
  Future<int> hold() { return call<&AsyncTestProcess::c__hold>(Deadline::never()); }
  Future<int> release() { return call<&AsyncTestProcess::c__release>(); }
  Future<void> wait(Deadline deadline) { return call<&AsyncTestProcess::c__wait>(deadline); }
  Future<void> wait_in_order(Deadline deadline) { return call<&AsyncTestProcess::c__wait_in_order>(deadline); }
  Future<std::vector<std::uint8_t>> reverse(const std::vector<std::uint8_t>& bytes) {
    return call<&AsyncTestProcess::c__reverse>(bytes, Deadline::after(std::chrono::seconds{20}));
  }
  Future<int> threads() { return call<&AsyncTestProcess::c__threads>(); }
  Future<void> ask_token() { return call<&AsyncTestProcess::c__ask_token>(Deadline::never()); }
  Future<std::string> clean_up(bool failing) {
    return call<&AsyncTestProcess::c__clean_up>(failing, Deadline::never());
  }
  Future<void> crash_after(int microseconds) { return call<&AsyncTestProcess::c__crash_after>(microseconds); }
  Future<void> spin(Deadline deadline) { return call<&AsyncTestProcess::c__spin>(deadline); }
  Future<void> exit(int code) { return call<&AsyncTestProcess::c__exit>(code); }

  /// How long a stop waits for commands; set before start().
  std::chrono::nanoseconds grace = std::chrono::milliseconds{500};

 protected:
  [[nodiscard]] std::chrono::nanoseconds stop_grace() const override { return grace; }
  awaitable<int> c__add(int a, int b) { co_return a + b; }
  int c__add_at_once(int a, int b) { return a + b; }
  awaitable<void> c__note_after(const std::string& text, int microseconds) {
    notes_.push_back(text + " begins");
    co_await sleep_for(std::chrono::microseconds{microseconds});
    notes_.push_back(text + " ends");
  }
  void c__note(const std::string& text) { notes_.push_back(text); }
  awaitable<std::vector<std::string>> c__notes() { co_return notes_; }
  awaitable<void> c__fail_after(std::string text, int microseconds) {
    if (microseconds > 0) co_await sleep_for(std::chrono::microseconds{microseconds});
    throw std::invalid_argument{text};
  }
  // Waits for c__release; returns how many were held when this one began.
  awaitable<int> c__hold() {
    const int held = ++held_;
    boost::asio::steady_timer timer{co_await boost::asio::this_coro::executor};
    timer.expires_at(boost::asio::steady_timer::time_point::max());
    holders_.push_back(&timer);
    boost::system::error_code released;
    co_await timer.async_wait(boost::asio::redirect_error(boost::asio::use_awaitable, released));
    --held_;
    co_return held;
  }
  int c__release() {
    const auto held = static_cast<int>(holders_.size());
    for (boost::asio::steady_timer* const timer : std::exchange(holders_, {})) timer->cancel();
    return held;
  }
  awaitable<void> c__wait() { co_await wait_and_note("wait"); }
  awaitable<void> c__wait_in_order() { co_await wait_and_note("wait_in_order"); }
  awaitable<void> wait_and_note(std::string name) {
    notes_.push_back(name + " begins");
    const struct Leaving {
      std::vector<std::string>& notes;
      std::string name;
      ~Leaving() { notes.push_back(name + " left"); }
    } leaving{notes_, std::move(name)};
    co_await sleep_for_ever();
  }
  awaitable<std::vector<std::uint8_t>> c__reverse(std::vector<std::uint8_t> bytes) {
    co_return std::vector<std::uint8_t>{bytes.rbegin(), bytes.rend()};
  }
  void c__say(const std::string& text, int times) {
    for (int i = 0; i < times; ++i) send_out({"said", {{"text", text}, {"number", i}}});
  }
  awaitable<void> c__say_waiting(std::string text, int times, int bytes) {
    text.resize(text.size() + static_cast<std::size_t>(bytes), '.');
    for (int i = 0; i < times; ++i) {
      const MessageObject message{"said", {{"text", text}, {"number", i}}};
      co_await async_send_out(message);
    }
  }
  int c__threads() { return static_cast<int>(os::other_threads().value().size()) + 1; }
  awaitable<void> c__leave_in_order() {
    stop_backend();
    co_return;
  }
  awaitable<void> c__exit(int code) {
    ::_exit(code);
    co_return;
  }

  // Heeds no cancellation but by asking its token, which is its own also after others have run.
  awaitable<void> c__ask_token() {
    co_await boost::asio::this_coro::reset_cancellation_state(boost::asio::disable_cancellation());
    notes_.push_back("ask_token begins");
    while (!cancelled()) co_await sleep_for(std::chrono::microseconds{50});
    throw_if_cancelled();
  }
  // Waits to be cancelled, and then ends in its own way.
  awaitable<std::string> c__clean_up(bool failing) {
    notes_.push_back("clean_up begins");
    try {
      co_await sleep_for_ever();
    } catch (const boost::system::system_error&) {
      if (failing) throw std::runtime_error{"the cleaning failed"};
    }
    co_return "clean";
  }
  awaitable<void> c__crash_after(int microseconds) {
    co_await sleep_for(std::chrono::microseconds{microseconds});
    std::raise(SIGSEGV);
  }

  // Gives the thread back once, and then never again.
  awaitable<void> c__spin() {
    co_await sleep_for(std::chrono::microseconds{1});
    for (;;) ::sched_yield();
  }

  std::vector<std::string> notes_;
  int held_ = 0;
  std::vector<boost::asio::steady_timer*> holders_;
};

}  // namespace prong::tests

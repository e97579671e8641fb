#include "prong/loop/asio_host.hpp"

#include "prong/base/exception.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>

#include <utility>

namespace prong::loop {

// Every wait is begun in a handler of the io_context: what is not counted as work must not be the last that was.
class AsioHost::Implementation : public std::enable_shared_from_this<Implementation> {
 public:
  Implementation(EventLoop& loop, boost::asio::io_context& context)
      : loop_{&loop}, context_{context}, descriptor_{context, loop.descriptor()}, timer_{context} {}

  void take_turn_later() {
    boost::asio::post(context_, [self = shared_from_this()] { self->take_turn(); });
  }

  void leave() noexcept {
    loop_ = nullptr;
    descriptor_.release();  // the loop closes it
    timer_.cancel();
  }

 private:
  void take_turn() {
    if (loop_ == nullptr) return;
    Result<bool> turn{false};
    try {
      turn = loop_->run_once(Deadline::now());
    } catch (...) {
      if (loop_ != nullptr) take_turn_later();
      throw;
    }
    if (loop_ == nullptr) return;  // one of its handlers ended the host
    if (!turn) {
      take_turn_later();
      throw_error(std::move(turn).error());
    }
    // What is left to do is done behind the handlers that are ready now: no side can starve the other.
    if (!loop_->arm()) {
      take_turn_later();
      return;
    }
    watch_timer();
    watch_descriptor();
  }

  // Calls `wait(handler)`; until the handler runs, the wait is not counted as work of the io_context.
  template <class Wait>
  void wait_uncounted(Wait&& wait, bool Implementation::*waiting) {
    this->*waiting = true;
    wait([self = shared_from_this(), waiting](const boost::system::error_code& error) {
      self->context_.get_executor().on_work_started();
      if (error == boost::asio::error::operation_aborted) return;
      self.get()->*waiting = false;
      self->take_turn();
    });
    context_.get_executor().on_work_finished();
  }

  void watch_descriptor() {
    if (watching_) return;
    wait_uncounted(
        [this](auto handler) {
          descriptor_.async_wait(boost::asio::posix::stream_descriptor::wait_read, std::move(handler));
        },
        &Implementation::watching_);
  }

  void watch_timer() {
    const Deadline next = loop_->next_timer();
    if (timing_ && next == timer_set_) return;
    if (timing_) timer_.cancel();
    timing_ = false;
    timer_set_ = next;
    if (next.is_never()) return;
    timer_.expires_at(Deadline::Clock::time_point{std::chrono::nanoseconds{next.nanoseconds()}});
    wait_uncounted([this](auto handler) { timer_.async_wait(std::move(handler)); }, &Implementation::timing_);
  }

  EventLoop* loop_;  // null once the host is gone
  boost::asio::io_context& context_;
  boost::asio::posix::stream_descriptor descriptor_;
  boost::asio::steady_timer timer_;
  bool watching_ = false;
  bool timing_ = false;
  Deadline timer_set_ = Deadline::never();
};

AsioHost::AsioHost(EventLoop& loop, boost::asio::io_context& context)
    : implementation_{std::make_shared<Implementation>(loop, context)} {
  implementation_->take_turn_later();
}

AsioHost::~AsioHost() {
  implementation_->leave();
}

}  // namespace prong::loop

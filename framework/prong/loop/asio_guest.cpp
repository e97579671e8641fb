#include "prong/loop/asio_guest.hpp"

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>

namespace prong::loop {

// Asio sleeps in the loop's place and watches the loop's descriptor. That is the one arrangement in which a handler
// posted from any thread wakes the sleeper and nothing but Asio's public interface is used: a reactor that is only
// polled is never interrupted by a post.
class AsioGuest::Implementation final : public Blocker {
 public:
  Implementation(EventLoop& loop, std::unique_ptr<boost::asio::io_context> own, boost::asio::io_context& context)
      : loop_{loop},
        own_{std::move(own)},
        context_{context},
        work_{context_.get_executor()},
        loop_descriptor_{context_, loop.descriptor()} {
    context_.restart();  // one that has run out of work before says that it is stopped
    loop_.set_blocker(this);
  }
  ~Implementation() override {
    loop_.set_blocker(nullptr);
    loop_descriptor_.release();  // the loop closes it
  }

  boost::asio::io_context& context() noexcept { return context_; }

  bool block(Deadline deadline) override {
    watch_loop();
    loop_is_ready_ = false;
    std::size_t handlers = 0;
    if (deadline.has_passed())
      handlers = context_.poll();
    else if (deadline.is_never())
      handlers = context_.run_one();
    else
      handlers = context_.run_one_until(Deadline::Clock::time_point{std::chrono::nanoseconds{deadline.nanoseconds()}});
    return handlers > (loop_is_ready_ ? 1U : 0U);
  }

 private:
  void watch_loop() {
    if (watching_) return;
    watching_ = true;
    loop_descriptor_.async_wait(boost::asio::posix::stream_descriptor::wait_read,
                                [this](const boost::system::error_code& error) {
                                  watching_ = false;
                                  loop_is_ready_ = !error;
                                });
  }

  EventLoop& loop_;
  std::unique_ptr<boost::asio::io_context> own_;  // null where it is the user's
  boost::asio::io_context& context_;
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> work_;
  boost::asio::posix::stream_descriptor loop_descriptor_;
  bool watching_ = false;
  bool loop_is_ready_ = false;
};

AsioGuest::AsioGuest(EventLoop& loop) {
  auto own = std::make_unique<boost::asio::io_context>(1);
  boost::asio::io_context& context = *own;
  implementation_ = std::make_unique<Implementation>(loop, std::move(own), context);
}

AsioGuest::AsioGuest(EventLoop& loop, boost::asio::io_context& context)
    : implementation_{std::make_unique<Implementation>(loop, nullptr, context)} {}

AsioGuest::~AsioGuest() = default;

boost::asio::io_context& AsioGuest::context() noexcept {
  return implementation_->context();
}

}  // namespace prong::loop

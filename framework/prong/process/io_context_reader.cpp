#include "prong/process/io_context_reader.hpp"

#include "prong/loop/asio_host.hpp"
#include "prong/loop/event_loop.hpp"

#include <boost/asio/dispatch.hpp>
#include <boost/asio/io_context.hpp>

#include <vector>

namespace prong {

class IoContextReader::Implementation {
 public:
  explicit Implementation(boost::asio::io_context& given)
      : context{given}, loop_{loop::EventLoop::create().value()}, host_{std::in_place, *loop_, given} {}

  void attach(MessageProcess& process) {
    if (!host_) return;
    process.attach(*loop_);
    attached_.push_back(&process);
  }
  void detach(MessageProcess& process) noexcept {
    if (std::erase(attached_, &process) > 0) process.detach();
  }
  void end() noexcept {
    for (MessageProcess* const process : attached_) process->detach();
    attached_.clear();
    host_.reset();
  }

  boost::asio::io_context& context;

 private:
  std::unique_ptr<loop::EventLoop> loop_;
  std::optional<loop::AsioHost> host_;
  std::vector<MessageProcess*> attached_;
};

IoContextReader::IoContextReader(boost::asio::io_context& context)
    : implementation_{std::make_shared<Implementation>(context)} {}

IoContextReader::~IoContextReader() {
  implementation_->end();
}

void IoContextReader::attach(MessageProcess& process) {
  boost::asio::dispatch(implementation_->context, [own = implementation_, &process] { own->attach(process); });
}

void IoContextReader::detach(MessageProcess& process) noexcept {
  implementation_->detach(process);
}

}  // namespace prong

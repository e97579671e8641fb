#include "prong/process/duplex.hpp"

#include "prong/base/exception.hpp"
#include "prong/process/detail/frontend.hpp"

namespace prong {

Result<void> Duplex::try_send(const MessageObject& message) {
  return process_->frontend_->try_send(message);
}

int Duplex::write_fd() {
  return process_->frontend_->room_descriptor();
}

}  // namespace prong

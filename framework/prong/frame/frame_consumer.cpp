#include "prong/frame/frame_consumer.hpp"

#include "prong/frame/detail/reader_end.hpp"

namespace prong {

Result<FrameLease> FrameConsumer::next(Deadline deadline) {
  return end_->next(nullptr, deadline);
}

Result<FrameLease> FrameConsumer::next(Peer& peer, Deadline deadline) {
  return end_->next(&peer, deadline);
}

int FrameConsumer::descriptor() noexcept {
  return end_->watch();
}

void FrameConsumer::leave() noexcept {
  end_->leave();
}

}  // namespace prong

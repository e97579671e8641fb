#include "prong/frame/frame_producer.hpp"

#include "prong/frame/detail/producer_end.hpp"

namespace prong {

Result<FrameWriter> FrameProducer::acquire(Deadline deadline) {
  PRONG_TRY_ASSIGN(const std::uint32_t slot, end_->acquire(nullptr, deadline));
  return FrameWriter{end_, slot};
}

Result<FrameWriter> FrameProducer::acquire(Peer& peer, Deadline deadline) {
  PRONG_TRY_ASSIGN(const std::uint32_t slot, end_->acquire(&peer, deadline));
  return FrameWriter{end_, slot};
}

Result<void> FrameProducer::finish() {
  return end_->finish();
}

std::uint64_t FrameProducer::published() const noexcept {
  return end_->queue().published();
}

std::optional<FrameMeta> FrameProducer::last_published() const noexcept {
  if (published() == 0) return std::nullopt;
  return end_->queue().last_published();
}

}  // namespace prong

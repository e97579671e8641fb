#include "prong/frame/frame_writer.hpp"

#include "prong/frame/detail/producer_end.hpp"

#include <utility>

namespace prong {

FrameWriter::FrameWriter(std::shared_ptr<frame::detail::ProducerEnd> end, std::uint32_t slot) noexcept
    : end_{std::move(end)}, bytes_{end_->bytes(slot)}, slot_{slot} {}

FrameWriter::FrameWriter(FrameWriter&& other) noexcept
    : end_{std::move(other.end_)}, bytes_{std::exchange(other.bytes_, {})}, slot_{other.slot_} {}

FrameWriter& FrameWriter::operator=(FrameWriter&& other) noexcept {
  if (this != &other) {
    abandon();
    end_ = std::move(other.end_);
    bytes_ = std::exchange(other.bytes_, {});
    slot_ = other.slot_;
  }
  return *this;
}

Result<void> FrameWriter::check_not_empty() const {
  if (end_) return {};
  return fail(Errc::invalid_state, "this frame was published or abandoned already");
}

Result<std::uint64_t> FrameWriter::publish(const FrameMeta& meta) {
  PRONG_TRY(check_not_empty());
  PRONG_TRY_ASSIGN(const FrameMeta published, end_->publish(slot_, meta));
  clear();
  return published.sequence;
}

Result<FrameLease> FrameWriter::publish_and_keep(const FrameMeta& meta) {
  PRONG_TRY(check_not_empty());
  PRONG_TRY_ASSIGN(FrameLease lease, end_->publish_and_keep(slot_, meta));
  clear();
  return lease;
}

void FrameWriter::abandon() noexcept {
  if (!end_) return;
  end_->abandon(slot_);
  clear();
}

void FrameWriter::clear() noexcept {
  end_.reset();
  bytes_ = {};
}

}  // namespace prong

#include "prong/frame/frame_pool.hpp"

#include "prong/frame/detail/frame_memory.hpp"
#include "prong/frame/detail/producer_end.hpp"

namespace prong {

using frame::detail::FrameGeometry;
using frame::detail::FrameMemory;
using frame::detail::SlotWords;

bool FrameView::is_current() const noexcept {
  return mapping_->stream().slots[meta_.slot].filled.load(std::memory_order_acquire) == meta_.sequence;
}

FramePool::FramePool(const FramePoolOptions& options)
    : memory_{FrameMemory::create(options.name, FrameGeometry{.slots = options.slots,
                                                              .slot_bytes = options.slot_bytes,
                                                              .readers = 0,
                                                              .policy = FramePolicy::drop_oldest})
                  .value()} {}

Result<FrameProducer> FramePool::producer() const {
  PRONG_TRY_ASSIGN(auto end, frame::detail::ProducerEnd::take(memory_));
  return FrameProducer{std::move(end)};
}

Result<FrameView> FramePool::resolve(const FrameHandle& handle) const {
  if (handle.pool != id()) return fail(Errc::invalid_argument, "the frame is in another pool");
  if (handle.slot >= slots() || handle.sequence == 0) return fail(Errc::invalid_argument, "the handle names no frame");
  PRONG_TRY_ASSIGN(auto mapping, memory_->view());
  const SlotWords& words = mapping->stream().slots[handle.slot];
  // SYNC POINT with filled store in QueueProducer::publish, take. The second look makes sure that all the metadata is
  // of one frame.
  const auto is_here = [&] {
    return words.filled.load(std::memory_order_acquire) == handle.sequence &&
           static_cast<std::uint32_t>(words.generation.load(std::memory_order_acquire)) == handle.generation;
  };
  const bool was_here = is_here();
  const FrameMeta meta = frame::detail::load_meta(words.meta);
  if (!was_here || !is_here())
    return fail(Errc::stale_frame, "frame " + std::to_string(handle.sequence) + " is not in its slot any more");
  if (meta.sequence != handle.sequence || meta.slot != handle.slot)
    return fail(Errc::bad_message, "the producer's metadata is of another frame");
  if (const auto fits = check_frame(meta, slot_bytes()); !fits)
    return fail(Errc::bad_message, "the producer's metadata: " + fits.error().message());
  const Bytes bytes = mapping->slot(handle.slot).first(meta.size);
  return FrameView{std::move(mapping), bytes, meta};
}

std::uint64_t FramePool::id() const noexcept {
  return memory_->pool();
}

std::size_t FramePool::slots() const noexcept {
  return memory_->geometry().slots;
}

std::size_t FramePool::slot_bytes() const noexcept {
  return memory_->geometry().slot_bytes;
}

}  // namespace prong

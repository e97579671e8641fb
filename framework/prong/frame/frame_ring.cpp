#include "prong/frame/frame_ring.hpp"

#include "prong/frame/detail/frame_memory.hpp"
#include "prong/frame/detail/read_statistics.hpp"
#include "prong/frame/detail/reader_end.hpp"

namespace prong {
namespace {

using frame::detail::FrameGeometry;
using frame::detail::FrameMemory;

Result<std::shared_ptr<FrameMemory>> make_memory(const FrameRingOptions& options) {
  if (options.readers == 0) return fail(Errc::size_invalid, "a ring without readers is a FramePool");
  return FrameMemory::create(options.name, FrameGeometry{.slots = options.slots,
                                                         .slot_bytes = options.slot_bytes,
                                                         .readers = options.readers,
                                                         .policy = options.policy});
}

}  // namespace

FrameRing::FrameRing(const FrameRingOptions& options) : pool_{make_memory(options).value()} {}

Result<FrameConsumer> FrameRing::consumer(std::size_t reader) const {
  if (reader >= readers())
    return fail(Errc::invalid_argument,
                "reader " + std::to_string(reader) + " of a ring with " + std::to_string(readers()));
  PRONG_TRY_ASSIGN(auto end, frame::detail::ReaderEnd::take(pool_.memory_, reader));
  return FrameConsumer{std::move(end)};
}

Result<FrameRingStatistics> FrameRing::statistics() const {
  PRONG_TRY_ASSIGN(const auto mapping, pool_.memory_->view());
  const auto stream = mapping->stream();
  FrameRingStatistics statistics = frame::detail::read_stream_statistics(stream);
  for (std::size_t reader = 0; reader < readers(); ++reader)
    statistics.readers.push_back(frame::detail::read_reader_statistics(
        stream, mapping->reader(reader), pool_.memory_->geometry().policy, statistics.published));
  return statistics;
}

std::size_t FrameRing::readers() const noexcept {
  return pool_.memory_->geometry().readers;
}

FramePolicy FrameRing::policy() const noexcept {
  return pool_.memory_->geometry().policy;
}

}  // namespace prong

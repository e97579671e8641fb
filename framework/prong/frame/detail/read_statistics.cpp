#include "prong/frame/detail/read_statistics.hpp"

#include <algorithm>

namespace prong::frame::detail {
namespace {

struct Progress {
  std::uint64_t cursor = 0;
  std::uint64_t delivered = 0;
  std::uint64_t redelivered = 0;
};

Progress read_progress(const ReaderHead& head) noexcept {
  Progress progress;
  // A copy is written again only after two commits: if there was none meanwhile, its words are of one moment. A reader
  // that commits all the time is given up: nobody can ask for numbers that agree then.
  for (int attempt = 0; attempt < 100; ++attempt) {
    // SYNC POINT with commits store in QueueReader::commit
    const std::uint64_t commits = head.commits.load(std::memory_order_acquire);
    const ReaderHead::Progress& words = head.progress[commits & 1];
    progress.cursor = words.cursor.load(std::memory_order_acquire);
    progress.delivered = words.delivered.load(std::memory_order_acquire);
    progress.redelivered = words.redelivered.load(std::memory_order_acquire);
    if (head.commits.load(std::memory_order_acquire) == commits) break;
  }
  return progress;
}

bool is_queued(const StreamWords<false>& stream, std::uint64_t sequence) noexcept {
  const std::uint64_t entry = stream.log_entry(sequence).load(std::memory_order_acquire);
  const std::uint32_t slot = log_slot(entry);
  return log_sequence(entry) == sequence && slot < stream.slots.size() &&
         stream.slots[slot].offered.load(std::memory_order_acquire) == sequence;
}

std::uint64_t count_queued(const StreamWords<false>& stream, FramePolicy policy, std::uint64_t cursor,
                           std::uint64_t published) noexcept {
  if (cursor >= published) return 0;
  if (policy == FramePolicy::latest_only) return is_queued(stream, published) ? 1 : 0;
  const std::uint64_t known = stream.log.size();
  std::uint64_t queued = 0;
  for (std::uint64_t behind = 0; behind < std::min(known, published - cursor); ++behind)
    if (is_queued(stream, published - behind)) ++queued;
  return queued;
}

}  // namespace

FrameRingStatistics read_stream_statistics(const StreamWords<false>& stream) noexcept {
  // SYNC POINT with head store in QueueProducer::publish, finish
  const std::uint64_t head = stream.head->head.load(std::memory_order_acquire);
  FrameRingStatistics statistics;
  statistics.published = head_sequence(head);
  statistics.finished = head_finished(head);
  statistics.blocked = stream.head->blocked.load(std::memory_order_relaxed);
  statistics.blocked_time = std::chrono::nanoseconds{
      static_cast<std::int64_t>(stream.head->blocked_nanoseconds.load(std::memory_order_relaxed))};
  return statistics;
}

FrameReaderStatistics read_reader_statistics(const StreamWords<false>& stream, const ReaderWords<false>& reader,
                                             FramePolicy policy, std::uint64_t published) noexcept {
  const Progress progress = read_progress(*reader.head);
  FrameReaderStatistics statistics;
  statistics.delivered = std::min(progress.delivered, published);
  statistics.redelivered = progress.redelivered;
  statistics.queued =
      std::min(count_queued(stream, policy, progress.cursor, published), published - statistics.delivered);
  statistics.dropped = published - statistics.delivered - statistics.queued;
  statistics.leased = static_cast<std::uint64_t>(std::ranges::count_if(
      reader.claims, [](const Word& claim) { return is_reading(claim.load(std::memory_order_acquire)); }));
  statistics.has_left = reader.head->left.load(std::memory_order_acquire) != 0;
  return statistics;
}

}  // namespace prong::frame::detail

// Counting what the words of a ring say.
#pragma once

#include "prong/frame/detail/frame_words.hpp"
#include "prong/frame/frame_policy.hpp"
#include "prong/frame/frame_statistics.hpp"

namespace prong::frame::detail {

/// Counts for the producer's words alone.
[[nodiscard]] FrameRingStatistics read_stream_statistics(const StreamWords<false>& stream) noexcept;

/// Counts for one reader. Whatever stands in the words: it ends, and no number is larger than `published`.
[[nodiscard]] FrameReaderStatistics read_reader_statistics(const StreamWords<false>& stream,
                                                           const ReaderWords<false>& reader, FramePolicy policy,
                                                           std::uint64_t published) noexcept;

}  // namespace prong::frame::detail

// Who may touch which frame when: the protocol between one producer and its readers, over words in shared memory.
//
// Knows no memory, no descriptor and no waiting. Protocol, and why it is safe: docs/formats/frame_ring.md.
#pragma once

#include "prong/base/result.hpp"
#include "prong/frame/detail/frame_words.hpp"
#include "prong/frame/frame_policy.hpp"

#include <list>
#include <memory>
#include <optional>
#include <vector>

namespace prong::frame::detail {

/// The producer's side. Which slot is whose it keeps in private memory.
///
/// Thread safety: one thread at a time; drop_lease() from any thread.
/// If the peer dies: frames that a reader held stay untouched until its successor gives them back.
class QueueProducer {
 public:
  QueueProducer(StreamWords<true> stream, std::vector<ReaderWords<false>> readers, FramePolicy policy);
  QueueProducer(const QueueProducer&) = delete;
  QueueProducer& operator=(const QueueProducer&) = delete;

  /// Takes over what a predecessor left, and opens the stream again if it was finished. To be called first, once.
  /// Fails with: bad_message if the words contradict each other.
  [[nodiscard]] Result<void> resume();

  /// Returns a slot that nobody reads and nobody else will, or nothing. Blocks: never.
  [[nodiscard]] std::optional<std::uint32_t> try_acquire() noexcept;
  /// Gives an acquired slot back unpublished.
  void abandon(std::uint32_t slot) noexcept;
  /// Lets readers see the frame in an acquired slot. Sets the sequence and the slot in `meta`.
  /// Requires: fewer than max_sequence frames were published.
  void publish(std::uint32_t slot, FrameMeta& meta) noexcept;
  /// Tells readers that no frame will follow.
  void finish() noexcept;

  /// Keeps a slot, acquired or published, from being filled again until drop_lease(). Counts.
  void add_lease(std::uint32_t slot) noexcept { leases_[slot].fetch_add(1, std::memory_order_relaxed); }
  void drop_lease(std::uint32_t slot) noexcept;

  [[nodiscard]] std::uint64_t published() const noexcept { return published_; }
  [[nodiscard]] std::uint32_t generation(std::uint32_t slot) const noexcept;
  /// Returns the metadata of the last frame published, by whomever. Requires: there is one.
  [[nodiscard]] FrameMeta last_published() const noexcept;
  /// Counts a wait for a slot that has ended.
  void count_blocked(std::chrono::nanoseconds time) noexcept;

 private:
  using Slots = std::list<std::uint32_t>;  // Spliced, so nothing is allocated after construction.
  struct Slot {
    Slots::iterator place;
    std::uint64_t sequence = 0;
  };

  [[nodiscard]] Result<void> adopt(std::vector<std::uint32_t> published_slots);
  void take(Slots& from, std::uint32_t slot) noexcept;
  [[nodiscard]] bool is_claimed(std::uint32_t slot) const noexcept;
  [[nodiscard]] bool is_held(std::uint32_t slot) const noexcept;
  [[nodiscard]] bool take_back(std::uint32_t slot) noexcept;
  [[nodiscard]] std::uint64_t lowest_cursor() const noexcept;

  const StreamWords<true> stream_;
  const std::vector<ReaderWords<false>> readers_;
  const FramePolicy policy_;
  std::uint64_t published_ = 0;
  std::vector<Slot> slots_;
  Slots free_;
  Slots acquired_;
  Slots offered_;  // In the order of their sequences.
  std::unique_ptr<std::atomic<std::uint32_t>[]> leases_;
};

/// A frame that a reader has claimed.
struct Claim {
  std::uint64_t sequence = 0;
  std::uint32_t slot = 0;
  std::uint32_t delivery = 1;  ///< How often, this time included, the frame was delivered to this reader.
};

/// A reader's side. Each claim is accepted or rejected before the next is tried.
///
/// Thread safety: one thread at a time; release() from any thread.
/// If the peer dies: published frames stay readable.
class QueueReader {
 public:
  QueueReader(StreamWords<false> stream, ReaderWords<true> words, FramePolicy policy);

  /// Takes over what a predecessor left: frames that it held are delivered first. To be called first, once.
  /// Fails with: bad_message if the words contradict each other.
  [[nodiscard]] Result<void> resume();

  /// Claims the next frame. Nothing: there is none, or all that were there have been dropped meanwhile. Blocks: never.
  /// Fails with: bad_message; what was wrong is passed over.
  [[nodiscard]] Result<std::optional<Claim>> try_claim();
  /// Copies the metadata of a claimed frame out, unchecked.
  [[nodiscard]] FrameMeta meta(const Claim& claim) const noexcept;
  [[nodiscard]] std::uint32_t generation(const Claim& claim) const noexcept;
  /// Counts a claimed frame as delivered. It is the reader's until release().
  void accept(const Claim& claim) noexcept;
  /// Gives a claimed frame back as dropped.
  void reject(const Claim& claim) noexcept;
  /// Gives an accepted frame back.
  void release(std::uint32_t slot) noexcept;

  /// Tells whether there may be a frame to claim, or the end to be told.
  [[nodiscard]] bool has_news() const noexcept;
  /// Tells whether the producer has finished and every frame was claimed.
  [[nodiscard]] bool at_end() const noexcept;
  /// Has the producer wait for this reader no longer and gives back what a predecessor held; accepted frames stay held.
  void leave() noexcept;

 private:
  [[nodiscard]] std::uint64_t next_wanted(std::uint64_t published) const noexcept;
  [[nodiscard]] bool protect(std::uint32_t slot, std::uint64_t sequence) noexcept;
  void commit() noexcept;

  const StreamWords<false> stream_;
  const ReaderWords<true> words_;
  const FramePolicy policy_;
  std::uint64_t known_published_ = 0;
  std::uint64_t cursor_ = 0;
  std::uint64_t delivered_ = 0;
  std::uint64_t redelivered_ = 0;
  std::uint64_t commits_ = 0;
  std::vector<Claim> inherited_;  // Newest first.
};

}  // namespace prong::frame::detail

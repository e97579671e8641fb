#include "prong/sync/detail/checkpoint_half.hpp"

#include <algorithm>
#include <bit>
#include <cstring>

namespace prong::sync::detail {
namespace {

constexpr std::size_t word_size = sizeof(std::uint64_t);

// Both steps are one-to-one in the sum and in the word: a difference never gets lost on the way.
constexpr std::uint64_t mix(std::uint64_t sum, std::uint64_t word) noexcept {
  return std::rotl((sum ^ word) * 0x9e3779b97f4a7c15U, 32);
}

std::uint64_t word_at(Bytes bytes, std::size_t index) noexcept {
  std::uint64_t word = 0;
  const Bytes rest = bytes.subspan(index * word_size);
  std::memcpy(&word, rest.data(), std::min(word_size, rest.size()));
  return word;
}

constexpr std::size_t words_for(std::size_t bytes) noexcept {
  return (bytes + word_size - 1) / word_size;
}

}  // namespace

std::uint64_t checkpoint_checksum(std::uint64_t number, std::uint64_t size,
                                  std::span<const std::uint64_t> words) noexcept {
  std::uint64_t sum = mix(mix(0x70726f6e67U, number), size);
  for (const std::uint64_t word : words) sum = mix(sum, word);
  return sum;
}

void CheckpointHalf::write(std::uint64_t number, Bytes bytes) noexcept {
  head_->begun.store(number, std::memory_order_relaxed);
  // SYNC POINT with begun load in read: who sees one of the words that follow sees that they were begun.
  std::atomic_thread_fence(std::memory_order_release);
  std::uint64_t sum = checkpoint_checksum(number, bytes.size(), {});
  const std::size_t count = words_for(bytes.size());
  for (std::size_t i = 0; i < count; ++i) {
    const std::uint64_t word = word_at(bytes, i);
    sum = mix(sum, word);
    words_[i].store(word, std::memory_order_relaxed);
  }
  head_->size.store(bytes.size(), std::memory_order_relaxed);
  head_->checksum.store(sum, std::memory_order_relaxed);
  head_->taken.store(0, std::memory_order_relaxed);
  // SYNC POINT with done load in read: who sees the number sees all of the save.
  head_->done.store(number, std::memory_order_release);
}

std::uint64_t CheckpointHalf::number() const noexcept {
  return head_->done.load(std::memory_order_acquire);
}

CheckpointRead CheckpointHalf::read(std::vector<std::byte>& bytes, std::uint64_t& number) const {
  // SYNC POINT with done store in write.
  number = head_->done.load(std::memory_order_acquire);
  const std::uint64_t size = head_->size.load(std::memory_order_relaxed);
  const std::uint64_t checksum = head_->checksum.load(std::memory_order_relaxed);
  const std::uint64_t begun = head_->begun.load(std::memory_order_relaxed);
  if (number > max_checkpoint_number || begun > max_checkpoint_number) return CheckpointRead::overwritten;
  if (number == 0 || begun != number) return CheckpointRead::nothing;
  if (size > words_.size() * word_size) return CheckpointRead::overwritten;
  std::vector<std::uint64_t> copy(words_for(size));
  for (std::size_t i = 0; i < copy.size(); ++i) copy[i] = words_[i].load(std::memory_order_relaxed);
  // SYNC POINT with the fence in write: if a word of a later save was read, its begin is seen.
  std::atomic_thread_fence(std::memory_order_acquire);
  if (head_->begun.load(std::memory_order_relaxed) != number) return CheckpointRead::overtaken;
  if (checkpoint_checksum(number, size, copy) != checksum) return CheckpointRead::overwritten;
  bytes.resize(size);
  if (size > 0) std::memcpy(bytes.data(), copy.data(), size);
  return CheckpointRead::whole;
}

std::uint32_t CheckpointHalf::count_take() noexcept {
  return static_cast<std::uint32_t>(head_->taken.fetch_add(1, std::memory_order_relaxed)) + 1;
}

void CheckpointHalf::clear() noexcept {
  head_->done.store(0, std::memory_order_relaxed);
  head_->begun.store(0, std::memory_order_release);
}

}  // namespace prong::sync::detail

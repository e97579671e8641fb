#include "prong/sync/checkpoint_store.hpp"

#include "prong/base/checked.hpp"
#include "prong/os/shared_memory.hpp"
#include "prong/sync/detail/checkpoint_half.hpp"

#include <array>
#include <new>
#include <string>
#include <utility>

namespace prong {
namespace {

using sync::detail::CheckpointHalf;
using sync::detail::CheckpointHead;
using sync::detail::CheckpointRead;
using sync::detail::CheckpointWord;

constexpr int max_reads = 100;

// Fresh memory of zeros is valid: lock-free atomics have no state but their value.
CheckpointHalf half_at(std::byte* where, std::size_t words) noexcept {
  return {*std::launder(reinterpret_cast<CheckpointHead*>(where)),
          {std::launder(reinterpret_cast<CheckpointWord*>(where + sizeof(CheckpointHead))), words}};
}

}  // namespace

struct CheckpointStore::Parts {
  Parts(os::Mapping mapping, std::size_t bytes, std::size_t words)
      : memory{std::move(mapping)},
        capacity{bytes},
        halves{half_at(memory.data(), words),
               half_at(memory.data() + sizeof(CheckpointHead) + words * sizeof(CheckpointWord), words)} {}

  os::Mapping memory;
  std::size_t capacity;
  std::array<CheckpointHalf, 2> halves;
  // Of the one that saves.
  std::uint64_t last_number = 0;
  std::size_t next_half = 0;

  struct Found {
    std::size_t half = 0;
    Saved saved;
  };
  [[nodiscard]] Result<std::optional<Found>> find() const;
  /// Finds out where the last one who saved was.
  void become_saver();
};

Result<std::optional<CheckpointStore::Parts::Found>> CheckpointStore::Parts::find() const {
  for (int i = 0; i < max_reads; ++i) {
    const std::array numbers{halves[0].number(), halves[1].number()};
    const std::size_t newer = numbers[1] > numbers[0] ? 1 : 0;
    bool is_changing = false;
    bool is_empty = numbers[newer] == 0;
    for (const std::size_t half : {newer, 1 - newer}) {
      Found found{half, {}};
      const CheckpointRead read = halves[half].read(found.saved.bytes, found.saved.number);
      if (read == CheckpointRead::whole) return std::optional{std::move(found)};
      if (read == CheckpointRead::overtaken) is_changing = true;
      if (read != CheckpointRead::nothing) is_empty = false;
    }
    if (is_empty) return std::optional<Found>{};
    // One half is always whole, though perhaps not the one where we just looked, if somebody saves meanwhile.
    if (!is_changing && numbers == std::array{halves[0].number(), halves[1].number()})
      return fail(Errc::bad_message, "something has overwritten the checkpoint");
  }
  return fail(Errc::overloaded, "a process saves checkpoints faster than they can be read");
}

void CheckpointStore::Parts::become_saver() {
  // Unless what stands there is what this object saved last, somebody else has saved since, or cleared.
  if (last_number > 0 && halves[1 - next_half].number() == last_number && halves[next_half].number() < last_number)
    return;
  const auto found = find();
  const bool is_there = found && *found;
  last_number = is_there ? (*found)->saved.number : 0;
  next_half = is_there ? 1 - (*found)->half : 0;
}

CheckpointStore::CheckpointStore(std::unique_ptr<Parts> parts) noexcept : parts_{std::move(parts)} {}
CheckpointStore::CheckpointStore(CheckpointStore&&) noexcept = default;
CheckpointStore& CheckpointStore::operator=(CheckpointStore&&) noexcept = default;
CheckpointStore::~CheckpointStore() = default;

Result<CheckpointStore> CheckpointStore::create(std::size_t capacity) {
  const std::optional<std::size_t> padded = checked_add(capacity, sizeof(CheckpointWord) - 1);
  if (capacity == 0 || !padded)
    return fail(Errc::size_invalid, "a checkpoint of up to " + std::to_string(capacity) + " bytes");
  const std::size_t words = *padded / sizeof(CheckpointWord);
  const std::optional<std::size_t> half = checked_add(words * sizeof(CheckpointWord), sizeof(CheckpointHead));
  const std::optional<std::size_t> both = half ? checked_multiply(*half, std::size_t{2}) : std::nullopt;
  if (!both) return fail(Errc::size_invalid, "a checkpoint of up to " + std::to_string(capacity) + " bytes");
  PRONG_TRY_ASSIGN(const auto memory, os::SharedMemory::create("prong-checkpoint", *both));
  PRONG_TRY_ASSIGN(auto mapping, memory.map(os::Access::read_write));
  return CheckpointStore{std::make_unique<Parts>(std::move(mapping), capacity, words)};
}

Result<void> CheckpointStore::save(Bytes bytes) {
  if (bytes.size() > capacity())
    return fail(Errc::too_large, "a checkpoint of " + std::to_string(bytes.size()) + " bytes; there is room for " +
                                     std::to_string(capacity()));
  parts_->become_saver();
  if (parts_->last_number ==
      sync::detail::max_checkpoint_number) {  // which only a hostile predecessor can have reached
    clear();
    parts_->last_number = 0;
  }
  parts_->halves[parts_->next_half].write(++parts_->last_number, bytes);
  parts_->next_half = 1 - parts_->next_half;
  return {};
}

Result<std::optional<CheckpointStore::Saved>> CheckpointStore::last() const {
  PRONG_TRY_ASSIGN(auto found, parts_->find());
  if (!found) return std::optional<Saved>{};
  return std::optional{std::move(found->saved)};
}

Result<std::optional<CheckpointStore::Saved>> CheckpointStore::take() {
  PRONG_TRY_ASSIGN(auto found, parts_->find());
  if (!found) return std::optional<Saved>{};
  found->saved.attempt = parts_->halves[found->half].count_take();
  return std::optional{std::move(found->saved)};
}

void CheckpointStore::clear() noexcept {
  for (CheckpointHalf& half : parts_->halves) half.clear();
}

std::size_t CheckpointStore::capacity() const noexcept {
  return parts_->capacity;
}

}  // namespace prong

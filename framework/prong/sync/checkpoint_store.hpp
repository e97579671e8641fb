// What a process leaves for the one that takes its place.
#pragma once

#include "prong/base/bytes.hpp"
#include "prong/base/result.hpp"

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

namespace prong {

/// The last state that a process has saved, in shared memory that outlives it.
///
/// Made before the fork, as a member of a MessageProcess for instance: the backend saves, and its successor, which is
/// forked from the same snapshot, takes. A save replaces the older of two halves, so a death in the middle of one
/// leaves the other. Layout in memory: docs/formats/checkpoint_store.md.
/// Thread safety: one thread of one process saves; any read. save(), take() and clear() exclude one another.
/// If the peer dies: the last whole save is kept.
/// Requires: used neither moved-from nor while it is moved.
class CheckpointStore {
 public:
  /// One save.
  struct Saved {
    std::vector<std::byte> bytes;
    std::uint64_t number = 0;   ///< Counts the saves since the store was made or cleared, from 1.
    std::uint32_t attempt = 0;  ///< How often take() has returned it, this time included; 0 from last().
  };

  /// Makes an empty store for saves of up to `capacity` bytes; it takes twice that memory.
  /// Fails with: size_invalid, system.
  [[nodiscard]] static Result<CheckpointStore> create(std::size_t capacity);
  CheckpointStore(CheckpointStore&&) noexcept;
  CheckpointStore& operator=(CheckpointStore&&) noexcept;
  ~CheckpointStore();

  /// Replaces what was saved. Blocks: never; it copies the bytes and makes their checksum. Fails with: too_large.
  [[nodiscard]] Result<void> save(Bytes bytes);
  /// Returns the last whole save, or nothing if there is none.
  ///
  /// Fails with: bad_message if something has overwritten both halves; overloaded if a process kept saving faster than
  /// it could be read.
  [[nodiscard]] Result<std::optional<Saved>> last() const;
  /// As last(), for the process that goes on from it. A successor that dies of what it took is told so by `attempt`.
  [[nodiscard]] Result<std::optional<Saved>> take();
  /// Forgets what was saved.
  void clear() noexcept;

  /// Units: bytes.
  [[nodiscard]] std::size_t capacity() const noexcept;

 private:
  struct Parts;
  explicit CheckpointStore(std::unique_ptr<Parts> parts) noexcept;

  std::unique_ptr<Parts> parts_;
};

}  // namespace prong

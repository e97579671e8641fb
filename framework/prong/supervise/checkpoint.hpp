// A checkpoint of one type, for processes that keep a state.
#pragma once

#include "prong/base/exception.hpp"
#include "prong/message/codec.hpp"
#include "prong/sync/checkpoint_store.hpp"

#include <optional>
#include <vector>

namespace prong {

/// The last T that a backend has saved, for its successor.
///
/// A member of a MessageProcess, so that it is made before the fork: handlers save(), pre_run() takes. T is anything
/// that can be an argument of a command. Thread safety, If the peer dies: as CheckpointStore.
template <Serializable T>
class Checkpoint {
 public:
  struct Taken {
    T value;
    std::uint64_t number = 0;   ///< Counts the saves, from 1.
    std::uint32_t attempt = 0;  ///< How many successors have taken it, this one included.
  };

  /// Units: bytes of the largest encoded T. Throws Exception: size_invalid, system.
  explicit Checkpoint(std::size_t capacity = std::size_t{64} * 1024)
      : store_{CheckpointStore::create(capacity).value()} {}

  /// Replaces what was saved. Throws Exception: too_large.
  void save(const T& value) {
    scratch_.clear();
    encode(value, scratch_);
    store_.save(scratch_).value();
  }
  /// Returns what the last process has saved, or nothing if there is none.
  /// Fails with: bad_message if something has overwritten it, malformed if it is not a T.
  [[nodiscard]] Result<std::optional<Taken>> take() {
    PRONG_TRY_ASSIGN(const auto saved, store_.take());
    if (!saved) return std::optional<Taken>{};
    PRONG_TRY_ASSIGN(T value, decode<T>(saved->bytes));
    return std::optional<Taken>{Taken{std::move(value), saved->number, saved->attempt}};
  }
  /// Forgets it: the next process begins anew. In the frontend, while no backend runs, or in the backend.
  void clear() noexcept { store_.clear(); }

 private:
  CheckpointStore store_;
  std::vector<std::byte> scratch_;
};

}  // namespace prong

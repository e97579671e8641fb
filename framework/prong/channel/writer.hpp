// The write end of anything that takes items one after the other.
#pragma once

#include "prong/channel/device.hpp"

#include <concepts>
#include <memory>
#include <span>
#include <utility>

namespace prong {

/// Writes items, as one writes bytes to a file.
///
/// What is not written stays with the caller: a refused item is not moved from.
/// Thread safety: that of the kind of writer.
template <class T>
class Writer {
 public:
  using value_type = T;

  Writer() = default;
  Writer(const Writer&) = default;
  Writer(Writer&&) noexcept = default;
  Writer& operator=(const Writer&) = default;
  Writer& operator=(Writer&&) noexcept = default;
  virtual ~Writer() = default;

  /// Writes `item`; waits for room until `deadline`, if that is the policy.
  /// Fails with: read_only after a close, overloaded, deadline_exceeded.
  [[nodiscard]] Result<void> write(T&& item, Deadline deadline) {
    const Transfer transfer = transfer_in({std::addressof(item), 1}, deadline);
    if (transfer.count == 1) [[likely]]
      return {};
    return write_error(transfer.end);
  }
  [[nodiscard]] Result<void> write(const T& item, Deadline deadline) requires std::copy_constructible<T> {
    return write(T{item}, deadline);
  }
  /// As write(), without waiting: fails with overloaded where there is no room.
  [[nodiscard]] Result<void> try_write(T&& item) {
    const Transfer transfer = transfer_in({std::addressof(item), 1}, Deadline::now());
    if (transfer.count == 1) return {};
    return write_error(transfer.end == TransferEnd::deadline ? TransferEnd::full : transfer.end);
  }
  [[nodiscard]] Result<void> try_write(const T& item) requires std::copy_constructible<T> { return try_write(T{item}); }
  /// Writes as many of `items` as it can before the deadline, in order, and returns how many: those are moved from.
  /// Fails with: as write(), if it could write none of one or more.
  [[nodiscard]] Result<std::size_t> write_some(std::span<T> items, Deadline deadline) {
    const Transfer transfer = transfer_in(items, deadline);
    if (transfer.count == 0 && !items.empty()) return write_error(transfer.end);
    return transfer.count;
  }

  /// Ends it: readers get what was written before, then the end. A second close is no error.
  virtual void close() = 0;
  /// As close(), but after the items readers get `error` instead of the end.
  virtual void close(Error error) = 0;
  [[nodiscard]] virtual bool closed() const noexcept = 0;
  /// Returns how many items were written and not yet read.
  [[nodiscard]] virtual std::size_t size() const noexcept = 0;

 protected:
  [[nodiscard]] virtual Transfer transfer_in(std::span<T> items, Deadline deadline) = 0;
};

}  // namespace prong

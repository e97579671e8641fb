// The read end of anything that gives items one after the other.
#pragma once

#include "prong/base/deadline.hpp"
#include "prong/base/exception.hpp"
#include "prong/base/result.hpp"
#include "prong/channel/device.hpp"
#include "prong/channel/item_range.hpp"

#include <cstddef>
#include <limits>
#include <optional>
#include <utility>
#include <vector>

namespace prong {

/// A limit for the time between two items of one read, not for the whole of it.
struct PerItem {
  Deadline::Duration limit;
};

/// Reads items, as one reads bytes from a file.
///
/// The end is no error: a read that comes to it returns what there was before, and then nothing. If whoever wrote has
/// failed, a read returns the items made before the failure, and the next one fails with it.
/// Thread safety: that of the kind of reader. Each item goes to one of those who read at once.
template <class T>
class Reader {
 public:
  using value_type = T;

  /// How many items are "all until the end".
  static constexpr std::size_t everything = 0;

  Reader() = default;
  Reader(const Reader&) = default;
  Reader(Reader&&) noexcept = default;
  Reader& operator=(const Reader&) = default;
  Reader& operator=(Reader&&) noexcept = default;
  virtual ~Reader() = default;

  /// Reads `count` items; 0: all until the end.
  ///
  /// Fewer come if the end or the deadline comes before; at_end() tells which. The deadline is for the whole read.
  /// Fails with: what the writer failed with, if there was no item before.
  [[nodiscard]] Result<std::vector<T>> read(std::size_t count, Deadline deadline) {
    std::vector<T> items;
    PRONG_TRY(read_into(items, count, deadline));
    return items;
  }
  /// As above, but the deadline begins anew with each item.
  [[nodiscard]] Result<std::vector<T>> read(std::size_t count, PerItem per_item) {
    std::vector<T> items;
    const std::size_t wanted = count == everything ? std::numeric_limits<std::size_t>::max() : count;
    while (items.size() < wanted) {
      const auto got = read_into(items, 1, Deadline::after(per_item.limit));
      if (!got && items.empty()) return got.error();
      if (!got || *got == 0) break;
    }
    return items;
  }
  /// Reads what is there, at most `count` items; 0: all of it. Blocks: never.
  [[nodiscard]] Result<std::vector<T>> try_read(std::size_t count) { return read(count, Deadline::now()); }

  /// Reads one item. Fails with: closed at the end, deadline_exceeded, and what the writer failed with.
  [[nodiscard]] virtual Result<T> next(Deadline deadline) {
    std::vector<T> items;
    PRONG_TRY_ASSIGN(const std::size_t count, read_into(items, 1, deadline));
    if (count != 0) return std::move(items.front());
    return read_error(at_end() ? TransferEnd::over : TransferEnd::deadline);
  }
  /// Reads one item if there is one. Blocks: never.
  [[nodiscard]] virtual std::optional<T> try_next() {
    auto item = next(Deadline::now());
    return item ? std::optional<T>{std::move(*item)} : std::nullopt;
  }
  /// Returns the items until the end as an input range. Its iterator waits for each item until `deadline` and throws
  /// DeadlineExceeded, or the Exception of what the writer failed with.
  [[nodiscard]] ItemRange<T> items(Deadline deadline) { return ItemRange<T>{*this, deadline}; }

  /// As read(), appending to `out`; returns how many were appended.
  [[nodiscard]] virtual Result<std::size_t> read_into(std::vector<T>& out, std::size_t count, Deadline deadline) = 0;
  /// Tells whether no item will come any more.
  [[nodiscard]] virtual bool at_end() const = 0;
};

template <class T>
std::optional<T> ItemRange<T>::fetch() {
  Result<T> item = reader_->next(deadline_);
  if (item) return std::move(*item);
  if (item.error().code() == Errc::closed) return std::nullopt;
  throw_error(std::move(item).error());
}

}  // namespace prong

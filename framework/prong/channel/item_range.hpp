// The items of a reader as an input range.
#pragma once

#include "prong/base/deadline.hpp"

#include <cstddef>
#include <iterator>
#include <optional>

namespace prong {

template <class T>
class Reader;

/// An input range over what a reader still gives, for loops and for std::ranges. It is walked once.
///
/// Requires: the reader lives as long.
template <class T>
class ItemRange {
 public:
  class Iterator {
   public:
    using iterator_concept = std::input_iterator_tag;
    using value_type = T;
    using difference_type = std::ptrdiff_t;

    Iterator() = default;
    [[nodiscard]] T& operator*() const noexcept { return **item_; }
    [[nodiscard]] T* operator->() const noexcept { return &**item_; }
    /// Waits for the next item.
    Iterator& operator++() {
      *item_ = range_->fetch();
      return *this;
    }
    void operator++(int) { ++*this; }
    [[nodiscard]] bool operator==(std::default_sentinel_t) const noexcept { return !item_->has_value(); }

   private:
    friend class ItemRange;
    explicit Iterator(ItemRange& range) noexcept : range_{&range}, item_{&range.item_} {}

    ItemRange* range_ = nullptr;
    std::optional<T>* item_ = nullptr;
  };

  ItemRange(Reader<T>& reader, Deadline deadline) noexcept : reader_{&reader}, deadline_{deadline} {}

  /// Waits for the first item.
  [[nodiscard]] Iterator begin() {
    item_ = fetch();
    return Iterator{*this};
  }
  [[nodiscard]] std::default_sentinel_t end() const noexcept { return {}; }

 private:
  std::optional<T> fetch();

  Reader<T>* reader_;
  Deadline deadline_;
  std::optional<T> item_;
};

}  // namespace prong

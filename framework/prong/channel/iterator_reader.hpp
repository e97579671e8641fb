// A reader over any range.
#pragma once

#include "prong/channel/reader.hpp"

#include <iterator>
#include <memory>
#include <mutex>
#include <optional>
#include <ranges>
#include <type_traits>
#include <utility>

namespace prong {

/// Reads the items of a range instead of those of a channel. Waits for nothing but the range itself.
///
/// The range may be endless, is advanced only as far as is read, and is walked once. A read heeds its deadline between
/// two items; one that does not wait (Deadline::now()) gets what it asks for all the same, for the range has it.
/// An exception of the range ends the reader: it leaves the read in which it was thrown.
/// A handle: copies read from the same range, and each item goes to one of them.
/// Thread safety: all members from any thread; the range is used by one thread at a time.
/// Source: gitpython async, "IteratorReader".
template <class T>
class IteratorReader : public Reader<T> {
 public:
  /// Takes `range`, a copy of it if it is an lvalue; to walk one that stays where it is, give std::views::all(range).
  template <std::ranges::input_range Range>
  requires(!std::derived_from<std::remove_cvref_t<Range>, IteratorReader> &&
           std::convertible_to<std::ranges::range_reference_t<std::remove_cvref_t<Range>>,
                               T>) explicit IteratorReader(Range&& range)
      : source_{std::make_shared<RangeSource<std::remove_cvref_t<Range>>>(std::forward<Range>(range))} {}

  [[nodiscard]] Result<std::size_t> read_into(std::vector<T>& out, std::size_t count, Deadline deadline) override {
    const std::lock_guard lock{source_->mutex};
    std::size_t done = 0;
    while (count == Reader<T>::everything || done != count) {
      if (deadline != Deadline::now() && deadline.has_passed()) break;
      std::optional<T> item = source_->fetch();
      if (!item) break;
      out.push_back(std::move(*item));
      ++done;
    }
    return done;
  }
  [[nodiscard]] bool at_end() const override {
    const std::lock_guard lock{source_->mutex};
    return source_->at_end();
  }

 private:
  struct Source {
    virtual ~Source() = default;
    virtual std::optional<T> fetch() = 0;
    virtual bool at_end() = 0;

    std::mutex mutex;
  };

  template <class Range>
  class RangeSource final : public Source {
   public:
    template <class Given>
    explicit RangeSource(Given&& range) : range_{std::forward<Given>(range)} {}

    std::optional<T> fetch() override {
      if (at_end()) return std::nullopt;
      try {
        std::optional<T> item{std::in_place, **position_};
        used_ = true;
        return item;
      } catch (...) {
        over_ = true;
        throw;
      }
    }
    // Advances only when it is asked: an endless or slow range gives no more than was read.
    bool at_end() override {
      if (over_) return true;
      try {
        if (!position_)
          position_.emplace(std::ranges::begin(range_));
        else if (std::exchange(used_, false))
          ++*position_;
        over_ = *position_ == std::ranges::end(range_);
      } catch (...) {
        over_ = true;
        throw;
      }
      return over_;
    }

   private:
    Range range_;
    std::optional<std::ranges::iterator_t<Range>> position_;
    bool used_ = false;
    bool over_ = false;
  };

  std::shared_ptr<Source> source_;
};

template <std::ranges::input_range Range>
IteratorReader(Range&&) -> IteratorReader<std::ranges::range_value_t<std::remove_cvref_t<Range>>>;

}  // namespace prong

// Values that came out of memory another process can write.
#pragma once

#include "prong/base/result.hpp"

#include <atomic>
#include <type_traits>
#include <utility>

namespace prong {

/// A value read from a peer that may be hostile. It has one way out: a check.
///
/// The word is read from shared memory once, into this object; the check and every later use see that copy, so
/// the peer cannot change it in between.
template <class T>
requires std::is_trivially_copyable_v<T>
class Untrusted {
 public:
  constexpr explicit Untrusted(T value) noexcept : value_{value} {}

  /// Reads `word` once.
  [[nodiscard]] static Untrusted read(const std::atomic<T>& word,
                                      std::memory_order order = std::memory_order_acquire) noexcept {
    return Untrusted{word.load(order)};
  }

  /// Returns the value if `valid(value)`, else a bad_message that says `what` was wrong.
  template <class Predicate>
  [[nodiscard]] Result<T> checked(Predicate&& valid, const char* what) const {
    if (std::forward<Predicate>(valid)(value_)) [[likely]]
      return value_;
    return fail(Errc::bad_message, what);
  }

 private:
  T value_;
};

}  // namespace prong

// A file descriptor with one owner.
#pragma once

#include "prong/base/result.hpp"

#include <utility>

namespace prong::os {

/// Owns a file descriptor and closes it once.
///
/// After fork: the child's copy is a descriptor of its own and is closed there too.
class UniqueFd {
 public:
  UniqueFd() noexcept = default;
  explicit UniqueFd(int descriptor) noexcept : descriptor_{descriptor} {}
  UniqueFd(UniqueFd&& other) noexcept : descriptor_{std::exchange(other.descriptor_, -1)} {}
  UniqueFd& operator=(UniqueFd&& other) noexcept;
  ~UniqueFd() { reset(); }

  /// Returns the descriptor, or -1.
  [[nodiscard]] int get() const noexcept { return descriptor_; }
  [[nodiscard]] explicit operator bool() const noexcept { return descriptor_ >= 0; }
  /// Gives the descriptor away: the caller closes it.
  [[nodiscard]] int release() noexcept { return std::exchange(descriptor_, -1); }
  void reset() noexcept;

  /// Returns a second descriptor for the same open file, closed on exec.
  [[nodiscard]] Result<UniqueFd> duplicate() const;

 private:
  int descriptor_ = -1;
};

}  // namespace prong::os

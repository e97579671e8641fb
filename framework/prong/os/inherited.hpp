// Which descriptors a backend keeps.
//
// A backend closes every descriptor it was not meant to have. What is shared on purpose, because it was made before
// the fork for both sides, is listed here.
#pragma once

#include "prong/base/result.hpp"

#include <span>
#include <utility>

namespace prong::os {

/// Keeps one descriptor open in every backend forked while this object lives.
///
/// Standard input, output and error are always kept.
/// Thread safety: of different objects, any.
class InheritedDescriptor {
 public:
  InheritedDescriptor() noexcept = default;
  explicit InheritedDescriptor(int descriptor);
  InheritedDescriptor(InheritedDescriptor&& other) noexcept : descriptor_{std::exchange(other.descriptor_, -1)} {}
  InheritedDescriptor& operator=(InheritedDescriptor&& other) noexcept;
  ~InheritedDescriptor();

 private:
  int descriptor_ = -1;
};

/// Closes every descriptor of this process except 0, 1, 2, the inherited ones and `also`.
/// Source: close_range(2). Fails with: system.
Result<void> close_all_but_inherited(std::span<const int> also);

}  // namespace prong::os

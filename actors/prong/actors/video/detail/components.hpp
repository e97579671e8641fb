// Connected regions of a mask.
#pragma once

#include "prong/actors/video/geometry.hpp"

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace prong::video::detail {

/// A stretch of set pixels in one row: columns [begin, end).
struct Run {
  int y = 0;
  int begin = 0;
  int end = 0;
};

/// A region of set pixels that touch each other, also across corners.
struct Component {
  Box box;
  std::int64_t pixels = 0;
  std::span<const Run> runs;  ///< Its pixels, row by row.
};

/// Finds the connected regions of masks.
///
/// Each run is joined with those of the row above that it touches, by union-find. Costs little where little is set.
class ComponentFinder {
 public:
  /// Returns the regions of `mask`, `width` pixels a row, each 0 or 1, in the order of their first pixels.
  /// The result stays valid until the next call.
  [[nodiscard]] std::span<const Component> find(std::span<const std::uint8_t> mask, std::size_t width);

 private:
  void add_row(std::span<const std::uint8_t> row, int y, std::size_t above);
  std::size_t root_of(std::size_t run) noexcept;
  void join(std::size_t a, std::size_t b) noexcept;
  void collect();

  std::vector<Run> runs_;
  std::vector<std::size_t> parents_;  // Of each run: an earlier run of its region, or itself.
  std::vector<std::size_t> regions_;  // Of each run: the index of its component.
  std::vector<std::size_t> places_;   // Of each component: where its next run goes in sorted_.
  std::vector<Run> sorted_;           // Component after component.
  std::vector<Component> components_;
};

}  // namespace prong::video::detail

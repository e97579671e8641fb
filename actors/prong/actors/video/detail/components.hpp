// Connected regions of a mask.
#pragma once

#include "prong/actors/video/geometry.hpp"

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace prong::video::detail {

/// A region of set pixels that touch each other, also across corners.
struct Component {
  Box box;
  std::int64_t pixels = 0;
};

/// Finds the connected regions of masks.
///
/// Works on runs (stretches of set pixels in a row): each is joined with those of the row above that it touches, by
/// union-find. Costs little where little is set.
class ComponentFinder {
 public:
  /// Returns the regions of `mask`, `width` pixels a row, each 0 or 1, in the order of their first pixels.
  /// The result stays valid until the next call.
  [[nodiscard]] std::span<const Component> find(std::span<const std::uint8_t> mask, std::size_t width);

 private:
  struct Run {
    int begin;
    int end;
    std::uint32_t label;
  };
  std::uint32_t root_of(std::uint32_t label) noexcept;
  void add_row(std::span<const std::uint8_t> row, int y);
  std::uint32_t join(std::uint32_t a, std::uint32_t b) noexcept;

  std::vector<Run> above_;
  std::vector<Run> runs_;
  std::vector<std::uint32_t> parents_;
  std::vector<Component> components_;
};

}  // namespace prong::video::detail

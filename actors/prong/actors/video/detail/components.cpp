#include "prong/actors/video/detail/components.hpp"

#include <cstring>
#include <utility>

namespace prong::video::detail {
namespace {

// Returns the first place from `from` on whose pixel is `wanted`, or the row's end.
std::size_t find_pixel(std::span<const std::uint8_t> row, std::size_t from, int wanted) noexcept {
  if (from >= row.size()) return row.size();
  const void* const found = std::memchr(row.data() + from, wanted, row.size() - from);
  return found == nullptr ? row.size() : static_cast<std::size_t>(static_cast<const std::uint8_t*>(found) - row.data());
}

}  // namespace

std::uint32_t ComponentFinder::root_of(std::uint32_t label) noexcept {
  while (parents_[label] != label) {
    parents_[label] = parents_[parents_[label]];
    label = parents_[label];
  }
  return label;
}

// The smaller label wins, so that regions keep the order of their first pixels.
std::uint32_t ComponentFinder::join(std::uint32_t a, std::uint32_t b) noexcept {
  a = root_of(a);
  b = root_of(b);
  if (a == b) return a;
  if (b < a) std::swap(a, b);
  parents_[b] = a;
  components_[a].box = enclosing(components_[a].box, components_[b].box);
  components_[a].pixels += components_[b].pixels;
  return a;
}

void ComponentFinder::add_row(std::span<const std::uint8_t> row, int y) {
  std::size_t first_above = 0;
  for (std::size_t begin = find_pixel(row, 0, 1); begin < row.size();) {
    const std::size_t end = find_pixel(row, begin, 0);
    Run run{static_cast<int>(begin), static_cast<int>(end), static_cast<std::uint32_t>(parents_.size())};
    parents_.push_back(run.label);
    components_.push_back({{run.begin, y, run.end - run.begin, 1}, run.end - run.begin});
    while (first_above < above_.size() && above_[first_above].end < run.begin) ++first_above;
    for (std::size_t i = first_above; i < above_.size() && above_[i].begin <= run.end; ++i)
      run.label = join(run.label, above_[i].label);
    runs_.push_back(run);
    begin = find_pixel(row, end, 1);
  }
}

std::span<const Component> ComponentFinder::find(std::span<const std::uint8_t> mask, std::size_t width) {
  above_.clear();
  parents_.clear();
  components_.clear();
  if (width == 0) return {};
  for (std::size_t y = 0; y < mask.size() / width; ++y) {
    runs_.clear();
    add_row(mask.subspan(y * width, width), static_cast<int>(y));
    std::swap(above_, runs_);
  }
  std::size_t kept = 0;
  for (std::uint32_t label = 0; label < components_.size(); ++label)
    if (parents_[label] == label) components_[kept++] = components_[label];
  components_.resize(kept);
  return components_;
}

}  // namespace prong::video::detail

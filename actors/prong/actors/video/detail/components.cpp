#include "prong/actors/video/detail/components.hpp"

#include <algorithm>
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

std::size_t ComponentFinder::root_of(std::size_t run) noexcept {
  while (parents_[run] != run) {
    parents_[run] = parents_[parents_[run]];
    run = parents_[run];
  }
  return run;
}

// The earlier run becomes the root, so that regions keep the order of their first pixels.
void ComponentFinder::join(std::size_t a, std::size_t b) noexcept {
  a = root_of(a);
  b = root_of(b);
  parents_[std::max(a, b)] = std::min(a, b);
}

// `above` is the first run of the row above; its last is the last before this row.
void ComponentFinder::add_row(std::span<const std::uint8_t> row, int y, std::size_t above) {
  const std::size_t above_end = runs_.size();
  for (std::size_t begin = find_pixel(row, 0, 1); begin < row.size();) {
    const std::size_t end = find_pixel(row, begin, 0);
    const Run run{y, static_cast<int>(begin), static_cast<int>(end)};
    parents_.push_back(runs_.size());
    runs_.push_back(run);
    while (above < above_end && runs_[above].end < run.begin) ++above;
    for (std::size_t i = above; i < above_end && runs_[i].begin <= run.end; ++i) join(i, runs_.size() - 1);
    begin = find_pixel(row, end, 1);
  }
}

// Makes a component of each root, which comes before the other runs of its region, and sorts the runs by component.
void ComponentFinder::collect() {
  regions_.resize(runs_.size());
  for (std::size_t i = 0; i < runs_.size(); ++i) {
    const Run& run = runs_[i];
    const Box box{run.begin, run.y, run.end - run.begin, 1};
    const std::size_t root = root_of(i);
    if (root == i) {
      regions_[i] = components_.size();
      components_.push_back({box, 0, {}});
      places_.push_back(0);
    }
    regions_[i] = regions_[root];
    Component& component = components_[regions_[i]];
    component.box = enclosing(component.box, box);
    component.pixels += box.width;
    ++places_[regions_[i]];
  }
  sorted_.resize(runs_.size());
  std::size_t start = 0;
  for (std::size_t i = 0; i < components_.size(); ++i) {
    const std::size_t count = std::exchange(places_[i], start);
    components_[i].runs = std::span{sorted_}.subspan(start, count);
    start += count;
  }
  for (std::size_t i = 0; i < runs_.size(); ++i) sorted_[places_[regions_[i]]++] = runs_[i];
}

std::span<const Component> ComponentFinder::find(std::span<const std::uint8_t> mask, std::size_t width) {
  runs_.clear();
  parents_.clear();
  places_.clear();
  components_.clear();
  if (width == 0) return {};
  std::size_t above = 0;
  for (std::size_t y = 0; y < mask.size() / width; ++y) {
    const std::size_t first = runs_.size();
    add_row(mask.subspan(y * width, width), static_cast<int>(y), above);
    above = first;
  }
  collect();
  return components_;
}

}  // namespace prong::video::detail

#include "prong/actors/video/detail/motion_kernels.hpp"

#include <algorithm>

namespace prong::video::detail {
namespace {

// (a * b) / 65536, rounded down: one instruction per eight pixels.
Level multiply_high(Level a, Level b) noexcept {
  return static_cast<Level>((std::int32_t{a} * std::int32_t{b}) >> 16);
}

// __restrict: otherwise the compiler must assume that the arrays overlap, and does not vectorise. It counts on
// parameters only.
void update(const std::uint8_t* __restrict now, Level* __restrict usual, Level* __restrict spread,
            Level* __restrict steady, Level* __restrict steady_for, std::uint8_t* __restrict moving, std::size_t count,
            const BackgroundRates rates) noexcept {
  const auto tolerance = static_cast<Level>(rates.least_contrast / 2);
  for (std::size_t i = 0; i < count; ++i) {
    const auto level = static_cast<Level>(now[i] * level_scale);
    const auto change = static_cast<Level>(level - steady[i]);
    const bool same = std::max(change, static_cast<Level>(-change)) <= tolerance;
    const Level frames = same ? std::min(static_cast<Level>(steady_for[i] + 1), rates.settle_frames) : Level{0};
    steady[i] = same ? steady[i] : level;
    steady_for[i] = frames;

    const auto difference = static_cast<Level>(level - usual[i]);
    const auto distance = std::max(difference, static_cast<Level>(-difference));
    const auto limit = std::max(rates.least_contrast, static_cast<Level>(spread[i] * rates.deviations));
    const bool differs = distance > limit;
    const bool settled = differs && frames >= rates.settle_frames;
    const auto share = differs ? rates.learning_moving : rates.learning;
    const auto learnt = static_cast<Level>(usual[i] + multiply_high(difference, share));
    const auto excess = static_cast<Level>(distance - spread[i]);
    const auto flicker = static_cast<Level>(spread[i] + (differs ? Level{0} : multiply_high(excess, rates.learning)));
    usual[i] = settled ? level : learnt;
    spread[i] = settled ? rates.first_deviation : std::min(flicker, rates.largest_deviation);
    moving[i] = differs && !settled ? 1 : 0;
  }
}

}  // namespace

void halve_rows(const std::uint8_t* __restrict upper, const std::uint8_t* __restrict lower, std::uint8_t* __restrict to,
                std::size_t width) noexcept {
  for (std::size_t x = 0; x < width; ++x)
    to[x] = static_cast<std::uint8_t>((upper[2 * x] + upper[2 * x + 1] + lower[2 * x] + lower[2 * x + 1] + 2) >> 2);
}

void update_background(const std::uint8_t* luma, const BackgroundModel& model, std::uint8_t* mask, std::size_t count,
                       const BackgroundRates& rates) noexcept {
  update(luma, model.mean, model.deviation, model.steady, model.steady_frames, mask, count, rates);
}

void majority_row(const std::uint8_t* __restrict above, const std::uint8_t* __restrict row,
                  const std::uint8_t* __restrict below, std::uint8_t* __restrict sums, std::uint8_t* __restrict to,
                  std::size_t width, std::uint8_t majority) noexcept {
  for (std::size_t x = 0; x < width; ++x) sums[x + 1] = static_cast<std::uint8_t>(above[x] + row[x] + below[x]);
  for (std::size_t x = 0; x < width; ++x) {
    const auto around = static_cast<std::uint8_t>(sums[x] + sums[x + 1] + sums[x + 2]);
    to[x] = around >= majority ? 1 : 0;
  }
}

}  // namespace prong::video::detail

// The loops over all pixels of the motion detector. Compiled with -O3: each is written so that it vectorises.
//
// Pictures here are luma at half size, rows without padding.
#pragma once

#include <cstddef>
#include <cstdint>

namespace prong::video::detail {

/// A grey level as the background model stores it: a fixed-point number, so that slow learning is not rounded away.
using Level = std::int16_t;
constexpr int level_scale = 128;

/// How the background is learnt and what differs from it.
struct BackgroundRates {
  Level learning = 0;           ///< Share of the difference learnt per frame where nothing moves. Units: 1/65536.
  Level learning_moving = 0;    ///< The same where something moves.
  Level settle_frames = 0;      ///< What looks the same in so many frames is background.
  Level least_contrast = 0;     ///< A smaller difference is never motion. Units: Level.
  Level largest_deviation = 0;  ///< What flickers more is judged as if it flickered so much. Units: Level.
  Level first_deviation = 0;    ///< Assumed where nothing is known yet. Units: Level.
  Level deviations = 0;         ///< A difference is motion above this many mean deviations.
};

/// The background: what is known about every pixel. The pointers are to arrays of the same size.
struct BackgroundModel {
  Level* mean = nullptr;
  Level* deviation = nullptr;
  Level* steady = nullptr;         ///< What the pixel has looked like for a while.
  Level* steady_frames = nullptr;  ///< For how long. Units: frames.
};

/// Averages blocks of 2 x 2 pixels of one pair of rows into `width` pixels.
void halve_rows(const std::uint8_t* upper, const std::uint8_t* lower, std::uint8_t* to, std::size_t width) noexcept;

/// Marks in `mask` (1 or 0) the pixels that differ from the background, and learns from all of them.
void update_background(const std::uint8_t* luma, const BackgroundModel& model, std::uint8_t* mask, std::size_t count,
                       const BackgroundRates& rates) noexcept;

/// Sets a pixel of `to` where at least `majority` of the 3 x 3 pixels around it are set in the three rows.
///
/// Requires: `sums` has `width` + 2 elements, the first and last of which are 0.
void majority_row(const std::uint8_t* above, const std::uint8_t* row, const std::uint8_t* below, std::uint8_t* sums,
                  std::uint8_t* to, std::size_t width, std::uint8_t majority) noexcept;

}  // namespace prong::video::detail

// Letters of 5 x 7 dots.
#pragma once

#include <array>
#include <cstdint>

namespace prong::video::detail {

constexpr int glyph_width = 5;
constexpr int glyph_height = 7;

/// The rows of a letter from top to bottom; bit 4 is the left-most dot.
using Glyph = std::array<std::uint8_t, glyph_height>;

/// Returns the letter's dots. Small letters look like capitals; what the font lacks is an empty box.
[[nodiscard]] const Glyph& glyph_of(char letter) noexcept;

}  // namespace prong::video::detail

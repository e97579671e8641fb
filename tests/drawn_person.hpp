// A figure in which a classifier of photographs sees a person.
#pragma once

#include "prong/actors/video/geometry.hpp"
#include "prong/actors/video/image.hpp"

namespace prong::tests {

/// Draws somebody who stands upright and fills the height of `box`, with its luma. Returns where: the box around it.
video::Box draw_person(const video::MutableImageView& picture, const video::Box& box, int luma);

/// Returns a plain grey picture.
[[nodiscard]] video::Image empty_street(int width = 384, int height = 288);

}  // namespace prong::tests

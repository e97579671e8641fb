#include "drawn_person.hpp"

#include <algorithm>
#include <array>
#include <cmath>

namespace prong::tests {
namespace {

/// A thick line with round ends. Units: the person's height; x from the middle, y from the top.
struct Limb {
  double x0, y0, x1, y1, radius;
};

constexpr std::array limbs{
    Limb{0, 0.065, 0, 0.085, 0.06},         // head
    Limb{0, 0.12, 0, 0.22, 0.025},          // neck
    Limb{-0.065, 0.25, -0.04, 0.5, 0.062},  // trunk
    Limb{0.065, 0.25, 0.04, 0.5, 0.062},    //
    Limb{-0.125, 0.23, -0.155, 0.5, 0.03},  // arms
    Limb{0.125, 0.23, 0.155, 0.5, 0.03},    //
    Limb{-0.05, 0.5, -0.07, 0.955, 0.045},  // legs
    Limb{0.05, 0.5, 0.07, 0.955, 0.045},    //
};
constexpr double half_width = 0.19;

bool is_in(const Limb& limb, double x, double y) {
  const double dx = limb.x1 - limb.x0;
  const double dy = limb.y1 - limb.y0;
  const double along = std::clamp(((x - limb.x0) * dx + (y - limb.y0) * dy) / (dx * dx + dy * dy), 0.0, 1.0);
  return std::hypot(x - limb.x0 - along * dx, y - limb.y0 - along * dy) <= limb.radius;
}

}  // namespace

video::Box draw_person(const video::MutableImageView& picture, const video::Box& box, int luma) {
  const double height = box.height;
  const video::Box all{box.centre().x - static_cast<int>(half_width * height), box.y,
                       static_cast<int>(2 * half_width * height), box.height};
  const video::Box seen = intersection(all, {0, 0, picture.width(), picture.height()});
  for (int y = seen.y; y < seen.bottom(); ++y)
    for (int x = seen.x; x < seen.right(); ++x) {
      const double across = (x + 0.5 - all.x) / height - half_width;
      const double down = (y + 0.5 - all.y) / height;
      if (std::ranges::any_of(limbs, [&](const Limb& limb) { return is_in(limb, across, down); }))
        picture.row(0, y)[static_cast<std::size_t>(x)] = std::byte{static_cast<unsigned char>(luma)};
    }
  return all;
}

video::Image empty_street(int width, int height) {
  video::Image image = video::Image::create(video::PixelFormat::yuv420p, width, height).value();
  const video::MutableImageView view = image.view();
  for (int plane = 0; plane < 3; ++plane)
    for (int y = 0; y < view.layout().rows(plane); ++y)
      std::ranges::fill(view.row(plane, y), std::byte{static_cast<unsigned char>(plane == 0 ? 120 : 128)});
  return image;
}

}  // namespace prong::tests

// A made-up video whose every box is known: for tests, and for demonstrations without a clip.
#pragma once

#include "prong/actors/video/frame_info.hpp"
#include "prong/actors/video/geometry.hpp"

#include <cstdint>
#include <optional>
#include <vector>

namespace prong::video {

struct SyntheticOptions {
  int width = 768;   ///< Units: pixels, 64 or more.
  int height = 576;  ///< Units: pixels, 64 or more.
  FrameRate rate{10, 1};
  std::uint64_t seed = 1;  ///< The same seed is the same video, pixel for pixel.
  int walkers = 6;         ///< How many cross the picture in all.
  int lanes = 3;           ///< How many may do so at a time: each lane has one at most, so that none hides another.
  int quiet_frames = 30;   ///< Nobody comes before this frame, nor within half as many after somebody in the same lane.
  int noise = 4;           ///< Every pixel is off by up to so many grey levels, anew in each frame; up to 64.
};

/// Somebody in a frame, as it is in truth.
struct WalkerTruth {
  int walker = 0;  ///< Counts from 0.
  Box box;         ///< What is to be seen of it within the picture.
};

/// Figures that cross a noisy picture from one side to the other, made from a seed.
///
/// The video ends when the last has left and quiet_frames more have passed.
/// Thread safety: one thread at a time.
class SyntheticWalkers {
 public:
  /// Fails with: size_invalid, invalid_argument.
  [[nodiscard]] static Result<SyntheticWalkers> create(const SyntheticOptions& options = {});

  [[nodiscard]] const ImageLayout& layout() const noexcept { return background_.layout(); }
  /// Returns how many frames there are in all.
  [[nodiscard]] std::uint64_t size() const noexcept { return frames_; }

  /// Draws the next frame into `destination`; nothing after the last. Fails with: oversize (`destination` too small).
  [[nodiscard]] Result<std::optional<FrameInfo>> next_into(MutableBytes destination);

  /// Draws any frame. Requires: `frame` < size(), `to` has this video's size and is yuv420p.
  void render(std::uint64_t frame, const MutableImageView& to) const;

  /// Returns who is to be seen in any frame, in the order of walkers.
  [[nodiscard]] std::vector<WalkerTruth> truth(std::uint64_t frame) const;

 private:
  enum class Shape : std::uint8_t { ellipse, rectangle };
  struct Walker {
    Shape shape = Shape::ellipse;
    std::uint64_t first_frame = 0;
    std::uint64_t frames = 0;  // Until it is out of sight.
    double speed = 0;          // Pixels per frame; negative to the left.
    int top = 0;
    int width = 0;
    int height = 0;
    std::uint8_t luma = 0;
    std::uint8_t blue_difference = 128;
    std::uint8_t red_difference = 128;
  };

  SyntheticWalkers(const SyntheticOptions& options, Image background)
      : options_{options}, background_{std::move(background)} {}
  void paint_background();
  void plan_walkers();
  [[nodiscard]] Box place_of(const Walker& walker, std::uint64_t frame) const noexcept;
  void add_noise(std::uint64_t frame, const MutableImageView& to) const;
  static void draw(const Walker& walker, const Box& box, const MutableImageView& to);

  SyntheticOptions options_;
  Image background_;
  std::vector<Walker> walkers_;
  std::uint64_t frames_ = 0;
  std::uint64_t next_ = 0;
};

}  // namespace prong::video

// Finds what moves before a fixed camera.
#pragma once

#include "prong/actors/video/frame_info.hpp"
#include "prong/actors/video/geometry.hpp"

#include <memory>
#include <vector>

namespace prong::video {

/// What counts as motion. The defaults suit people seen from a few metres to a few dozen, at ten frames per second.
struct MotionOptions {
  int learning_frames = 20;    ///< Nothing is reported from so many frames after the start and after each relearning.
  int background_frames = 40;  ///< About how many frames a change of light takes to become background.
  int settle_frames = 80;      ///< Something that looks the same in so many frames has become background.
  int least_contrast = 16;     ///< A smaller difference from the background is never motion. Units: grey levels.
  int deviations = 4;          ///< A difference is motion above so many times the pixel's usual deviation; up to 15.
  double least_fragment = 0.00005;  ///< Smaller regions are noise. Units: share of the picture's area.
  double least_area = 0.0004;   ///< Smaller objects are left out, after merging. Units: share of the picture's area.
  double merge_across = 0.008;  ///< Regions with a smaller gap sideways are one object. Units: share of the height.
  double merge_along = 0.03;    ///< The same up and down, where a person is easily cut in two.
  double scene_change = 0.6;    ///< Motion on a larger share of the picture is a new scene: the background is relearnt.

  /// Returns the defaults with the frame counts that take as long at `rate` as theirs do at ten per second.
  [[nodiscard]] static MotionOptions for_rate(FrameRate rate) noexcept;
};

/// Compares each frame with a running mean and deviation per pixel, and boxes the regions that differ.
///
/// Looks at luma only, averaged over 2 x 2 pixels; a 3 x 3 majority removes single pixels. What moves is not learnt,
/// until it has been still for `settle_frames`. The hole that somebody leaves who stood in the background is told from
/// a thing by its outline, which is an edge in the background and not in the frame, and learnt at once. Only reads
/// pictures. The camera must not move: if it does, most of the picture does. Thread safety: one thread at a time.
class MotionDetector {
 public:
  /// Requires: frames from 2 to 30,000, `deviations` from 0 to 15, `least_contrast` from 1 to 255.
  explicit MotionDetector(const MotionOptions& options = {});
  MotionDetector(MotionDetector&&) noexcept;
  MotionDetector& operator=(MotionDetector&&) noexcept;
  ~MotionDetector();

  /// Returns what moves in `frame`, the largest first, and learns from it. Units: pixels of the frame.
  ///
  /// A frame of another size than the last starts the learning anew.
  /// Requires: the first plane is luma.
  [[nodiscard]] std::vector<Box> update(const ImageView& frame);

  /// Returns what was learnt of the background, for another detector with the same options. Units: bytes, as many as
  /// the picture has pixels and a few.
  [[nodiscard]] std::vector<std::byte> background() const;
  /// Goes on with what background() of another one returned, from the next frame on, if that has the same size.
  /// Fails with: malformed.
  [[nodiscard]] Result<void> resume(Bytes background);

  /// Forgets the background: the next frames are learnt anew.
  void reset() noexcept;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace prong::video

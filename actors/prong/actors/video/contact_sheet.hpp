// One picture that shows the busiest moments of a video.
#pragma once

#include "prong/actors/video/frame_info.hpp"

#include <chrono>
#include <string>
#include <vector>

namespace prong::video {

struct ContactSheetOptions {
  int columns = 4;
  int rows = 3;
  int cell_width = 320;  ///< Of one picture; its height follows from the first frame's shape.
  std::chrono::nanoseconds least_gap{std::chrono::seconds{1}};  ///< No two pictures are closer in time.
};

/// Keeps small copies of the busiest frames of a video whose length nobody knows.
///
/// Memory: columns * rows small pictures, however long the video is. Of frames that are equally busy the earlier stays;
/// of frames that are too close in time the busier.
/// Thread safety: one thread at a time.
class ContactSheet {
 public:
  /// Requires: 1 to 64 columns and rows, cells of 16 to 4,096 pixels.
  explicit ContactSheet(const ContactSheetOptions& options = {});

  /// Takes a copy of `frame` if it is among the busiest so far. `busyness` is any measure: larger is busier.
  /// Returns whether it was taken. Fails with: not_supported (a pixel format that cannot be scaled).
  [[nodiscard]] Result<bool> offer(const ImageView& frame, std::chrono::nanoseconds time, double busyness);

  /// Returns the picture that offer() has taken for `time`, or null.
  [[nodiscard]] const Image* picture_of(std::chrono::nanoseconds time) const noexcept;
  /// Takes a picture that picture_of() of another sheet with the same options gave: given in the same order, all that
  /// were taken make the same sheet. Units: `height` in pixels. Fails with: size_invalid (bytes that are no such
  /// picture).
  [[nodiscard]] Result<void> restore(Bytes picture, int height, std::chrono::nanoseconds time, double busyness);

  /// Returns how many pictures there are.
  [[nodiscard]] std::size_t size() const noexcept { return pictures_.size(); }
  /// Returns the times of the pictures, in order.
  [[nodiscard]] std::vector<std::chrono::nanoseconds> times() const;

  /// Draws the pictures in the order of time, each with its time as a caption.
  /// Fails with: invalid_state (none yet), size_invalid (the sheet would be larger than a picture may be).
  [[nodiscard]] Result<Image> render() const;
  /// Renders to a PNG file, written aside and renamed. Fails with: what render() fails with, system.
  [[nodiscard]] Result<void> write(const std::string& path) const;

 private:
  struct Picture {
    std::chrono::nanoseconds time;
    double busyness;
    Image image;
  };
  [[nodiscard]] bool wants(std::chrono::nanoseconds time, double busyness) const;
  [[nodiscard]] bool are_close(std::chrono::nanoseconds a, std::chrono::nanoseconds b) const noexcept;
  [[nodiscard]] std::size_t capacity() const noexcept;
  void insert(Image image, std::chrono::nanoseconds time, double busyness);

  ContactSheetOptions options_;
  int cell_height_ = 0;            // 0 until the first frame.
  std::vector<Picture> pictures_;  // In the order of time.
};

}  // namespace prong::video

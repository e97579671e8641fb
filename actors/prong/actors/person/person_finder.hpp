// Finds people in parts of a picture.
#pragma once

#include "prong/actors/video/geometry.hpp"
#include "prong/actors/video/image.hpp"

#include <memory>
#include <span>
#include <vector>

namespace prong::video {

/// Where somebody is, and how sure that is.
struct FoundPerson {
  Box box;           ///< From head to feet, as far as it lies in the picture. Units: pixels.
  double score = 0;  ///< Distance from the classifier's border: above 0 is more likely a person than not.
};

/// What counts as a person.
struct PersonFinderOptions {
  double least_score = 0.6;  ///< People in a street get 0.5 to 2; most of what only resembles one gets less.
  int least_height = 28;     ///< Smaller boxes are not looked at: enlarged, they are blurs. Units: pixels.
};

/// Looks for upright people of about a given size, by OpenCV's histograms of oriented gradients.
///
/// The classifier knows people of 96 pixels. A whole picture of 768 x 576 takes 130 ms and small people are missed; so
/// only boxes are looked at in which something moves, each scaled so that it is about as high as such a person: 2 ms a
/// box. Finds several who walk side by side in one box; looks at luma only; only reads pictures.
/// OpenCV would start threads of its own: call use_one_thread() in the process that looks.
/// Thread safety: one thread at a time.
/// Source: Dalal and Triggs, "Histograms of Oriented Gradients for Human Detection", 2005; OpenCV, HOGDescriptor.
class PersonFinder {
 public:
  /// Requires: `least_height` above 0.
  explicit PersonFinder(const PersonFinderOptions& options = {});
  PersonFinder(PersonFinder&&) noexcept;
  PersonFinder& operator=(PersonFinder&&) noexcept;
  ~PersonFinder();

  /// Returns the people in and around `box`, the surest first. No two of them overlap by more than half.
  /// Requires: the first plane is luma.
  [[nodiscard]] std::vector<FoundPerson> find(const ImageView& picture, const Box& box) const;

  /// Keeps OpenCV from starting threads in this process.
  static void use_one_thread();

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace prong::video

#include "prong/actors/person/person_finder.hpp"

#include "prong/base/contract.hpp"

#include <opencv2/core/utility.hpp>
#include <opencv2/imgproc.hpp>
#include <opencv2/objdetect.hpp>

#include <algorithm>
#include <cmath>

namespace prong::video {
namespace {

// The classifier's window is of 64 x 128 pixels; the people it was trained with stood 96 high in its middle.
constexpr double trained_height = 96;
constexpr double margin_above = 0.125;  // Shares of the window.
constexpr double margin_beside = 0.25;

// A box of motion is as high as the person in it or, with a shadow, somewhat higher; parts of a person that do not move
// make it lower. People from 0.8 to 1.17 of its height are looked for: five sizes, each a tenth below the last.
constexpr double largest = 1.17;
constexpr double step = 1.1;
constexpr int sizes = 5;

/// Where to look, partly beyond the picture perhaps, and how it is scaled then.
struct Crop {
  cv::Rect place;
  double scale = 1;
};

Crop crop_around(const Box& box) {
  // The largest person with the window's margins, and room for the window to be elsewhere.
  const double tallest = box.height * largest;
  const double height = 1.1 * tallest / (1 - 2 * margin_above);
  const double width = std::max<double>(box.width, tallest / 2) + tallest / 2;
  return {{cvFloor(box.x + (box.width - width) / 2), cvFloor(box.y + (box.height - height) / 2), cvCeil(width),
           cvCeil(height)},
          trained_height * largest / box.height};
}

// Cuts the crop out and scales it. What lies beyond the picture repeats its edge.
cv::Mat cut(const cv::Mat& luma, const Crop& crop) {
  const cv::Rect inside = crop.place & cv::Rect{0, 0, luma.cols, luma.rows};
  cv::Mat scaled;
  cv::resize(luma(inside), scaled, {}, crop.scale, crop.scale, crop.scale < 1 ? cv::INTER_AREA : cv::INTER_LINEAR);
  const auto border = [&](int pixels) { return cvRound(pixels * crop.scale); };
  cv::copyMakeBorder(scaled, scaled, border(inside.y - crop.place.y), border(crop.place.br().y - inside.br().y),
                     border(inside.x - crop.place.x), border(crop.place.br().x - inside.br().x), cv::BORDER_REPLICATE);
  return scaled;
}

Box person_in(const cv::Rect& window, const Crop& crop) {
  const auto in_picture = [&](double pixels) { return cvRound(pixels / crop.scale); };
  return {crop.place.x + in_picture(window.x + margin_beside * window.width),
          crop.place.y + in_picture(window.y + margin_above * window.height),
          in_picture((1 - 2 * margin_beside) * window.width), in_picture((1 - 2 * margin_above) * window.height)};
}

}  // namespace

class PersonFinder::Impl {
 public:
  explicit Impl(const PersonFinderOptions& given) : options{given} {
    hog.setSVMDetector(cv::HOGDescriptor::getDefaultPeopleDetector());
    hog.nlevels = sizes;
  }

  std::vector<FoundPerson> find(const cv::Mat& luma, const Box& box) const {
    const Crop crop = crop_around(box);
    const cv::Mat scaled = cut(luma, crop);
    std::vector<cv::Rect> windows;
    std::vector<double> scores;
    hog.detectMultiScale(scaled, windows, scores, options.least_score, {8, 8}, {}, step, 0);

    std::vector<FoundPerson> all;
    const Box picture{0, 0, luma.cols, luma.rows};
    for (std::size_t i = 0; i < windows.size(); ++i)
      all.push_back({intersection(person_in(windows[i], crop), picture), scores[i]});
    std::ranges::stable_sort(all, std::greater{}, &FoundPerson::score);
    std::vector<FoundPerson> people;
    for (const FoundPerson& one : all)
      if (one.box.area() > 0 &&
          std::ranges::none_of(people, [&](const FoundPerson& other) { return same(one.box, other.box); }))
        people.push_back(one);
    return people;
  }

  PersonFinderOptions options;
  cv::HOGDescriptor hog;

 private:
  // A small one within a large one is the same person too, though their union is large.
  static bool same(const Box& a, const Box& b) { return 2 * intersection(a, b).area() > std::min(a.area(), b.area()); }
};

PersonFinder::PersonFinder(const PersonFinderOptions& options) : impl_{std::make_unique<Impl>(options)} {
  PRONG_EXPECT(options.least_height > 0, "the least height of a box is above 0");
}
PersonFinder::PersonFinder(PersonFinder&&) noexcept = default;
PersonFinder& PersonFinder::operator=(PersonFinder&&) noexcept = default;
PersonFinder::~PersonFinder() = default;

std::vector<FoundPerson> PersonFinder::find(const ImageView& picture, const Box& box) const {
  const Box seen = intersection(box, {0, 0, picture.width(), picture.height()});
  if (seen.height < impl_->options.least_height || seen.width == 0) return {};
  // Not written through: what is resized is read only.
  const cv::Mat luma(picture.height(), picture.width(), CV_8UC1, const_cast<std::byte*>(picture.row(0, 0).data()),
                     picture.layout().planes[0].stride);
  return impl_->find(luma, seen);
}

void PersonFinder::use_one_thread() {
  cv::setNumThreads(1);
}

}  // namespace prong::video

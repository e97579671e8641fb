#include "prong/actors/video/motion_detector.hpp"

#include "prong/actors/video/detail/components.hpp"
#include "prong/actors/video/detail/motion_kernels.hpp"

#include <algorithm>
#include <cstring>
#include <functional>
#include <numeric>
#include <optional>
#include <span>

namespace prong::video {
namespace {

using detail::Component;
using detail::Level;
using detail::level_scale;

// A pixel of the picture at half size stands for so many of the whole one.
constexpr int half_scale = 2;
constexpr std::uint8_t majority = 5;
constexpr int largest_deviation_levels = 16;
constexpr int fewest_frames = 2;
constexpr int most_frames = 30'000;
// Bounds the work on a picture full of flicker: merging compares every region with every other.
constexpr std::size_t most_regions = 256;

// Pieces of one thing lie beside each other: over each other or side by side for at least half of the smaller one.
bool are_near(const Box& a, const Box& b, int gap_across, int gap_along) noexcept {
  const int common_across = std::min(a.right(), b.right()) - std::max(a.x, b.x);
  const int common_along = std::min(a.bottom(), b.bottom()) - std::max(a.y, b.y);
  const bool stacked = 2 * common_across >= std::min(a.width, b.width);
  const bool side_by_side = 2 * common_along >= std::min(a.height, b.height);
  return (stacked && -common_along <= gap_along) || (side_by_side && -common_across <= gap_across);
}

// Joins near regions until none are near: a box that has grown may reach further ones.
void merge_near(std::vector<Component>& regions, int gap_across, int gap_along) {
  for (bool merged = true; merged;) {
    merged = false;
    for (std::size_t i = 0; i < regions.size(); ++i) {
      for (std::size_t j = i + 1; j < regions.size();) {
        if (!are_near(regions[i].box, regions[j].box, gap_across, gap_along)) {
          ++j;
          continue;
        }
        regions[i].box = enclosing(regions[i].box, regions[j].box);
        regions[i].pixels += regions[j].pixels;
        regions[j] = regions.back();
        regions.pop_back();
        merged = true;
      }
    }
  }
}

}  // namespace

MotionOptions MotionOptions::for_rate(FrameRate rate) noexcept {
  constexpr double usual_rate = 10;
  MotionOptions options;
  const double factor = rate.is_valid() ? rate.per_second() / usual_rate : 1;
  for (int* const frames : {&options.learning_frames, &options.background_frames, &options.settle_frames})
    *frames = static_cast<int>(std::clamp<double>(*frames * factor, fewest_frames, most_frames));
  return options;
}

class MotionDetector::Impl {
 public:
  explicit Impl(const MotionOptions& options) : options_{options} {
    for (const int frames : {options.learning_frames, options.background_frames, options.settle_frames})
      PRONG_EXPECT(frames >= fewest_frames && frames <= most_frames, "learning takes some frames, not for ever");
    PRONG_EXPECT(options.deviations >= 0 && options.deviations <= 15, "more deviations do not fit a Level");
    PRONG_EXPECT(options.least_contrast >= 1 && options.least_contrast <= 255, "a contrast is in grey levels");
  }

  std::vector<Box> update(const ImageView& frame);
  void reset() noexcept { seen_ = 0; }
  [[nodiscard]] std::vector<std::byte> background() const;
  Result<void> resume(Bytes background);

 private:
  void start(const ImageView& frame);
  void halve(const ImageView& frame);
  [[nodiscard]] detail::BackgroundRates rates() const noexcept;
  void smooth();
  [[nodiscard]] std::vector<Component> regions(std::span<const Component> found);
  [[nodiscard]] std::vector<Box> boxes(std::vector<Component> regions) const;
  [[nodiscard]] bool is_ghost(const Component& region) const;
  void learn(const Component& region);
  [[nodiscard]] std::size_t count() const noexcept { return width_ * height_; }
  [[nodiscard]] std::size_t index(int x, int y) const noexcept {
    return static_cast<std::size_t>(y) * width_ + static_cast<std::size_t>(x);
  }
  // So little that the contrast alone decides at first.
  [[nodiscard]] Level first_deviation() const noexcept {
    return static_cast<Level>(options_.least_contrast * level_scale / 16);
  }

  struct BackgroundHead {
    std::int32_t seen = 0;
    std::uint32_t width = 0;
    std::uint32_t height = 0;
  };
  struct Resumed {
    int seen = 0;
    std::size_t width = 0;
    std::size_t height = 0;
    std::vector<Level> mean;
    std::vector<Level> deviation;
  };

  MotionOptions options_;
  std::optional<Resumed> resumed_;
  ImageLayout layout_;
  std::size_t width_ = 0;  // Of the picture at half size, as everything below.
  std::size_t height_ = 0;
  int seen_ = 0;  // Frames since the learning began.
  std::vector<std::uint8_t> luma_;
  std::vector<Level> mean_;
  std::vector<Level> deviation_;
  std::vector<Level> steady_;
  std::vector<Level> steady_frames_;
  std::vector<std::uint8_t> mask_;  // With an empty row above and below.
  std::vector<std::uint8_t> smooth_;
  std::vector<std::uint8_t> sums_;
  detail::ComponentFinder finder_;
};

void MotionDetector::Impl::halve(const ImageView& frame) {
  for (std::size_t y = 0; y < height_; ++y) {
    const int row = static_cast<int>(y) * half_scale;
    const auto* const upper = reinterpret_cast<const std::uint8_t*>(frame.row(0, row).data());
    const auto* const lower = reinterpret_cast<const std::uint8_t*>(frame.row(0, row + 1).data());
    detail::halve_rows(upper, lower, luma_.data() + y * width_, width_);
  }
}

// The first frame is the first guess of the background.
void MotionDetector::Impl::start(const ImageView& frame) {
  layout_ = frame.layout();
  width_ = static_cast<std::size_t>(frame.width() / half_scale);
  height_ = static_cast<std::size_t>(frame.height() / half_scale);
  luma_.resize(count());
  mean_.resize(count());
  smooth_.resize(count());
  mask_.assign(width_ * (height_ + 2), 0);
  sums_.assign(width_ + 2, 0);
  deviation_.assign(count(), first_deviation());
  steady_frames_.assign(count(), 0);
  halve(frame);
  std::ranges::transform(luma_, mean_.begin(),
                         [](std::uint8_t luma) { return static_cast<Level>(luma * level_scale); });
  if (resumed_ && resumed_->width == width_ && resumed_->height == height_) {
    mean_ = std::move(resumed_->mean);
    deviation_ = std::move(resumed_->deviation);
    seen_ = resumed_->seen;
  }
  resumed_.reset();
  steady_ = mean_;
}

// Layout: BackgroundHead, then the means, then the deviations.
std::vector<std::byte> MotionDetector::Impl::background() const {
  const BackgroundHead head{
      .seen = seen_, .width = static_cast<std::uint32_t>(width_), .height = static_cast<std::uint32_t>(height_)};
  std::vector<std::byte> bytes;
  bytes.reserve(sizeof head + 2 * count() * sizeof(Level));
  const auto append = [&bytes](Bytes part) { bytes.insert(bytes.end(), part.begin(), part.end()); };
  append(std::as_bytes(std::span{&head, 1}));
  append(std::as_bytes(std::span{mean_}));
  append(std::as_bytes(std::span{deviation_}));
  return bytes;
}

Result<void> MotionDetector::Impl::resume(Bytes background) {
  BackgroundHead head;
  if (background.size() < sizeof head) return fail(Errc::malformed, "half a background");
  std::memcpy(&head, background.data(), sizeof head);
  const std::size_t pixels = std::size_t{head.width} * head.height;
  if (head.seen < 0 || background.size() != sizeof head + 2 * pixels * sizeof(Level))
    return fail(Errc::malformed, "a background of another size than it says");
  Resumed resumed{head.seen, head.width, head.height, std::vector<Level>(pixels), std::vector<Level>(pixels)};
  if (pixels > 0) {
    std::memcpy(resumed.mean.data(), background.data() + sizeof head, pixels * sizeof(Level));
    std::memcpy(resumed.deviation.data(), background.data() + sizeof head + pixels * sizeof(Level),
                pixels * sizeof(Level));
  }
  resumed_ = std::move(resumed);
  layout_ = {};  // so that the next frame starts
  return {};
}

detail::BackgroundRates MotionDetector::Impl::rates() const noexcept {
  const auto rate = [](int frames) { return static_cast<Level>(std::min(65'536 / frames, 32'767)); };
  // While learning, every frame counts alike, whatever moves in it. Later, what moves is not learnt.
  const bool learning = seen_ < options_.learning_frames;
  const Level usual =
      rate(learning ? std::clamp(seen_ + 1, 2, options_.background_frames) : options_.background_frames);
  return {.learning = usual,
          .learning_moving = learning ? usual : Level{0},
          .settle_frames = static_cast<Level>(options_.settle_frames),
          .least_contrast = static_cast<Level>(options_.least_contrast * level_scale),
          .largest_deviation = static_cast<Level>(largest_deviation_levels * level_scale),
          .first_deviation = first_deviation(),
          .deviations = static_cast<Level>(options_.deviations)};
}

void MotionDetector::Impl::smooth() {
  for (std::size_t y = 0; y < height_; ++y) {
    const std::uint8_t* const above = mask_.data() + y * width_;
    detail::majority_row(above, above + width_, above + 2 * width_, sums_.data(), smooth_.data() + y * width_, width_,
                         majority);
  }
}

// A thing that stood there while the background was learnt leaves a hole when it goes: the hole differs from the
// background, too. But its outline is an edge in the background and none in the frame, where things are the reverse.
bool MotionDetector::Impl::is_ghost(const Component& region) const {
  constexpr double surely = 1.5;
  constexpr int reach = 2;  // The outline is not known better than this. Units: pixels.
  const auto width = static_cast<int>(width_);
  const auto height = static_cast<int>(height_);
  double now = 0;
  double before = 0;
  int places = 0;
  // Compares `reach` pixels inside the outline with as many outside.
  const auto compare = [&](int x, int y, int step_x, int step_y) {
    const Point a{x - reach * step_x, y - reach * step_y};
    const Point b{x + (reach - 1) * step_x, y + (reach - 1) * step_y};
    if (a.x < 0 || a.y < 0 || b.x >= width || b.y >= height) return;
    now += std::abs(luma_[index(a.x, a.y)] - luma_[index(b.x, b.y)]);
    before += std::abs(mean_[index(a.x, a.y)] - mean_[index(b.x, b.y)]) / static_cast<double>(level_scale);
    ++places;
  };
  for (const detail::Run& run : region.runs) {
    compare(run.begin, run.y, 1, 0);
    compare(run.end, run.y, 1, 0);
    for (int x = run.begin; x < run.end; ++x) {
      if (run.y > 0 && smooth_[index(x, run.y - 1)] == 0) compare(x, run.y, 0, 1);
      if (run.y + 1 < height && smooth_[index(x, run.y + 1)] == 0) compare(x, run.y + 1, 0, 1);
    }
  }
  return before > surely * now + options_.least_contrast / 8.0 * places;
}

// Takes what is to be seen in the region now, and in the pixels around it that differ, for the background.
void MotionDetector::Impl::learn(const Component& region) {
  for (const detail::Run& run : region.runs) {
    for (int y = std::max(run.y - 1, 0); y < std::min(run.y + 2, static_cast<int>(height_)); ++y) {
      for (int x = std::max(run.begin - 1, 0); x < std::min(run.end + 1, static_cast<int>(width_)); ++x) {
        const std::size_t at = index(x, y);
        if (mask_[at + width_] == 0 && smooth_[at] == 0) continue;
        mean_[at] = static_cast<Level>(luma_[at] * level_scale);
        deviation_[at] = first_deviation();
      }
    }
  }
}

std::vector<Component> MotionDetector::Impl::regions(std::span<const Component> found) {
  const double half_area = static_cast<double>(count());
  std::vector<Component> regions;
  for (const Component& region : found) {
    if (static_cast<double>(region.pixels) < options_.least_fragment * half_area) continue;
    if (is_ghost(region))
      learn(region);
    else
      regions.push_back(region);
  }
  if (regions.size() > most_regions) {
    std::ranges::stable_sort(regions, std::greater{}, &Component::pixels);
    regions.resize(most_regions);
  }
  return regions;
}

std::vector<Box> MotionDetector::Impl::boxes(std::vector<Component> regions) const {
  const double half_area = static_cast<double>(count());
  const auto gap = [this](double share) { return static_cast<int>(share * layout_.height) / half_scale; };
  merge_near(regions, gap(options_.merge_across), gap(options_.merge_along));
  std::erase_if(regions, [&](const Component& region) {
    return static_cast<double>(region.pixels) < options_.least_area * half_area;
  });
  std::ranges::stable_sort(regions, std::greater{}, [](const Component& region) { return region.box.area(); });

  std::vector<Box> result;
  result.reserve(regions.size());
  for (const Component& region : regions)
    result.push_back({region.box.x * half_scale, region.box.y * half_scale, region.box.width * half_scale,
                      region.box.height * half_scale});
  return result;
}

std::vector<Box> MotionDetector::Impl::update(const ImageView& frame) {
  PRONG_EXPECT(frame.layout().format != PixelFormat::rgb24, "the first plane is luma");
  const bool same_size = frame.width() == layout_.width && frame.height() == layout_.height;
  if (seen_ == 0 || !same_size) {
    seen_ = 1;
    start(frame);
    return {};
  }
  halve(frame);
  const detail::BackgroundModel model{mean_.data(), deviation_.data(), steady_.data(), steady_frames_.data()};
  detail::update_background(luma_.data(), model, mask_.data() + width_, count(), rates());
  if (seen_ < options_.learning_frames) {
    ++seen_;
    return {};
  }
  smooth();
  const std::span<const Component> found = finder_.find(smooth_, width_);
  const auto moving = std::accumulate(found.begin(), found.end(), std::int64_t{0},
                                      [](std::int64_t sum, const Component& region) { return sum + region.pixels; });
  if (static_cast<double>(moving) > options_.scene_change * static_cast<double>(count())) {
    reset();
    return {};
  }
  return boxes(regions(found));
}

MotionDetector::MotionDetector(const MotionOptions& options) : impl_{std::make_unique<Impl>(options)} {}
MotionDetector::MotionDetector(MotionDetector&&) noexcept = default;
MotionDetector& MotionDetector::operator=(MotionDetector&&) noexcept = default;
MotionDetector::~MotionDetector() = default;

std::vector<std::byte> MotionDetector::background() const {
  return impl_->background();
}

Result<void> MotionDetector::resume(Bytes background) {
  return impl_->resume(background);
}

void MotionDetector::reset() noexcept {
  impl_->reset();
}

std::vector<Box> MotionDetector::update(const ImageView& frame) {
  return impl_->update(frame);
}

}  // namespace prong::video

#include "prong/actors/video/synthetic_walkers.hpp"

#include <algorithm>
#include <cmath>
#include <string>

namespace prong::video {
namespace {

/// Numbers from a seed, the same on every machine, which the standard's distributions are not.
/// Source: splitmix64 (Steele, Lea, Flood 2014).
class Random {
 public:
  explicit Random(std::uint64_t seed) noexcept : state_{seed} {}

  std::uint64_t next() noexcept {
    state_ += 0x9e3779b97f4a7c15U;
    std::uint64_t mixed = state_;
    mixed = (mixed ^ (mixed >> 30)) * 0xbf58476d1ce4e5b9U;
    mixed = (mixed ^ (mixed >> 27)) * 0x94d049bb133111ebU;
    return mixed ^ (mixed >> 31);
  }
  /// Returns a number from `low` to `high`, both included.
  int between(int low, int high) noexcept {
    return low + static_cast<int>(next() % (static_cast<std::uint64_t>(high - low) + 1));
  }

 private:
  std::uint64_t state_;
};

std::uint8_t clamp_luma(int value) noexcept {
  return static_cast<std::uint8_t>(std::clamp(value, 16, 235));
}

}  // namespace

Result<SyntheticWalkers> SyntheticWalkers::create(const SyntheticOptions& options) {
  if (options.width < 64 || options.height < 64)
    return fail(Errc::size_invalid, "a synthetic video has at least 64 x 64 pixels");
  const auto within = [](int number, int low, int high) { return number >= low && number <= high; };
  if (!options.rate.is_valid() || !within(options.walkers, 0, 10'000) || !within(options.lanes, 1, 8) ||
      !within(options.quiet_frames, 0, 10'000) || !within(options.noise, 0, 64))
    return fail(Errc::invalid_argument, "an option of the synthetic video is out of range");
  PRONG_TRY_ASSIGN(Image background, Image::create(PixelFormat::yuv420p, options.width, options.height));
  SyntheticWalkers video{options, std::move(background)};
  video.paint_background();
  video.plan_walkers();
  return video;
}

// A slope of grey with a few paler and darker blocks on it, as of buildings: between 80 and 170.
void SyntheticWalkers::paint_background() {
  const MutableImageView view = background_.view();
  Random random{options_.seed};
  std::array<int, 16> blocks{};
  for (int& block : blocks) block = random.between(-15, 15);
  for (int y = 0; y < options_.height; ++y) {
    const auto row = view.row(0, y);
    for (int x = 0; x < options_.width; ++x) {
      const int slope = 95 + 60 * y / options_.height;
      const int block = blocks[static_cast<std::size_t>(4 * (4 * y / options_.height) + 4 * x / options_.width)];
      row[static_cast<std::size_t>(x)] = std::byte{clamp_luma(slope + block)};
    }
  }
  for (const int plane : {1, 2})
    for (int y = 0; y < view.layout().rows(plane); ++y)
      std::ranges::fill(view.row(plane, y), std::byte{static_cast<std::uint8_t>(plane == 1 ? 122 : 130)});
}

void SyntheticWalkers::plan_walkers() {
  Random random{options_.seed ^ 0x57a1};
  const int lane_height = options_.height / options_.lanes;
  std::vector<std::uint64_t> free_from(static_cast<std::size_t>(options_.lanes),
                                       static_cast<std::uint64_t>(options_.quiet_frames));
  std::uint64_t last = 0;
  for (int i = 0; i < options_.walkers; ++i) {
    const int lane = i % options_.lanes;
    std::uint64_t& free = free_from[static_cast<std::size_t>(lane)];
    Walker walker;
    walker.shape = random.between(0, 1) == 0 ? Shape::ellipse : Shape::rectangle;
    walker.height = lane_height * random.between(55, 75) / 100;
    walker.width = std::max(walker.height * random.between(35, 50) / 100, 8);
    walker.top = lane * lane_height + random.between(lane_height / 20, lane_height / 10);
    // Slow enough that a figure overlaps itself from frame to frame.
    walker.speed = walker.width * random.between(8, 20) / 100.0;
    if (random.between(0, 1) == 0) walker.speed = -walker.speed;
    walker.luma =
        static_cast<std::uint8_t>(random.between(0, 1) == 0 ? random.between(20, 35) : random.between(220, 235));
    walker.blue_difference = static_cast<std::uint8_t>(random.between(80, 176));
    walker.red_difference = static_cast<std::uint8_t>(random.between(80, 176));
    walker.first_frame = free + static_cast<std::uint64_t>(random.between(0, options_.quiet_frames));
    walker.frames = static_cast<std::uint64_t>(std::ceil((options_.width + walker.width) / std::abs(walker.speed)));
    free = walker.first_frame + walker.frames + static_cast<std::uint64_t>(options_.quiet_frames / 2);
    last = std::max(last, walker.first_frame + walker.frames);
    walkers_.push_back(walker);
  }
  frames_ = std::max<std::uint64_t>(last + static_cast<std::uint64_t>(options_.quiet_frames), 1);
}

Box SyntheticWalkers::place_of(const Walker& walker, std::uint64_t frame) const noexcept {
  if (frame < walker.first_frame || frame >= walker.first_frame + walker.frames) return {};
  const double way = walker.speed * static_cast<double>(frame - walker.first_frame);
  const int start = walker.speed > 0 ? -walker.width : options_.width;
  return {start + static_cast<int>(std::floor(way)), walker.top, walker.width, walker.height};
}

void SyntheticWalkers::draw(const Walker& walker, const Box& box, const MutableImageView& to) {
  const Box seen = intersection(box, {0, 0, to.width(), to.height()});
  for (int y = seen.y; y < seen.bottom(); ++y) {
    // Half the width of the shape in this row.
    const double height = (y + 0.5 - box.y) / box.height * 2 - 1;
    const double share = walker.shape == Shape::rectangle ? 1.0 : std::sqrt(std::max(0.0, 1 - height * height));
    const double middle = box.x + box.width / 2.0;
    const int left = std::max(seen.x, static_cast<int>(std::lround(middle - share * box.width / 2)));
    const int right = std::min(seen.right(), static_cast<int>(std::lround(middle + share * box.width / 2)));
    if (left >= right) continue;
    const auto paint = [&](int plane, int from, int until, std::uint8_t value) {
      std::ranges::fill(to.row(plane, plane == 0 ? y : y / 2)
                            .subspan(static_cast<std::size_t>(from), static_cast<std::size_t>(until - from)),
                        std::byte{value});
    };
    paint(0, left, right, walker.luma);
    paint(1, left / 2, (right + 1) / 2, walker.blue_difference);
    paint(2, left / 2, (right + 1) / 2, walker.red_difference);
  }
}

void SyntheticWalkers::add_noise(std::uint64_t frame, const MutableImageView& to) const {
  if (options_.noise == 0) return;
  Random random{options_.seed * 1'000'003 + frame};
  const unsigned values = 2 * static_cast<unsigned>(options_.noise) + 1;
  for (int y = 0; y < to.height(); ++y) {
    std::uint64_t bits = 0;
    std::size_t x = 0;
    for (std::byte& pixel : to.row(0, y)) {
      if (x++ % 8 == 0) bits = random.next();
      const int noise = static_cast<int>((bits & 0xff) * values >> 8) - options_.noise;
      bits >>= 8;
      pixel = std::byte{clamp_luma(std::to_integer<int>(pixel) + noise)};
    }
  }
}

void SyntheticWalkers::render(std::uint64_t frame, const MutableImageView& to) const {
  PRONG_EXPECT(
      to.layout().format == PixelFormat::yuv420p && to.width() == options_.width && to.height() == options_.height,
      "the picture has the video's size");
  PRONG_EXPECT(frame < frames_, "the frame exists");
  const ImageView from = background_.view();
  for (int plane = 0; plane < 3; ++plane)
    for (int y = 0; y < from.layout().rows(plane); ++y) std::ranges::copy(from.row(plane, y), to.row(plane, y).begin());
  for (const Walker& walker : walkers_)
    if (const Box box = place_of(walker, frame); box.width > 0) draw(walker, box, to);
  add_noise(frame, to);
}

std::vector<WalkerTruth> SyntheticWalkers::truth(std::uint64_t frame) const {
  std::vector<WalkerTruth> result;
  for (std::size_t i = 0; i < walkers_.size(); ++i) {
    const Box seen = intersection(place_of(walkers_[i], frame), {0, 0, options_.width, options_.height});
    if (seen.area() > 0) result.push_back({static_cast<int>(i), seen});
  }
  return result;
}

Result<std::optional<FrameInfo>> SyntheticWalkers::next_into(MutableBytes destination) {
  if (next_ == frames_) return std::optional<FrameInfo>{};
  if (destination.size() < layout().size)
    return fail(Errc::oversize, "a frame is of " + std::to_string(layout().size) + " bytes, its place of " +
                                    std::to_string(destination.size()));
  PRONG_TRY_ASSIGN(const MutableImageView view, MutableImageView::create(destination, layout()));
  render(next_, view);
  const auto time = options_.rate.interval() * static_cast<std::int64_t>(next_);
  return FrameInfo{next_++, time, layout()};
}

}  // namespace prong::video

#include "prong/actors/video/contact_sheet.hpp"

#include "prong/actors/video/detail/scaler.hpp"
#include "prong/actors/video/painter.hpp"
#include "prong/actors/video/png.hpp"

#include <algorithm>
#include <array>
#include <cstdio>

namespace prong::video {
namespace {

constexpr int margin = 4;
constexpr int caption_scale = 2;
constexpr Colour paper{40, 128, 128};

// "1:07.5": minutes, seconds and tenths.
std::string caption_of(std::chrono::nanoseconds time) {
  const auto tenths = std::chrono::duration_cast<std::chrono::duration<std::int64_t, std::deci>>(time).count();
  std::array<char, 48> text{};
  const int length = std::snprintf(text.data(), text.size(), "%lld:%02lld.%lld", static_cast<long long>(tenths / 600),
                                   static_cast<long long>(tenths / 10 % 60), static_cast<long long>(tenths % 10));
  return {text.data(), static_cast<std::size_t>(length)};
}

void paste(const ImageView& from, const MutableImageView& to, Point at) {
  for (int plane = 0; plane < from.layout().plane_count(); ++plane) {
    const int x = plane == 0 ? at.x : at.x / 2;
    const int y = plane == 0 ? at.y : at.y / 2;
    for (int row = 0; row < from.layout().rows(plane); ++row)
      std::ranges::copy(from.row(plane, row), to.row(plane, y + row).subspan(static_cast<std::size_t>(x)).begin());
  }
}

}  // namespace

ContactSheet::ContactSheet(const ContactSheetOptions& options) : options_{options} {
  PRONG_EXPECT(options.columns >= 1 && options.columns <= 64 && options.rows >= 1 && options.rows <= 64,
               "a sheet has 1 to 64 columns and rows");
  PRONG_EXPECT(options.cell_width >= 16 && options.cell_width <= 4'096, "a cell has 16 to 4,096 pixels");
  options_.cell_width += options_.cell_width % 2;  // Even: every cell begins at a whole chroma pixel.
}

std::size_t ContactSheet::capacity() const noexcept {
  return static_cast<std::size_t>(options_.columns) * static_cast<std::size_t>(options_.rows);
}

bool ContactSheet::are_close(std::chrono::nanoseconds a, std::chrono::nanoseconds b) const noexcept {
  return (a < b ? b - a : a - b) < options_.least_gap;
}

bool ContactSheet::wants(std::chrono::nanoseconds time, double busyness) const {
  bool has_room = pictures_.size() < capacity();
  for (const Picture& picture : pictures_) {
    if (are_close(picture.time, time)) {
      if (picture.busyness >= busyness) return false;
      has_room = true;
    }
    if (picture.busyness < busyness) has_room = true;
  }
  return has_room;
}

Result<bool> ContactSheet::offer(const ImageView& frame, std::chrono::nanoseconds time, double busyness) {
  if (!wants(time, busyness)) return false;
  if (cell_height_ == 0) {
    const int height = options_.cell_width * frame.height() / frame.width() / 2 * 2;
    cell_height_ = std::clamp(height, 16, 4 * options_.cell_width);
  }
  PRONG_TRY_ASSIGN(Image image, Image::create(PixelFormat::yuv420p, options_.cell_width, cell_height_));
  detail::Scaler scaler;
  PRONG_TRY(scaler.convert(frame, image.view()));
  insert(std::move(image), time, busyness);
  return true;
}

Result<void> ContactSheet::restore(Bytes picture, int height, std::chrono::nanoseconds time, double busyness) {
  PRONG_TRY_ASSIGN(Image image, Image::create(PixelFormat::yuv420p, options_.cell_width, height));
  if (picture.size() != image.bytes().size() || (cell_height_ != 0 && height != cell_height_))
    return fail(Errc::size_invalid, std::to_string(picture.size()) + " bytes are no picture of this sheet");
  cell_height_ = height;
  std::ranges::copy(picture, image.bytes().begin());
  insert(std::move(image), time, busyness);
  return {};
}

const Image* ContactSheet::picture_of(std::chrono::nanoseconds time) const noexcept {
  const auto found = std::ranges::find(pictures_, time, &Picture::time);
  return found == pictures_.end() ? nullptr : &found->image;
}

void ContactSheet::insert(Image image, std::chrono::nanoseconds time, double busyness) {
  std::erase_if(pictures_, [&](const Picture& picture) { return are_close(picture.time, time); });
  if (pictures_.size() == capacity()) {
    // The latest of the least busy goes.
    const auto least = std::ranges::min_element(pictures_.rbegin(), pictures_.rend(), {}, &Picture::busyness);
    pictures_.erase(std::next(least).base());
  }
  const auto place = std::ranges::upper_bound(pictures_, time, {}, &Picture::time);
  pictures_.insert(place, {time, busyness, std::move(image)});
}

std::vector<std::chrono::nanoseconds> ContactSheet::times() const {
  std::vector<std::chrono::nanoseconds> result;
  for (const Picture& picture : pictures_) result.push_back(picture.time);
  return result;
}

Result<Image> ContactSheet::render() const {
  if (pictures_.empty()) return fail(Errc::invalid_state, "no frame was offered for the contact sheet");
  const int step_x = options_.cell_width + margin;
  const int step_y = cell_height_ + margin;
  PRONG_TRY_ASSIGN(Image sheet, Image::create(PixelFormat::yuv420p, options_.columns * step_x + margin,
                                              options_.rows * step_y + margin));
  Painter painter{sheet.view()};
  painter.fill({0, 0, sheet.layout().width, sheet.layout().height}, paper);
  for (std::size_t i = 0; i < pictures_.size(); ++i) {
    const int column = static_cast<int>(i) % options_.columns;
    const int row = static_cast<int>(i) / options_.columns;
    const Point corner{margin + column * step_x, margin + row * step_y};
    paste(pictures_[i].image.view(), sheet.view(), corner);
    const Point caption{corner.x + margin, corner.y + cell_height_ - margin - 9 * caption_scale};
    painter.label(caption, caption_of(pictures_[i].time), Colour::white, Colour::black, caption_scale);
  }
  return sheet;
}

Result<void> ContactSheet::write(const std::string& path) const {
  PRONG_TRY_ASSIGN(const Image sheet, render());
  return write_png(path, sheet.view());
}

}  // namespace prong::video

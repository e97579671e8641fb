// The fixture of the video tests: a folder of its own, files to decode, and the census at the end.
#pragma once

#include "process_test.hpp"
#include "prong/actors/video/frame_info.hpp"

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

namespace prong::tests {

class VideoTest : public ProcessTest {
 protected:
  void SetUp() override {
    std::string pattern = (std::filesystem::temp_directory_path() / "prong_video_XXXXXX").string();
    ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
    folder_ = pattern;
    ProcessTest::SetUp();
  }
  void TearDown() override {
    ProcessTest::TearDown();
    std::filesystem::remove_all(folder_);
  }

  [[nodiscard]] std::string path(const std::string& name) const { return (folder_ / name).string(); }

  std::string write_file(const std::string& name, std::string_view bytes) const {
    std::ofstream{path(name), std::ios::binary} << bytes;
    return path(name);
  }
  [[nodiscard]] static std::string read_file(const std::string& path) {
    std::ifstream file{path, std::ios::binary};
    return {std::istreambuf_iterator<char>{file}, {}};
  }

 private:
  std::filesystem::path folder_;
};

/// Returns frame `number` of a test video: a slope that moves, never the same twice.
inline video::Image slope(int width, int height, int number) {
  video::Image image = video::Image::create(video::PixelFormat::yuv420p, width, height).value();
  const video::MutableImageView view = image.view();
  for (int plane = 0; plane < 3; ++plane)
    for (int y = 0; y < view.layout().rows(plane); ++y) {
      int x = 0;
      for (std::byte& pixel : view.row(plane, y))
        pixel =
            std::byte{static_cast<unsigned char>(plane == 0 ? 40 + (x++ + y + 5 * number) % 160 : 100 + 30 * plane)};
    }
  return image;
}

/// Returns an uncompressed video (YUV4MPEG2, ten frames per second) whose frames are slope(); `chroma` is the format's
/// word for the chroma planes: 420jpeg, 444 or mono.
inline std::string y4m(int width, int height, int frames, const std::string& chroma = "420jpeg") {
  std::string text =
      "YUV4MPEG2 W" + std::to_string(width) + " H" + std::to_string(height) + " F10:1 Ip A1:1 C" + chroma + "\n";
  for (int number = 0; number < frames; ++number) {
    const video::Image image = slope(width, height, number);
    text += "FRAME\n";
    for (int plane = 0; plane < (chroma == "mono" ? 1 : 3); ++plane) {
      const bool whole = plane == 0 || chroma == "444";
      const int rows = whole ? height : (height + 1) / 2;
      const int columns = whole ? width : (width + 1) / 2;
      for (int y = 0; y < rows; ++y) {
        if (plane == 0)
          text += as_text(image.view().row(0, y));
        else
          text.append(static_cast<std::size_t>(columns), static_cast<char>(100 + 30 * plane));
      }
    }
  }
  return text;
}

/// Tells whether two pictures have the same pixels; their padding may differ.
inline bool same_pixels(const video::ImageView& a, const video::ImageView& b) {
  for (int plane = 0; plane < a.layout().plane_count(); ++plane)
    for (int y = 0; y < a.layout().rows(plane); ++y)
      if (!std::ranges::equal(a.row(plane, y), b.row(plane, y))) return false;
  return true;
}

/// Returns the mean distance of the luma of two pictures of one size. Units: grey levels.
inline double luma_distance(const video::ImageView& a, const video::ImageView& b) {
  double sum = 0;
  for (int y = 0; y < a.height(); ++y)
    for (int x = 0; x < a.width(); ++x)
      sum += std::abs(std::to_integer<int>(a.row(0, y)[static_cast<std::size_t>(x)]) -
                      std::to_integer<int>(b.row(0, y)[static_cast<std::size_t>(x)]));
  return sum / a.width() / a.height();
}

}  // namespace prong::tests

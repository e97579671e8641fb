#include "prong/actors/video/mp4_writer.hpp"

#include "prong/actors/video/decoder.hpp"
#include "prong/actors/video/synthetic_walkers.hpp"
#include "prong/os/child_process.hpp"
#include "video_test.hpp"

#include <sys/resource.h>

#include <csignal>

namespace prong::video {
namespace {

using Mp4Writer_ = tests::VideoTest;
using tests::slope;
using namespace std::chrono_literals;

std::vector<DecodedFrame> decode(const std::string& path) {
  auto decoder = Decoder::open(path, {}, Deadline::after(20s)).value();
  std::vector<DecodedFrame> frames;
  while (auto frame = decoder.next(Deadline::after(20s)).value()) frames.push_back(std::move(*frame));
  EXPECT_TRUE(decoder.check_whole()) << to_string(decoder.check_whole().error());
  return frames;
}

TEST_F(Mp4Writer_, round_trip_keeps_every_frame_its_time_and_its_look) {
  for (const VideoCodec codec : {VideoCodec::best, VideoCodec::mpeg4}) {
    auto video = SyntheticWalkers::create({.width = 192, .height = 144, .walkers = 2, .quiet_frames = 4}).value();
    auto writer =
        Mp4Writer::create(path("a.mp4"), {.width = 192, .height = 144, .rate = {10, 1}, .codec = codec}).value();
    Image image = Image::create(PixelFormat::yuv420p, 192, 144).value();
    for (int number = 0; number < 60; ++number) {
      video.render(static_cast<std::uint64_t>(number), image.view());
      ASSERT_TRUE(writer.write(image.view(), number * 100ms));
    }
    ASSERT_TRUE(writer.finish());

    const std::vector<DecodedFrame> frames = decode(path("a.mp4"));

    EXPECT_EQ(writer.frames(), 60U);
    ASSERT_EQ(frames.size(), 60U) << writer.codec();
    for (std::size_t number = 0; number < frames.size(); ++number) {
      video.render(number, image.view());
      EXPECT_EQ(frames[number].info.time, static_cast<int>(number) * 100ms);
      EXPECT_LT(tests::luma_distance(frames[number].image.view(), image.view()), 6.0) << number;
    }
  }
}

TEST_F(Mp4Writer_, takes_the_frames_of_a_writer_that_died_and_goes_on_behind_them) {
  for (const VideoCodec codec : {VideoCodec::best, VideoCodec::mpeg4}) {
    const Mp4Options options{.width = 192, .height = 144, .rate = {10, 1}, .codec = codec};
    std::vector<EncodedFrame> kept;
    {
      auto first = Mp4Writer::create(path("a.mp4"), options).value();
      for (int number = 0; number < 25; ++number)
        kept.push_back(first.encode(tests::slope(192, 144, number).view(), number * 100ms).value());
    }
    auto second = Mp4Writer::create(path("a.mp4"), options).value();
    for (const EncodedFrame& frame : kept) ASSERT_TRUE(second.append(frame));
    for (int number = 25; number < 40; ++number)
      ASSERT_TRUE(second.write(tests::slope(192, 144, number).view(), number * 100ms));
    ASSERT_TRUE(second.finish());

    const std::vector<DecodedFrame> frames = decode(path("a.mp4"));

    ASSERT_EQ(frames.size(), 40U) << second.codec();
    for (std::size_t number = 0; number < frames.size(); ++number) {
      EXPECT_EQ(frames[number].info.time, static_cast<int>(number) * 100ms);
      EXPECT_LT(
          tests::luma_distance(frames[number].image.view(), tests::slope(192, 144, static_cast<int>(number)).view()),
          6.0)
          << number;
    }
  }
}

TEST_F(Mp4Writer_, keeps_irregular_times_and_moves_those_that_do_not_grow) {
  auto writer = Mp4Writer::create(path("a.mp4"), {.width = 64, .height = 48, .rate = {10, 1}}).value();
  const std::vector<std::chrono::nanoseconds> times{0ms, 40ms, 500ms, 500ms, 450ms, 2'000ms};
  for (std::size_t i = 0; i < times.size(); ++i)
    ASSERT_TRUE(writer.write(slope(64, 48, static_cast<int>(i)).view(), times[i]));
  ASSERT_TRUE(writer.finish());

  const std::vector<DecodedFrame> frames = decode(path("a.mp4"));

  ASSERT_EQ(frames.size(), times.size());
  EXPECT_EQ(frames[1].info.time, 40ms);
  EXPECT_EQ(frames[2].info.time, 500ms);
  EXPECT_GT(frames[3].info.time, 500ms);
  EXPECT_GT(frames[4].info.time, frames[3].info.time);
  EXPECT_LT(frames[4].info.time, 501ms);
  EXPECT_EQ(frames[5].info.time, 2s);
}

TEST_F(Mp4Writer_, takes_odd_and_tiny_sizes_and_odd_rates) {
  for (const auto& [width, height] : {std::pair{321, 241}, {16, 16}}) {
    for (const FrameRate rate : {FrameRate{30'000, 1'001}, {1'000'000, 33'333}, {1, 2}}) {
      auto writer = Mp4Writer::create(path("a.mp4"), {.width = width, .height = height, .rate = rate}).value();
      for (int number = 0; number < 7; ++number)
        ASSERT_TRUE(writer.write(slope(width, height, number).view(), number * rate.interval()));
      ASSERT_TRUE(writer.finish());

      const std::vector<DecodedFrame> frames = decode(path("a.mp4"));

      ASSERT_EQ(frames.size(), 7U) << width << " " << rate.numerator;
      EXPECT_EQ(frames[0].info.layout.width, width);
      EXPECT_EQ(frames[0].info.layout.height, height);
      EXPECT_LT(tests::luma_distance(frames[6].image.view(), slope(width, height, 6).view()), 16.0);
    }
  }
}

TEST_F(Mp4Writer_, file_has_its_name_only_once_it_is_whole) {
  write_file("a.mp4", "the last run's");
  {
    auto writer = Mp4Writer::create(path("a.mp4"), {.width = 64, .height = 48, .rate = {10, 1}}).value();
    ASSERT_TRUE(writer.write(slope(64, 48, 0).view(), 0ms));
    EXPECT_TRUE(std::filesystem::exists(path("a.mp4.part")));
    EXPECT_EQ(read_file(path("a.mp4")), "the last run's");
  }
  EXPECT_TRUE(std::filesystem::exists(path("a.mp4.part"))) << "what was not finished stays aside";
  EXPECT_EQ(read_file(path("a.mp4")), "the last run's");

  auto writer = Mp4Writer::create(path("a.mp4"), {.width = 64, .height = 48, .rate = {10, 1}}).value();
  ASSERT_TRUE(writer.write(slope(64, 48, 0).view(), 0ms));
  ASSERT_TRUE(writer.finish());

  EXPECT_FALSE(std::filesystem::exists(path("a.mp4.part")));
  EXPECT_EQ(decode(path("a.mp4")).size(), 1U);
}

TEST_F(Mp4Writer_, output_that_cannot_be_written_is_an_error_at_once) {
  const auto error = [](const std::string& path) {
    return Mp4Writer::create(path, {.width = 64, .height = 48, .rate = {10, 1}}).error();
  };
  std::filesystem::create_directory(path("folder.mp4"));

  EXPECT_EQ(error(path("none/a.mp4")).system_error(), ENOENT);
  EXPECT_NE(error(path("none/a.mp4")).message().find("cannot write '" + path("none/a.mp4") + "'"), std::string::npos);
  EXPECT_EQ(error(path("folder.mp4")).system_error(), EISDIR);
  EXPECT_EQ(error("/proc/a.mp4").code(), Errc::system);
}

TEST_F(Mp4Writer_, wrong_frames_and_options_are_errors) {
  auto writer = Mp4Writer::create(path("a.mp4"), {.width = 64, .height = 48, .rate = {10, 1}}).value();

  EXPECT_EQ(writer.write(slope(64, 50, 0).view(), 0ms).error().code(), Errc::size_invalid);
  const Image grey = Image::create(PixelFormat::gray8, 64, 48).value();
  EXPECT_EQ(writer.write(grey.view(), 0ms).error().code(), Errc::size_invalid);
  EXPECT_EQ(Mp4Writer::create(path("b.mp4"), {.width = 64, .height = 48, .rate = {0, 1}}).error().code(),
            Errc::invalid_argument);
  EXPECT_EQ(Mp4Writer::create(path("b.mp4"), {.width = 0, .height = 48}).error().code(), Errc::size_invalid);
  EXPECT_EQ(Mp4Writer::create(path("b.mp4"), {.width = 65, .height = 48, .codec = VideoCodec::h264}).error().code(),
            Errc::not_supported);
  EXPECT_FALSE(std::filesystem::exists(path("b.mp4.part")));
}

TEST_F(Mp4Writer_, full_disk_is_an_error_and_leaves_the_part) {
  auto child = os::ChildProcess::fork([this] {
                 // A limit on the size of files stands for a full disk.
                 const rlimit limit{40'000, 40'000};
                 ::signal(SIGXFSZ, SIG_IGN);
                 if (::setrlimit(RLIMIT_FSIZE, &limit) != 0) return 10;
                 auto writer = Mp4Writer::create(path("a.mp4"), {.width = 320, .height = 240, .rate = {10, 1}}).value();
                 Result<void> result;
                 for (int number = 0; number < 400 && result; ++number)
                   result = writer.write(slope(320, 240, number * number).view(), number * 100ms);
                 if (result) result = writer.finish();
                 if (result) return 11;
                 if (result.error().system_error() != EFBIG) return 12;
                 return result.error().message().find("a.mp4.part") != std::string::npos ? 0 : 13;
               }).value();

  EXPECT_EQ(child.wait(Deadline::after(25s)).value().code, 0);
  EXPECT_TRUE(std::filesystem::exists(path("a.mp4.part")));
  EXPECT_FALSE(std::filesystem::exists(path("a.mp4")));
}

}  // namespace
}  // namespace prong::video

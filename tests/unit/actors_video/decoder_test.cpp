#include "prong/actors/video/decoder.hpp"

#include "prong/actors/video/mp4_writer.hpp"
#include "prong/actors/video/png.hpp"
#include "prong/os/threads.hpp"
#include "remux.hpp"
#include "video_test.hpp"

#include <sys/stat.h>

#include <algorithm>

namespace prong::video {
namespace {

using Decoder_ = tests::VideoTest;
using tests::slope;
using namespace std::chrono_literals;

Result<Decoder> open(const std::string& url) {
  return Decoder::open(url, {}, Deadline::after(20s));
}

void write_mp4(const std::string& path, int frames) {
  const Mp4Options options{.width = 128, .height = 96, .rate = {10, 1}, .codec = VideoCodec::mpeg4};
  auto writer = Mp4Writer::create(path, options).value();
  for (int number = 0; number < frames; ++number) writer.write(slope(128, 96, number).view(), number * 100ms).value();
  writer.finish().value();
}

std::uint64_t count_frames(Decoder& decoder) {
  std::uint64_t frames = 0;
  while (decoder.next(Deadline::after(20s)).value()) ++frames;
  return frames;
}

TEST_F(Decoder_, gives_every_pixel_and_time_of_a_file) {
  auto decoder = open(write_file("a.y4m", tests::y4m(64, 48, 5))).value();

  EXPECT_EQ(decoder.info().codec, "rawvideo");
  EXPECT_EQ(decoder.info().layout, ImageLayout::of(PixelFormat::yuv420p, 64, 48).value());
  EXPECT_EQ(decoder.info().rate, (FrameRate{10, 1}));
  EXPECT_FALSE(decoder.info().live);
  for (int number = 0; number < 5; ++number) {
    const auto frame = decoder.next(Deadline::after(20s)).value();
    ASSERT_TRUE(frame);
    EXPECT_EQ(frame->info.number, static_cast<std::uint64_t>(number));
    EXPECT_EQ(frame->info.time, number * 100ms);
    EXPECT_TRUE(tests::same_pixels(frame->image.view(), slope(64, 48, number).view())) << number;
  }
  EXPECT_FALSE(decoder.next(Deadline::after(20s)).value());
  EXPECT_FALSE(decoder.next(Deadline::after(20s)).value()) << "the end stays the end";
  EXPECT_TRUE(decoder.check_whole());
  EXPECT_EQ(decoder.counts().frames, 5U);
}

TEST_F(Decoder_, writes_into_the_callers_memory_and_refuses_too_little_of_it_without_loss) {
  auto decoder = open(write_file("a.y4m", tests::y4m(64, 48, 2))).value();
  std::vector<std::byte> slot(decoder.info().layout.size + 100, std::byte{0xee});

  const auto small = decoder.next_into(MutableBytes{slot}.first(decoder.info().layout.size - 1), Deadline::never());
  const auto frame = decoder.next_into(slot, Deadline::never()).value();

  EXPECT_EQ(small.error().code(), Errc::oversize);
  ASSERT_TRUE(frame);
  EXPECT_EQ(frame->number, 0U);
  EXPECT_TRUE(tests::same_pixels(ImageView::create(slot, frame->layout).value(), slope(64, 48, 0).view()));
  EXPECT_TRUE(std::ranges::all_of(Bytes{slot}.last(100), [](std::byte byte) { return byte == std::byte{0xee}; }));
}

TEST_F(Decoder_, takes_odd_and_tiny_sizes) {
  for (const auto& [width, height] : {std::pair{321, 241}, {16, 16}, {17, 3}, {1, 1}}) {
    auto decoder = open(write_file("odd.y4m", tests::y4m(width, height, 2))).value();
    const auto first = decoder.next(Deadline::never()).value();

    ASSERT_TRUE(first);
    EXPECT_TRUE(tests::same_pixels(first->image.view(), slope(width, height, 0).view())) << width;
    EXPECT_EQ(count_frames(decoder), 1U);
  }
}

TEST_F(Decoder_, converts_other_pixel_formats_and_full_range) {
  const Image original = slope(64, 48, 0);
  const int luma = std::to_integer<int>(original.view().row(0, 20)[20]);
  for (const std::string chroma : {"444", "mono"}) {
    auto decoder = open(write_file(chroma + ".y4m", tests::y4m(64, 48, 1, chroma))).value();
    const auto frame = decoder.next(Deadline::never()).value();

    ASSERT_TRUE(frame);
    EXPECT_EQ(frame->info.layout.format, PixelFormat::yuv420p);
    const bool grey = chroma == "mono";  // Full range, as FFmpeg has it.
    EXPECT_NEAR(std::to_integer<int>(frame->image.view().row(0, 20)[20]), grey ? 16 + luma * 219 / 255 : luma, 1);
    EXPECT_NEAR(std::to_integer<int>(frame->image.view().row(1, 5)[5]), grey ? 128 : 130, 1);
  }
}

TEST_F(Decoder_, scales_frames_of_another_size_to_the_first) {
  Image small = slope(64, 48, 0);
  ASSERT_TRUE(write_png(path("1.png"), small.view()));
  ASSERT_TRUE(write_png(path("2.png"), slope(128, 96, 0).view()));
  const std::string both = read_file(path("1.png")) + read_file(path("2.png"));

  auto decoder = open(write_file("both.bin", both)).value();
  const auto first = decoder.next(Deadline::never()).value();
  const auto second = decoder.next(Deadline::never()).value();

  ASSERT_TRUE(first && second);
  EXPECT_LT(tests::luma_distance(first->image.view(), small.view()), 1.5);
  EXPECT_EQ(second->info.layout, first->info.layout);
  EXPECT_EQ(decoder.counts().rescaled_frames, 1U);
}

TEST_F(Decoder_, of_something_that_is_no_video_says_what_it_is) {
  const auto message = [](const std::string& url, Errc code) {
    const Error error = open(url).error();
    EXPECT_EQ(error.code(), code) << to_string(error);
    EXPECT_NE(error.message().find("'" + url + "'"), std::string::npos) << to_string(error);
    return error.message();
  };
  const std::string prose(5'000, 'x');
  ASSERT_EQ(::mkfifo(path("pipe").c_str(), 0600), 0);

  EXPECT_NE(message(path("none.avi"), Errc::system).find("No such file"), std::string::npos);
  EXPECT_NE(message(path(""), Errc::system).find("Is a directory"), std::string::npos);
  EXPECT_NE(message(write_file("empty.mp4", ""), Errc::malformed).find("is empty"), std::string::npos);
  message(write_file("notes.txt", "Dear reader,\n" + prose), Errc::malformed);
  message(write_file("notes.md", "# Notes\n\n" + prose), Errc::malformed);
  message(write_file("zeros.avi", std::string(100'000, '\0')), Errc::malformed);
  message(path("pipe"), Errc::not_supported);
  message("nonsense://host/x", Errc::not_supported);
  EXPECT_EQ(open("http://127.0.0.1:1/x").error().system_error(), ECONNREFUSED);
}

TEST_F(Decoder_, never_shows_the_password_of_a_url) {
  const Error error = open("rtsp://admin:secret@127.0.0.1:1/cam").error();

  EXPECT_EQ(error.message().find("secret"), std::string::npos) << error.message();
  EXPECT_NE(error.message().find("rtsp://***@127.0.0.1:1/cam"), std::string::npos) << error.message();
}

TEST_F(Decoder_, keeps_what_a_truncated_file_has_and_says_that_it_ended_early) {
  write_mp4(path("a.mp4"), 60);
  for (const std::string format : {"avi", "matroska", "faststart.mp4"}) {
    const std::string file = path("a." + format);
    ASSERT_TRUE(tests::remux(path("a.mp4"), file, format == "faststart.mp4" ? "mp4" : format));
    const std::string whole = read_file(file);
    auto decoder = open(write_file("cut." + format, std::string_view{whole}.substr(0, whole.size() / 2))).value();

    const std::uint64_t frames = count_frames(decoder);

    EXPECT_GT(frames, 15U) << format;
    EXPECT_LT(frames, 45U) << format;
    const Error error = decoder.check_whole().error();
    EXPECT_TRUE(error.code() == Errc::malformed || error.code() == Errc::system) << format << to_string(error);
    EXPECT_NE(error.message().find(path("cut." + format)), std::string::npos) << to_string(error);
    auto uncut = open(file).value();
    EXPECT_EQ(count_frames(uncut), 60U) << format;
    EXPECT_TRUE(uncut.check_whole()) << format << to_string(uncut.check_whole().error());
  }
}

TEST_F(Decoder_, of_an_mp4_without_its_index_is_an_error) {
  write_mp4(path("a.mp4"), 30);
  const std::string whole = read_file(path("a.mp4"));

  const auto cut = open(write_file("cut.mp4", std::string_view{whole}.substr(0, whole.size() / 2)));

  EXPECT_EQ(cut.error().code(), Errc::malformed) << to_string(cut.error());
}

TEST_F(Decoder_, counts_what_is_damaged_and_goes_on) {
  write_mp4(path("a.mp4"), 60);
  std::string bytes = read_file(path("a.mp4"));
  const std::size_t data = bytes.find("mdat") + 4;
  for (std::size_t at = data + 8'000; at < data + 12'000; ++at) bytes[at] = static_cast<char>(at * 31);

  auto decoder = open(write_file("damaged.mp4", bytes)).value();
  const std::uint64_t frames = count_frames(decoder);

  EXPECT_GT(frames, 30U);
  EXPECT_GT(decoder.counts().damaged_frames + decoder.counts().damaged_packets, 0U);
  EXPECT_EQ(decoder.check_whole().error().code(), Errc::malformed);
}

TEST_F(Decoder_, starts_no_thread_and_prints_nothing) {
  auto writer = Mp4Writer::create(path("a.mp4"), {.width = 64, .height = 48, .rate = {10, 1}}).value();
  for (int number = 0; number < 5; ++number) ASSERT_TRUE(writer.write(slope(64, 48, number).view(), number * 100ms));
  EXPECT_TRUE(os::require_single_thread("encoding"));
  ASSERT_TRUE(writer.finish());

  ::testing::internal::CaptureStderr();
  auto decoder = open(path("a.mp4")).value();
  ASSERT_TRUE(decoder.next(Deadline::never()).value());
  EXPECT_TRUE(os::require_single_thread("decoding"));
  EXPECT_FALSE(open(write_file("bad.mp4", read_file(path("a.mp4")).substr(0, 200))));
  EXPECT_EQ(::testing::internal::GetCapturedStderr(), "");
}

TEST_F(Decoder_, is_over_only_when_it_is_over) {
  auto decoder = open(write_file("a.y4m", tests::y4m(16, 16, 2))).value();

  EXPECT_EQ(decoder.check_whole().error().code(), Errc::invalid_state);
}

}  // namespace
}  // namespace prong::video

// Decoding from peers: cameras that stall, that go away, and that call us.
#include "prong/actors/video/decoder.hpp"

#include "prong/actors/video/mp4_writer.hpp"
#include "prong/os/child_process.hpp"
#include "remux.hpp"
#include "video_test.hpp"

#include <arpa/inet.h>
#include <sys/socket.h>
#include <unistd.h>

namespace prong::video {
namespace {

using LiveDecoder = tests::VideoTest;
using namespace std::chrono_literals;

/// A socket on this machine that listens, and accepts only where a test does.
class Listener {
 public:
  Listener() {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    EXPECT_EQ(::bind(socket_.get(), reinterpret_cast<sockaddr*>(&address), size), 0);
    EXPECT_EQ(::listen(socket_.get(), 4), 0);
    EXPECT_EQ(::getsockname(socket_.get(), reinterpret_cast<sockaddr*>(&address), &size), 0);
    port_ = ntohs(address.sin_port);
  }

  [[nodiscard]] std::string url(const std::string& scheme, const std::string& name) const {
    return scheme + "://127.0.0.1:" + std::to_string(port_) + "/" + name;
  }
  [[nodiscard]] int accept() const { return ::accept4(socket_.get(), nullptr, nullptr, SOCK_CLOEXEC); }

 private:
  os::UniqueFd socket_{::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
  int port_ = 0;
};

void send_all(int socket, std::string_view text) {
  while (!text.empty()) {
    const ssize_t sent = ::send(socket, text.data(), text.size(), MSG_NOSIGNAL);
    if (sent <= 0) return;
    text.remove_prefix(static_cast<std::size_t>(sent));
  }
}

/// A camera that sends `bytes` over HTTP and then keeps silent, or hangs up.
os::ChildProcess http_camera(const Listener& listener, const std::string& bytes, bool hangs_up) {
  return os::ChildProcess::fork([&] {
           const int peer = listener.accept();
           char request[1024];
           if (::read(peer, request, sizeof request) <= 0) return 1;
           send_all(peer, "HTTP/1.1 200 OK\r\nContent-Type: video/x-yuv4mpeg\r\nConnection: close\r\n\r\n" + bytes);
           if (!hangs_up) ::pause();
           return 0;
         })
      .value();
}

/// A camera that calls `url`, which waits for it, and sends the video file `path` over RTSP.
os::ChildProcess rtsp_caller(const std::string& path, const std::string& url) {
  return os::ChildProcess::fork([=] {
           // The other side may not listen yet.
           for (int attempt = 0; attempt < 200; ++attempt) {
             if (tests::remux(path, url, "rtsp")) return 0;
             ::usleep(50'000);
           }
           return 1;
         })
      .value();
}

TEST_F(LiveDecoder, open_ends_at_its_deadline_when_the_peer_says_nothing) {
  const Listener silent;  // The kernel accepts the connection; nobody ever answers.

  for (const std::string scheme : {"http", "rtsp"}) {
    const auto start = std::chrono::steady_clock::now();
    const auto decoder = Decoder::open(silent.url(scheme, "cam"), {}, Deadline::after(300ms));

    EXPECT_EQ(decoder.error().code(), Errc::deadline_exceeded) << to_string(decoder.error());
    EXPECT_GE(std::chrono::steady_clock::now() - start, 300ms);
  }
}

TEST_F(LiveDecoder, read_ends_at_its_deadline_when_the_peer_stalls_and_stays_ended) {
  const Listener listener;
  const auto camera = http_camera(listener, tests::y4m(64, 48, 40), false);
  auto decoder = Decoder::open(listener.url("http", "cam"), {}, Deadline::after(20s)).value();

  EXPECT_TRUE(decoder.info().live);
  for (int frame = 0; frame < 40; ++frame) ASSERT_TRUE(decoder.next(Deadline::after(20s)).value()) << frame;
  const auto start = std::chrono::steady_clock::now();
  const auto stalled = decoder.next(Deadline::after(300ms));

  EXPECT_EQ(stalled.error().code(), Errc::deadline_exceeded) << to_string(stalled.error());
  EXPECT_GE(std::chrono::steady_clock::now() - start, 300ms);
  EXPECT_EQ(decoder.next(Deadline::never()).error().code(), Errc::deadline_exceeded);
  EXPECT_EQ(decoder.check_whole().error().code(), Errc::deadline_exceeded);
}

TEST_F(LiveDecoder, wait_ends_when_it_is_interrupted) {
  const Listener silent;
  int asked = 0;
  DecoderOptions options;
  options.interrupted = [&asked] { return ++asked == 3; };

  const auto decoder = Decoder::open(silent.url("http", "cam"), options, Deadline::never());

  EXPECT_EQ(decoder.error().code(), Errc::cancelled) << to_string(decoder.error());
  EXPECT_EQ(asked, 3);
}

TEST_F(LiveDecoder, camera_that_hangs_up_is_told_apart_from_a_file_that_ends) {
  const Listener listener;
  const auto camera = http_camera(listener, tests::y4m(64, 48, 30), true);
  auto decoder = Decoder::open(listener.url("http", "cam"), {}, Deadline::after(20s)).value();

  while (decoder.next(Deadline::after(20s)).value()) continue;

  EXPECT_EQ(decoder.counts().frames, 30U);
  EXPECT_EQ(decoder.check_whole().error().code(), Errc::closed) << to_string(decoder.check_whole().error());
}

TEST_F(LiveDecoder, camera_that_calls_us_over_rtsp_is_decoded) {
  const Mp4Options wanted{.width = 128, .height = 96, .rate = {10, 1}, .codec = VideoCodec::mpeg4};
  auto writer = Mp4Writer::create(path("a.mp4"), wanted).value();
  for (int number = 0; number < 80; ++number)
    ASSERT_TRUE(writer.write(tests::slope(128, 96, number).view(), number * 100ms));
  ASSERT_TRUE(writer.finish());
  std::string url;
  {
    const Listener reserved;  // A port that was free a moment ago.
    url = reserved.url("rtsp", "live");
  }
  auto camera = rtsp_caller(path("a.mp4"), url);

  DecoderOptions options;
  options.rtsp_role = RtspRole::listener;
  auto decoder = Decoder::open(url, options, Deadline::after(20s)).value();
  EXPECT_TRUE(decoder.info().live);
  EXPECT_EQ(decoder.info().codec, "mpeg4");
  double worst = 0;
  while (true) {
    const auto frame = decoder.next(Deadline::after(20s)).value();
    if (!frame) break;
    const auto number = static_cast<int>(frame->info.number);
    worst = std::max(worst, tests::luma_distance(frame->image.view(), tests::slope(128, 96, number).view()));
  }

  EXPECT_EQ(decoder.counts().frames, 80U);
  EXPECT_LT(worst, 12.0);
  EXPECT_EQ(camera.wait(Deadline::after(20s)).value().code, 0);
}

}  // namespace
}  // namespace prong::video

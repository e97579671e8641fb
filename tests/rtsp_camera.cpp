#include "rtsp_camera.hpp"

#include "prong/actors/video/detail/libav.hpp"
#include "prong/os/poll.hpp"
#include "prong/os/signals.hpp"

#include <arpa/inet.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <random>
#include <stdexcept>
#include <string_view>

namespace prong::tests {
namespace {

using video::detail::InputContext;
using video::detail::Packet;

constexpr int packet_bytes = 1'400;

sockaddr_in loopback(int port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(static_cast<std::uint16_t>(port));
  return address;
}

os::UniqueFd bound_socket(int port) {
  os::UniqueFd descriptor{::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
  const sockaddr_in address = loopback(port);
  if (::bind(descriptor.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) return {};
  return descriptor;
}

int port_of(const os::UniqueFd& descriptor) {
  sockaddr_in address{};
  socklen_t size = sizeof address;
  ::getsockname(descriptor.get(), reinterpret_cast<sockaddr*>(&address), &size);
  return ntohs(address.sin_port);
}

/// The file, read from its start over and over.
class Film {
 public:
  explicit Film(const std::string& path) {
    AVFormatContext* opened = nullptr;
    if (avformat_open_input(&opened, path.c_str(), nullptr, nullptr) < 0) throw std::runtime_error{path};
    input_.reset(opened);
    if (avformat_find_stream_info(opened, nullptr) < 0) throw std::runtime_error{path};
  }

  [[nodiscard]] const AVStream& stream() const { return *input_->streams[0]; }
  /// Reads the next packet; false at the end, after which it begins anew.
  bool next(AVPacket& packet) {
    if (av_read_frame(input_.get(), &packet) >= 0) return true;
    av_seek_frame(input_.get(), 0, 0, AVSEEK_FLAG_BACKWARD);
    return false;
  }

 private:
  InputContext input_;
};

/// FFmpeg's RTP muxer, whose packets go into a connection between RTSP's answers (RFC 2326, 10.12).
class RtpSender {
 public:
  RtpSender(const AVStream& stream, int connection) : connection_{connection} {
    avformat_alloc_output_context2(&muxer_, nullptr, "rtp", nullptr);
    muxer_->url = av_strdup("rtp://127.0.0.1");
    muxer_->packet_size = packet_bytes;
    AVStream* const sent = avformat_new_stream(muxer_, nullptr);
    avcodec_parameters_copy(sent->codecpar, stream.codecpar);
    sent->codecpar->codec_tag = 0;
    sent->avg_frame_rate = stream.avg_frame_rate;
    auto* const buffer = static_cast<std::uint8_t*>(av_malloc(packet_bytes));
    muxer_->pb = avio_alloc_context(buffer, packet_bytes, 1, this, nullptr, send_packet, nullptr);
    muxer_->pb->max_packet_size = packet_bytes;
    if (avformat_write_header(muxer_, nullptr) < 0) throw std::runtime_error{"no RTP for this codec"};
  }
  RtpSender(const RtpSender&) = delete;
  RtpSender& operator=(const RtpSender&) = delete;
  ~RtpSender() {
    av_freep(&muxer_->pb->buffer);
    avio_context_free(&muxer_->pb);
    avformat_free_context(muxer_);
  }

  [[nodiscard]] std::string description() {
    std::array<char, 4'096> text{};
    av_sdp_create(&muxer_, 1, text.data(), static_cast<int>(text.size()));
    return text.data();
  }
  /// Sends one frame, to be shown at `seconds`; false when the caller is gone.
  bool send(AVPacket& packet, double seconds) {
    packet.stream_index = 0;
    packet.pts = packet.dts = static_cast<std::int64_t>(seconds / av_q2d(muxer_->streams[0]->time_base));
    packet.duration = 0;
    return av_write_frame(muxer_, &packet) >= 0 && !gone_;
  }

 private:
  static int send_packet(void* self, std::uint8_t* data, int size) {
    auto& sender = *static_cast<RtpSender*>(self);
    const bool is_rtcp = size > 1 && data[1] >= 192 && data[1] <= 223;
    const std::array<unsigned char, 4> head{'$', static_cast<unsigned char>(is_rtcp),
                                            static_cast<unsigned char>(size >> 8), static_cast<unsigned char>(size)};
    std::string bytes(reinterpret_cast<const char*>(head.data()), head.size());
    bytes.append(reinterpret_cast<const char*>(data), static_cast<std::size_t>(size));
    if (::send(sender.connection_, bytes.data(), bytes.size(), MSG_NOSIGNAL) != static_cast<ssize_t>(bytes.size()))
      sender.gone_ = true;
    return size;
  }

  int connection_;
  AVFormatContext* muxer_ = nullptr;
  bool gone_ = false;
};

/// One caller, from its first question to its last.
class Call {
 public:
  Call(int connection, const RtspCameraOptions& options)
      : connection_{connection}, options_{options}, film_{options.file}, sender_{film_.stream(), connection} {}

  void serve() {
    while (!playing_)
      if (!listen(Deadline::never())) return;
    const Packet packet{av_packet_alloc()};
    const auto start = std::chrono::steady_clock::now();
    for (int frame = 0; options_.frames == 0 || frame < options_.frames; ++frame) {
      while (!film_.next(*packet)) continue;
      const double seconds = frame / av_q2d(film_.stream().avg_frame_rate);
      const auto wait = std::chrono::nanoseconds{static_cast<std::int64_t>(seconds / options_.speed * 1e9)};
      const auto due = Deadline::at(start + wait);
      while (!due.has_passed())
        if (!listen(due)) return;
      if (!sender_.send(*packet, seconds)) return;
      av_packet_unref(packet.get());
    }
    if (options_.after == RtspCameraOptions::After::stop_itself) ::raise(SIGSTOP);
    // Closing a connection in which something is unread would take back what was sent last.
    ::shutdown(connection_, SHUT_WR);
    while (listen(Deadline::never())) continue;
  }

 private:
  // Reads and answers what comes until the deadline; false when the caller is gone.
  bool listen(Deadline deadline) {
    if (!os::wait_readable(connection_, deadline)) return true;
    std::array<char, 4'096> bytes{};
    const ssize_t got = ::read(connection_, bytes.data(), bytes.size());
    if (got <= 0) return false;
    heard_.append(bytes.data(), static_cast<std::size_t>(got));
    while (!heard_.empty()) {
      if (heard_[0] == '$') {  // how the caller likes the packets
        if (heard_.size() < 4) return true;
        const std::size_t size =
            4 + (static_cast<unsigned char>(heard_[2]) << 8) + static_cast<unsigned char>(heard_[3]);
        if (heard_.size() < size) return true;
        heard_.erase(0, size);
        continue;
      }
      const std::size_t end = heard_.find("\r\n\r\n");
      if (end == std::string::npos) return true;
      const std::string request = heard_.substr(0, end + 2);
      heard_.erase(0, end + 4);
      if (!reply(request)) return false;
    }
    return true;
  }

  bool reply(const std::string& request) {
    const std::string method = request.substr(0, request.find(' '));
    const std::size_t number = request.find("CSeq:");
    const std::string sequence = request.substr(number, request.find("\r\n", number) - number);
    std::string answer = "RTSP/1.0 200 OK\r\n" + sequence + "\r\nSession: 1\r\n";
    std::string body;
    if (method == "OPTIONS") answer += "Public: OPTIONS, DESCRIBE, SETUP, PLAY, TEARDOWN, GET_PARAMETER\r\n";
    if (method == "SETUP") answer += "Transport: RTP/AVP/TCP;unicast;interleaved=0-1\r\n";
    if (method == "DESCRIBE") {
      body = sender_.description();
      answer += "Content-Type: application/sdp\r\nContent-Length: " + std::to_string(body.size()) + "\r\n";
    }
    answer += "\r\n" + body;
    playing_ = playing_ || method == "PLAY";
    return ::send(connection_, answer.data(), answer.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(answer.size()) &&
           method != "TEARDOWN";
  }

  int connection_;
  const RtspCameraOptions& options_;
  Film film_;
  RtpSender sender_;
  std::string heard_;
  bool playing_ = false;
};

}  // namespace

RtspCamera::RtspCamera(const RtspCameraOptions& options) {
  const os::UniqueFd listener = bound_socket(0);
  if (::listen(listener.get(), 4) != 0) throw std::runtime_error{"listen"};
  port_ = port_of(listener);
  const int parent = ::getpid();
  process_ = os::ChildProcess::fork([&]() -> int {
               os::die_with_parent(parent);
               av_log_set_level(AV_LOG_QUIET);
               while (true) {
                 const os::UniqueFd connection{::accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC)};
                 Call{connection.get(), options}.serve();
               }
             }).value();
}

bool RtspCamera::wait_stopped() const {
  siginfo_t info{};
  return ::waitid(P_PID, static_cast<id_t>(process_.pid()), &info, WSTOPPED | WEXITED | WNOWAIT) == 0 &&
         info.si_code == CLD_STOPPED;
}

std::string unused_rtsp_url() {
  std::random_device random;
  std::uniform_int_distribution<int> ports{20'000, 32'000};
  while (true)
    if (const int port = ports(random); bound_socket(port)) return "rtsp://127.0.0.1:" + std::to_string(port) + "/live";
}

}  // namespace prong::tests

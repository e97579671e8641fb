#include "remux.hpp"

#include "prong/actors/video/detail/libav.hpp"

namespace prong::tests {
namespace {

using video::detail::Dictionary;
using video::detail::InputContext;
using video::detail::Packet;

bool copy_packets(AVFormatContext& input, AVFormatContext& output, const std::string& format) {
  AVStream* const stream = avformat_new_stream(&output, nullptr);
  if (stream == nullptr || avcodec_parameters_copy(stream->codecpar, input.streams[0]->codecpar) < 0) return false;
  stream->codecpar->codec_tag = 0;
  stream->time_base = av_inv_q(input.streams[0]->avg_frame_rate);
  stream->avg_frame_rate = input.streams[0]->avg_frame_rate;
  Dictionary options;
  if (format == "mp4") options.set("movflags", "faststart");
  if (format == "rtsp") options.set("rtsp_transport", "tcp");
  if (avformat_write_header(&output, options.get()) < 0) return false;
  const Packet packet{av_packet_alloc()};
  while (av_read_frame(&input, packet.get()) >= 0) {
    av_packet_rescale_ts(packet.get(), input.streams[0]->time_base, stream->time_base);
    if (av_interleaved_write_frame(&output, packet.get()) < 0) return false;
  }
  return av_write_trailer(&output) >= 0;
}

}  // namespace

bool remux(const std::string& from, const std::string& to, const std::string& format) {
  AVFormatContext* opened = nullptr;
  if (avformat_open_input(&opened, from.c_str(), nullptr, nullptr) < 0) return false;
  const InputContext input{opened};
  if (avformat_find_stream_info(opened, nullptr) < 0) return false;
  AVFormatContext* output = nullptr;
  if (avformat_alloc_output_context2(&output, nullptr, format.c_str(), to.c_str()) < 0) return false;
  const bool is_file = (output->oformat->flags & AVFMT_NOFILE) == 0;
  bool copied = !is_file || avio_open(&output->pb, to.c_str(), AVIO_FLAG_WRITE) >= 0;
  copied = copied && copy_packets(*opened, *output, format);
  if (is_file) avio_closep(&output->pb);
  avformat_free_context(output);
  return copied;
}

}  // namespace prong::tests

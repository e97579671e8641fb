// Making a channel with its two ends.
#pragma once

#include "prong/channel/channel.hpp"
#include "prong/channel/channel_reader.hpp"
#include "prong/channel/channel_writer.hpp"

#include <memory>

namespace prong {

/// The two ends of one channel.
template <class ReaderType, class WriterType>
struct ChannelPair {
  ReaderType reader;
  WriterType writer;
};

/// Makes a channel and returns its reader and its writer:
///
///     auto [reader, writer] = make_channel<int>({.capacity = 16});
///     auto [serial_reader, serial_writer] = make_channel<int, SerialChannel>();
///     auto [called_back, plain] = make_channel<int, Channel, CallbackChannelReader>();
template <class T, template <class> class ChannelType = Channel, template <class> class ReaderType = ChannelReader,
          template <class> class WriterType = ChannelWriter>
[[nodiscard]] ChannelPair<ReaderType<T>, WriterType<T>> make_channel(ChannelOptions options = {}) {
  const std::shared_ptr<Device<T>> channel = std::make_shared<ChannelType<T>>(options);
  return {ReaderType<T>{channel}, WriterType<T>{channel}};
}

}  // namespace prong

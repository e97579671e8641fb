#include "prong/message/message_header.hpp"

#include "prong/base/deadline.hpp"

#include <gtest/gtest.h>

#include <array>

namespace prong {
namespace {

using Image = std::array<std::byte, sizeof(MessageHeader)>;

MessageHeader example() {
  MessageHeader header;
  header.kind = MessageKind::call;
  header.flags = MessageFlags::more;
  header.command = 0x0102;
  header.length = 0x03040506;
  header.request = 0x0708090a0b0c0d0e;
  header.deadline = 0x1112131415161718;
  return header;
}

Image image_of(const MessageHeader& header) {
  Image image{};
  write_header(header, image);
  return image;
}

TEST(MessageHeader, has_the_bytes_that_the_format_says) {
  const Image image = image_of(example());

  Image expected{};
  const int bytes[] = {1,    1,    2,    1,    6,    5,    4,    3,    0x0e, 0x0d, 0x0c, 0x0b,
                       0x0a, 0x09, 0x08, 0x07, 0x18, 0x17, 0x16, 0x15, 0x14, 0x13, 0x12, 0x11};
  for (std::size_t i = 0; i < std::size(bytes); ++i) expected[i] = static_cast<std::byte>(bytes[i]);
  EXPECT_EQ(image, expected);
}

TEST(MessageHeader, is_read_as_it_was_written) {
  const MessageHeader header = read_header(image_of(example())).value();

  EXPECT_EQ(header.kind, MessageKind::call);
  EXPECT_EQ(header.flags, MessageFlags::more);
  EXPECT_EQ(header.command, 0x0102);
  EXPECT_EQ(header.length, 0x03040506U);
  EXPECT_EQ(header.request, 0x0708090a0b0c0d0eU);
  EXPECT_EQ(header.deadline, 0x1112131415161718);
}

TEST(MessageHeader, wants_no_reply_and_never_expires_by_default) {
  const MessageHeader header;

  EXPECT_EQ(header.request, 0U);
  EXPECT_EQ(header.deadline, Deadline::never().nanoseconds());
}

TEST(MessageHeader, is_refused_with_an_unknown_kind) {
  for (int kind = 0; kind < 256; ++kind) {
    Image image = image_of(example());
    image[0] = static_cast<std::byte>(kind);
    const auto header = read_header(image);
    EXPECT_EQ(static_cast<bool>(header), kind >= 1 && kind <= 12) << kind;
    if (!header) {
      EXPECT_EQ(header.error().code(), Errc::bad_message);
    }
  }
}

TEST(MessageHeader, is_refused_with_unknown_flags_or_reserved_bits) {
  for (int flags = 0; flags < 256; ++flags) {
    Image image = image_of(example());
    image[1] = static_cast<std::byte>(flags);
    EXPECT_EQ(static_cast<bool>(read_header(image)), flags <= 2) << flags;
  }
  for (std::size_t i = 24; i < 32; ++i) {
    Image image = image_of(example());
    image[i] = std::byte{1};
    EXPECT_EQ(read_header(image).error().code(), Errc::bad_message) << i;
  }
}

TEST(MessageHeader, is_refused_when_cut_off) {
  const Image image = image_of(example());

  for (std::size_t size = 0; size < image.size(); ++size) EXPECT_FALSE(read_header(Bytes{image}.first(size))) << size;
}

}  // namespace
}  // namespace prong

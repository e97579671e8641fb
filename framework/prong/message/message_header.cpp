#include "prong/message/message_header.hpp"

#include "prong/base/contract.hpp"

#include <bit>
#include <cstring>

namespace prong {

static_assert(std::endian::native == std::endian::little, "the header is written as it lies in memory");

void write_header(const MessageHeader& header, MutableBytes out) noexcept {
  PRONG_EXPECT(out.size() >= sizeof header, "a header takes 32 bytes");
  std::memcpy(out.data(), &header, sizeof header);
}

Result<MessageHeader> read_header(Bytes bytes) {
  MessageHeader header;
  if (bytes.size() < sizeof header) return fail(Errc::bad_message, "a record shorter than a header");
  std::memcpy(static_cast<void*>(&header), bytes.data(), sizeof header);
  const auto kind = static_cast<std::uint8_t>(header.kind);
  if (kind < static_cast<std::uint8_t>(MessageKind::call) || kind > static_cast<std::uint8_t>(MessageKind::bye))
    return fail(Errc::bad_message, "a header of kind " + std::to_string(kind));
  if (static_cast<std::uint8_t>(header.flags) > static_cast<std::uint8_t>(MessageFlags::withdrawn))
    return fail(Errc::bad_message, "a header with unknown flags");
  if (header.reserved != 0) return fail(Errc::bad_message, "a header with reserved bits");
  return header;
}

}  // namespace prong

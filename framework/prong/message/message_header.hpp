// What stands before each payload on the way between two processes.
//
// Layout: docs/formats/message_header.md.
#pragma once

#include "prong/base/bytes.hpp"
#include "prong/base/result.hpp"

#include <cstdint>

namespace prong {

/// What a message is. The numbers are on the wire and never change.
enum class MessageKind : std::uint8_t {
  call = 1,         ///< Typed arguments for the command with number `command`.
  message = 2,      ///< A MessageObject: command and arguments by name.
  reply = 3,        ///< The value that request `request` returned.
  error_reply = 4,  ///< The Error that request `request` ended with.
  out = 5,          ///< A MessageObject that nobody asked for.
  return_out = 6,   ///< The same, for the second queue.
  stop = 7,         ///< Stop after the data that was sent before position `request`.
  cancel = 8,
  ping = 9,
  pong = 10,
  ready = 11,  ///< The backend has run pre_run.
  bye = 12,    ///< The backend leaves in order; the payload is empty or the Error that made it leave.
};

/// Whether a record is a whole message.
enum class MessageFlags : std::uint8_t {
  none = 0,       ///< A whole message, or the last fragment of one.
  more = 1,       ///< A fragment; the rest follows on the same lane.
  withdrawn = 2,  ///< The fragments sent so far will not be completed: forget them.
};

/// The header of a record: 32 bytes, little-endian.
struct MessageHeader {
  MessageKind kind = MessageKind::message;
  MessageFlags flags = MessageFlags::none;
  std::uint16_t command = 0;          ///< The number of the command in the table both sides were forked with.
  std::uint32_t length = 0;           ///< Units: bytes of payload behind this header.
  std::uint64_t request = 0;          ///< Names the request in its reply; 0 where no reply is wanted.
  std::int64_t deadline = INT64_MAX;  ///< Units: nanoseconds on CLOCK_MONOTONIC; INT64_MAX is never.
  std::uint64_t reserved = 0;         ///< Zero.
};
static_assert(sizeof(MessageHeader) == 32);

/// Writes `header` as it goes on the wire. Requires: `out` has at least 32 bytes.
void write_header(const MessageHeader& header, MutableBytes out) noexcept;

/// Reads a header and checks every field that has few valid values. Fails with: bad_message.
[[nodiscard]] Result<MessageHeader> read_header(Bytes bytes);

}  // namespace prong

// What the program, its fork keeper and its fork worker say to each other. All three are one image: no versions.
#pragma once

#include "prong/base/bytes.hpp"
#include "prong/base/result.hpp"
#include "prong/os/child_process.hpp"
#include "prong/process/fork_server.hpp"
#include "prong/transport/descriptor_socket.hpp"

#include <cstdint>
#include <cstring>

namespace prong::detail {

/// Program to worker, before the payload; descriptors: the worker's end of the lifeline, the payload's memory if it is
/// elsewhere, then those for the new process.
struct StartRequest {
  ServedMain main = nullptr;
  std::uint64_t payload_size = 0;
  std::uint32_t payload_is_elsewhere = 0;  // in a memory file, because a packet is bounded
  std::uint32_t unused = 0;
};

/// Worker to program, on the lifeline of one process.
struct LifeReport {
  enum class Kind : std::uint32_t { started = 1, refused, ended };  // `started` carries the pidfd
  Kind kind = Kind::started;
  std::int32_t pid = 0;
  std::int32_t error = 0;  // errno of a refusal; 0: the function is not of the snapshot
  std::int32_t exit_code = 0;
  std::int32_t signal = 0;
  std::uint32_t unused = 0;
  std::int64_t cpu_nanoseconds = 0;
  std::uint64_t memory_peak_bytes = 0;
};

/// Keeper to program.
struct KeeperEvent {
  enum class Kind : std::uint32_t { worker_started = 1, worker_ended };
  Kind kind = Kind::worker_started;
  std::int32_t pid = 0;
  std::int32_t exit_code = 0;
  std::int32_t signal = 0;
};

/// Program to keeper.
struct KeeperRequest {
  enum class Kind : std::uint32_t { group_begins = 1, group_ends };
  Kind kind = Kind::group_begins;
  std::int32_t leader = 0;
};

template <class Message>
Bytes bytes_of(const Message& message) noexcept {
  return std::as_bytes(std::span{&message, 1});
}

/// Returns the message at the start of `bytes`. Fails with: malformed.
template <class Message>
Result<Message> message_in(Bytes bytes) {
  if (bytes.size() < sizeof(Message)) return fail(Errc::malformed, "a packet that is too short");
  Message message;
  std::memcpy(&message, bytes.data(), sizeof message);
  return message;
}

}  // namespace prong::detail

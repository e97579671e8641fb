// Packets of bytes and file descriptors between two processes of one program.
//
// For the few messages that set things up: what must be fast goes through rings.
#pragma once

#include "prong/base/bytes.hpp"
#include "prong/base/deadline.hpp"
#include "prong/os/unique_fd.hpp"

#include <span>
#include <utility>
#include <vector>

namespace prong::transport {

/// One packet as it arrives.
struct Packet {
  std::vector<std::byte> bytes;
  std::vector<os::UniqueFd> descriptors;  ///< Closed on exec; in the order of sending.
};

/// One end of a pair of sockets that keep the borders of packets and carry descriptors.
///
/// Source: unix(7), SOCK_SEQPACKET and SCM_RIGHTS.
/// Thread safety: send() from any thread, receive() from one at a time.
/// If the peer dies: receive() returns what had been sent before and then fails; send() fails.
class DescriptorSocket {
 public:
  /// Units: bytes of one packet.
  static constexpr std::size_t max_bytes = std::size_t{32} * 1024;
  static constexpr std::size_t max_descriptors = 200;

  DescriptorSocket() noexcept = default;
  explicit DescriptorSocket(os::UniqueFd descriptor) noexcept : descriptor_{std::move(descriptor)} {}

  /// Makes two ends that are connected, neither of which has a name. Fails with: system.
  [[nodiscard]] static Result<std::pair<DescriptorSocket, DescriptorSocket>> pair();

  /// Sends one packet; the receiver gets duplicates of `descriptors`.
  /// Fails with: too_large, closed if there is no peer any more, deadline_exceeded, system.
  [[nodiscard]] Result<void> send(Bytes bytes, std::span<const int> descriptors, Deadline deadline) const;
  /// Waits for a packet. Fails with: closed once the peer is gone and all is received, deadline_exceeded, system, for
  /// instance when there is no room for another descriptor in this process.
  [[nodiscard]] Result<Packet> receive(Deadline deadline) const;

  /// Receives nothing more: descriptor() is readable from now on. Blocks: never.
  void end_receiving() const noexcept;

  /// Returns the descriptor that is readable when receive() would not wait, or -1.
  [[nodiscard]] int descriptor() const noexcept { return descriptor_.get(); }
  void close() noexcept { descriptor_.reset(); }
  [[nodiscard]] explicit operator bool() const noexcept { return static_cast<bool>(descriptor_); }

 private:
  os::UniqueFd descriptor_;
};

}  // namespace prong::transport

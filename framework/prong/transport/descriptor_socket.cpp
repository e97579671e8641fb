#include "prong/transport/descriptor_socket.hpp"

#include "prong/os/poll.hpp"

#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <cstring>

namespace prong::transport {
namespace {

// Room for the descriptors of one packet, aligned as a control message must be.
struct ControlBuffer {
  alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int) * DescriptorSocket::max_descriptors)> bytes;
};

Result<void> wait_writable(int descriptor, Deadline deadline) {
  pollfd entry{descriptor, POLLOUT, 0};
  PRONG_TRY_ASSIGN(const std::size_t ready, os::poll({&entry, 1}, deadline));
  if (ready == 0) return fail(Errc::deadline_exceeded, "the peer takes no packets");
  return {};
}

std::vector<os::UniqueFd> take_descriptors(msghdr& message) {
  std::vector<os::UniqueFd> descriptors;
  for (cmsghdr* part = CMSG_FIRSTHDR(&message); part != nullptr; part = CMSG_NXTHDR(&message, part)) {
    if (part->cmsg_level != SOL_SOCKET || part->cmsg_type != SCM_RIGHTS) continue;
    const std::size_t count = (part->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    for (std::size_t i = 0; i < count; ++i) {
      int descriptor = -1;
      std::memcpy(&descriptor, CMSG_DATA(part) + i * sizeof(int), sizeof descriptor);
      descriptors.emplace_back(descriptor);
    }
  }
  return descriptors;
}

}  // namespace

Result<std::pair<DescriptorSocket, DescriptorSocket>> DescriptorSocket::pair() {
  int ends[2] = {-1, -1};
  if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends) != 0)
    return Error::from_errno("socketpair");
  return std::pair{DescriptorSocket{os::UniqueFd{ends[0]}}, DescriptorSocket{os::UniqueFd{ends[1]}}};
}

Result<void> DescriptorSocket::send(Bytes bytes, std::span<const int> descriptors, Deadline deadline) const {
  if (bytes.empty() || bytes.size() > max_bytes || descriptors.size() > max_descriptors)
    return fail(Errc::too_large, "a packet of " + std::to_string(bytes.size()) + " bytes and " +
                                     std::to_string(descriptors.size()) + " descriptors; at least 1 and at most " +
                                     std::to_string(max_bytes) + " and " + std::to_string(max_descriptors));
  iovec part{const_cast<std::byte*>(bytes.data()), bytes.size()};
  ControlBuffer control{};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  if (!descriptors.empty()) {
    message.msg_control = control.bytes.data();
    message.msg_controllen = CMSG_SPACE(descriptors.size_bytes());
    cmsghdr* const header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(descriptors.size_bytes());
    std::memcpy(CMSG_DATA(header), descriptors.data(), descriptors.size_bytes());
  }
  while (::sendmsg(descriptor_.get(), &message, MSG_NOSIGNAL) < 0) {
    if (errno == EINTR) continue;
    if (errno == EPIPE || errno == ECONNRESET) return fail(Errc::closed, "the peer of the socket is gone");
    if (errno != EAGAIN) return Error::from_errno("sendmsg");
    PRONG_TRY(wait_writable(descriptor_.get(), deadline));
  }
  return {};
}

void DescriptorSocket::end_receiving() const noexcept {
  ::shutdown(descriptor_.get(), SHUT_RD);
}

Result<Packet> DescriptorSocket::receive(Deadline deadline) const {
  Packet packet;
  packet.bytes.resize(max_bytes);
  ControlBuffer control{};
  for (;;) {
    iovec part{packet.bytes.data(), packet.bytes.size()};
    msghdr message{};
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    message.msg_control = control.bytes.data();
    message.msg_controllen = control.bytes.size();
    const ssize_t count = ::recvmsg(descriptor_.get(), &message, MSG_CMSG_CLOEXEC);
    if (count < 0) {
      if (errno == EINTR) continue;
      if (errno == ECONNRESET) return fail(Errc::closed, "the peer of the socket is gone");
      if (errno != EAGAIN) return Error::from_errno("recvmsg");
      PRONG_TRY(os::wait_readable(descriptor_.get(), deadline));
      continue;
    }
    packet.descriptors = take_descriptors(message);
    if (count == 0) return fail(Errc::closed, "the peer of the socket is gone");
    if ((message.msg_flags & MSG_CTRUNC) != 0)
      return fail(Errc::system, "descriptors of a packet were lost: this process has no room for more");
    packet.bytes.resize(static_cast<std::size_t>(count));
    return packet;
  }
}

}  // namespace prong::transport

#include "prong/context/safe_select.hpp"

#include <poll.h>

#include <cerrno>
#include <ctime>

namespace prong {

Result<Selected> safe_select(std::span<const int> read, std::span<const int> write, std::span<const int> exceptional,
                             Deadline deadline) {
  std::vector<pollfd> entries;
  entries.reserve(read.size() + write.size() + exceptional.size());
  for (const int descriptor : read) entries.push_back({descriptor, POLLIN, 0});
  for (const int descriptor : write) entries.push_back({descriptor, POLLOUT, 0});
  for (const int descriptor : exceptional) entries.push_back({descriptor, POLLPRI, 0});

  timespec left{};
  const timespec* timeout = nullptr;
  if (!deadline.is_never()) {
    const auto nanoseconds = deadline.remaining().count();
    left.tv_sec = static_cast<time_t>(nanoseconds / 1'000'000'000);
    left.tv_nsec = static_cast<long>(nanoseconds % 1'000'000'000);
    timeout = &left;
  }
  Selected selected;
  if (::ppoll(entries.data(), entries.size(), timeout, nullptr) < 0) {
    if (errno == EINTR) return selected;
    return Error::from_errno("ppoll");
  }
  for (std::size_t i = 0; i < entries.size(); ++i) {
    const pollfd& entry = entries[i];
    if ((entry.revents & POLLNVAL) != 0)
      return fail(Errc::invalid_argument, "descriptor " + std::to_string(entry.fd) + " is not open");
    if (i < read.size()) {
      if ((entry.revents & (POLLIN | POLLHUP | POLLERR)) != 0) selected.readable.push_back(entry.fd);
    } else if (i < read.size() + write.size()) {
      if ((entry.revents & (POLLOUT | POLLHUP | POLLERR)) != 0) selected.writable.push_back(entry.fd);
    } else if ((entry.revents & POLLPRI) != 0) {
      selected.exceptional.push_back(entry.fd);
    }
  }
  return selected;
}

}  // namespace prong

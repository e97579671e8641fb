#include "prong/os/poll.hpp"

#include <cerrno>
#include <ctime>

namespace prong::os {

Result<std::size_t> poll(std::span<pollfd> entries, Deadline deadline) {
  for (;;) {
    timespec left{};
    const timespec* timeout = nullptr;
    if (!deadline.is_never()) {
      const auto nanoseconds = deadline.remaining().count();
      left.tv_sec = static_cast<time_t>(nanoseconds / 1'000'000'000);
      left.tv_nsec = static_cast<long>(nanoseconds % 1'000'000'000);
      timeout = &left;
    }
    const int ready = ::ppoll(entries.data(), entries.size(), timeout, nullptr);
    if (ready >= 0) return static_cast<std::size_t>(ready);
    if (errno != EINTR) return Error::from_errno("ppoll");
    if (deadline.has_passed()) return std::size_t{0};
  }
}

Result<void> wait_readable(int descriptor, Deadline deadline) {
  pollfd entry{descriptor, POLLIN, 0};
  PRONG_TRY_ASSIGN(const std::size_t ready, poll({&entry, 1}, deadline));
  if (ready == 0) return fail(Errc::deadline_exceeded, "the descriptor did not become readable in time");
  if ((entry.revents & POLLNVAL) != 0) return fail(Errc::invalid_argument, "not an open descriptor");
  return {};
}

bool readable(int descriptor) noexcept {
  pollfd entry{descriptor, POLLIN, 0};
  return ::poll(&entry, 1, 0) == 1 && (entry.revents & (POLLIN | POLLHUP)) != 0;
}

}  // namespace prong::os

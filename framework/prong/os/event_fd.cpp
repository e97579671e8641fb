#include "prong/os/event_fd.hpp"

#include "prong/os/poll.hpp"

#include <sys/eventfd.h>
#include <unistd.h>

#include <cstdint>

namespace prong::os {

Result<EventFd> EventFd::create() {
  const int descriptor = ::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
  if (descriptor < 0) return Error::from_errno("eventfd");
  return EventFd{UniqueFd{descriptor}};
}

void EventFd::set() const noexcept {
  const std::uint64_t one = 1;
  // It can fail only with EAGAIN at a count of 2^64 - 2, and then the event is set already.
  [[maybe_unused]] const auto written = ::write(fd_.get(), &one, sizeof one);
}

bool EventFd::clear() const noexcept {
  std::uint64_t count = 0;
  return ::read(fd_.get(), &count, sizeof count) == sizeof count;
}

bool EventFd::is_set() const noexcept {
  return readable(fd_.get());
}

Result<void> EventFd::wait(Deadline deadline) const {
  return wait_readable(fd_.get(), deadline);
}

}  // namespace prong::os

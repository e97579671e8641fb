#include "prong/os/unique_fd.hpp"

#include <fcntl.h>
#include <unistd.h>

namespace prong::os {

UniqueFd& UniqueFd::operator=(UniqueFd&& other) noexcept {
  if (this != &other) {
    reset();
    descriptor_ = std::exchange(other.descriptor_, -1);
  }
  return *this;
}

void UniqueFd::reset() noexcept {
  // EINTR from close(2) on Linux leaves the descriptor closed: never close twice.
  if (descriptor_ >= 0) ::close(std::exchange(descriptor_, -1));
}

Result<UniqueFd> UniqueFd::duplicate() const {
  const int copy = ::fcntl(descriptor_, F_DUPFD_CLOEXEC, 0);
  if (copy < 0) return Error::from_errno("dup");
  return UniqueFd{copy};
}

}  // namespace prong::os

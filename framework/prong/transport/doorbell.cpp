#include "prong/transport/doorbell.hpp"

#include <unistd.h>

namespace prong::transport {

void ring(int eventfd) noexcept {
  const std::uint64_t one = 1;
  for (int attempt = 0; attempt < 3; ++attempt) {
    if (::write(eventfd, &one, sizeof one) == sizeof one) return;
    // The count is at its maximum, where no write makes an edge any more: no honest side rings that often.
    std::uint64_t count = 0;
    [[maybe_unused]] const auto emptied = ::read(eventfd, &count, sizeof count);
  }
}

}  // namespace prong::transport

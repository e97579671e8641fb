#include "prong/transport/doorbell.hpp"

#include <unistd.h>

namespace prong::transport {

void DoorbellRope::ring() const noexcept {
  const std::uint64_t one = 1;
  // It fails only when the count is at its maximum, and then the other side is awake.
  [[maybe_unused]] const auto written = ::write(descriptor_, &one, sizeof one);
}

}  // namespace prong::transport

#include "prong/base/contract.hpp"

#include <unistd.h>

#include <cstdio>
#include <cstdlib>

namespace prong {

void contract_failure(std::string_view expression, std::string_view why, boost::source_location where) noexcept {
  // One write from a local buffer: the heap or stdio may be what is broken.
  char text[1024];
  const int length =
      std::snprintf(text, sizeof text, "prong: broken contract at %s:%u in %s: %.*s (%.*s)\n", where.file_name(),
                    static_cast<unsigned>(where.line()), where.function_name(), static_cast<int>(why.size()),
                    why.data(), static_cast<int>(expression.size()), expression.data());
  if (length > 0) {
    const auto size = static_cast<std::size_t>(length) < sizeof text ? static_cast<std::size_t>(length) : sizeof text;
    [[maybe_unused]] const auto written = ::write(STDERR_FILENO, text, size);
  }
  std::abort();
}

}  // namespace prong

#include "prong/os/resource_limits.hpp"

#include <sys/resource.h>

#include <string>

namespace prong::os {
namespace {

Result<void> set(decltype(RLIMIT_AS) resource, const char* name, std::uint64_t soft, std::uint64_t hard) {
  const rlimit limit{.rlim_cur = soft, .rlim_max = hard};
  if (::setrlimit(resource, &limit) != 0)
    return Error::from_errno("setrlimit(" + std::string{name} + ", " + std::to_string(soft) + ")");
  return {};
}

}  // namespace

Result<void> limit_this_process(const ResourceLimits& limits) {
  if (limits.core_bytes) PRONG_TRY(set(RLIMIT_CORE, "RLIMIT_CORE", *limits.core_bytes, *limits.core_bytes));
  if (limits.open_files) PRONG_TRY(set(RLIMIT_NOFILE, "RLIMIT_NOFILE", *limits.open_files, *limits.open_files));
  if (limits.processor_time) {
    const auto seconds = static_cast<std::uint64_t>(limits.processor_time->count());
    PRONG_TRY(set(RLIMIT_CPU, "RLIMIT_CPU", seconds, seconds + 1));
  }
  // Last: what comes after it needs memory.
  if (limits.address_space_bytes)
    PRONG_TRY(set(RLIMIT_AS, "RLIMIT_AS", *limits.address_space_bytes, *limits.address_space_bytes));
  return {};
}

}  // namespace prong::os

// From what is known of a backend's end to its cause.
#pragma once

#include "prong/base/death_cause.hpp"
#include "prong/os/child_process.hpp"
#include "prong/os/resource_limits.hpp"

#include <optional>
#include <string>

namespace prong::detail {

/// That this program has signalled a backend to end it, and why. What comes first counts.
struct OrderedEnd {
  DeathCause cause = DeathCause::ended;
  std::string why;
  bool kill_sent = false;  ///< SIGKILL; otherwise SIGTERM alone.
};

/// What is known of a backend that has ended.
struct KnownEnd {
  os::ExitStatus status;
  std::optional<OrderedEnd> ordered{};
  bool parent_died = false;             ///< The fork server did, and the kernel ends its children with it.
  std::string oom_counter{};            ///< Where an out-of-memory kill was counted while it lived; empty if nowhere.
  bool terminated = false;              ///< It had called std::terminate.
  std::string exception_type{};         ///< What of; empty if no exception was being handled.
  os::ResourceLimits limits{};          ///< That it lived under.
  std::chrono::nanoseconds cpu_time{};  ///< That it had used.
};

/// The cause of an end, and what makes it known.
struct DeathVerdict {
  DeathCause cause = DeathCause::signal;
  std::string explanation;
};

/// Tells whether a SIGKILL came from elsewhere: then it is worth looking at the kernel's counters.
[[nodiscard]] bool is_foreign_kill(const KnownEnd& end) noexcept;

/// Decides. Depends on nothing but `end`.
[[nodiscard]] DeathVerdict judge(const KnownEnd& end);

}  // namespace prong::detail

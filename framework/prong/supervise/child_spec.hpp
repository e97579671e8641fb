// How one child of a supervisor is looked after, as plain data.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

namespace prong {

/// When a child that has ended by itself is started again. Source: OTP, supervisor(3), `restart`.
enum class RestartType : std::uint8_t {
  permanent,  ///< Always.
  transient,  ///< If it ended with an error.
  temporary,  ///< Never, not even when those around it are restarted.
};

/// How a child shows that it does not hang: its command loop answers a ping.
struct Liveness {
  /// From one answer to the next ping.
  std::chrono::nanoseconds interval = std::chrono::seconds{1};
  /// How long an answer may take: longer than the longest handler. A child that takes longer is killed.
  std::chrono::nanoseconds deadline = std::chrono::seconds{5};
};

/// When a child that works is replaced by a fresh one, before what it leaks does harm. What is not given has no limit.
struct RecycleLimits {
  /// Messages and calls that it was given.
  std::optional<std::uint64_t> tasks = std::nullopt;
  /// Time since it was ready.
  std::optional<std::chrono::nanoseconds> age = std::nullopt;
  /// Units: bytes of resident memory of its own (ChildUsage::memory_bytes).
  std::optional<std::uint64_t> memory_bytes = std::nullopt;
  /// Units: bytes more than when it was ready.
  std::optional<std::uint64_t> memory_growth_bytes = std::nullopt;
  /// How often tasks and memory are looked at.
  std::chrono::nanoseconds check_interval = std::chrono::seconds{1};
};

/// One child: what it is called, when it is restarted, and how long things may take.
///
/// Written with designated initialisers: `{.name = "detector", .restart = RestartType::transient}`.
struct ChildSpec {
  /// Unique within its supervisor.
  std::string name = {};
  RestartType restart = RestartType::permanent;
  /// From its start until it is ready. A child that takes longer is killed, and has failed.
  std::chrono::nanoseconds readiness_deadline = std::chrono::seconds{10};
  /// Not given: nobody asks whether it hangs.
  std::optional<Liveness> liveness = std::nullopt;
  RecycleLimits recycle = {};
  /// From the request to stop until it is killed. 0 kills at once.
  std::chrono::nanoseconds shutdown_deadline = std::chrono::seconds{5};
  /// Its end for good may end the supervisor, see SupervisorSpec::auto_shutdown.
  bool significant = false;
};

/// A duration without end, for the deadlines above.
inline constexpr std::chrono::nanoseconds no_deadline = std::chrono::nanoseconds::max();

}  // namespace prong

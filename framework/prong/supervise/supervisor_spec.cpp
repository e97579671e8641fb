#include "prong/supervise/supervisor_spec.hpp"

#include <fmt/format.h>

#include <cmath>
#include <set>

namespace prong {
namespace {

using std::chrono::nanoseconds;

// Refuses with the name of the supervisor before each sentence.
class Validation {
 public:
  explicit Validation(const SupervisorSpec& supervisor) : supervisor_{supervisor} {}

  Result<void> check_supervisor() const {
    const Backoff& backoff = supervisor_.backoff;
    if (supervisor_.name.empty()) return fail(Errc::invalid_argument, "a supervisor has a name");
    if (supervisor_.period <= nanoseconds{0}) return refuse("period must be longer than nothing");
    if (backoff.initial < nanoseconds{0}) return refuse("backoff.initial must not be negative");
    if (backoff.max < backoff.initial) return refuse("backoff.max must not be shorter than backoff.initial");
    if (!std::isfinite(backoff.factor) || backoff.factor < 1) return refuse("backoff.factor must be 1 or more");
    if (!(backoff.jitter >= 0 && backoff.jitter <= 1)) return refuse("backoff.jitter must be from 0 to 1");
    return {};
  }

  Result<void> check_child(const ChildSpec& child) const {
    if (child.name.empty()) return refuse("each child has a name");
    const auto refuse_child = [&](const char* why) { return refuse(fmt::format("child '{}': {}", child.name, why)); };
    if (child.readiness_deadline <= nanoseconds{0})
      return refuse_child("readiness_deadline must be longer than nothing");
    if (child.shutdown_deadline < nanoseconds{0}) return refuse_child("shutdown_deadline must not be negative");
    if (child.liveness && child.liveness->interval <= nanoseconds{0})
      return refuse_child("liveness.interval must be longer than nothing");
    if (child.liveness && child.liveness->deadline <= nanoseconds{0})
      return refuse_child("liveness.deadline must be longer than nothing");
    if (const char* const why = recycling_mistake(child)) return refuse_child(why);
    if (child.significant && child.restart == RestartType::permanent)
      return refuse_child("a permanent child never ends for good, so it cannot be significant");
    if (child.significant && supervisor_.auto_shutdown == AutoShutdown::never)
      return refuse_child("a significant child needs a supervisor whose auto_shutdown is not `never`");
    return {};
  }

  Result<void> refuse(const std::string& why) const {
    return fail(Errc::invalid_argument, fmt::format("supervisor '{}': {}", supervisor_.name, why));
  }

 private:
  static const char* recycling_mistake(const ChildSpec& child) {
    const RecycleLimits& limits = child.recycle;
    if (!limits.tasks && !limits.age && !limits.memory_bytes && !limits.memory_growth_bytes) return nullptr;
    if (child.restart == RestartType::temporary)
      return "a temporary child is never restarted, so it cannot be recycled";
    if (limits.tasks == 0) return "recycle.tasks must be 1 or more";
    if (limits.age && *limits.age <= nanoseconds{0}) return "recycle.age must be longer than nothing";
    if (limits.memory_bytes == 0) return "recycle.memory_bytes must be 1 or more";
    if (limits.memory_growth_bytes == 0) return "recycle.memory_growth_bytes must be 1 or more";
    if (limits.check_interval <= nanoseconds{0}) return "recycle.check_interval must be longer than nothing";
    return nullptr;
  }

  const SupervisorSpec& supervisor_;
};

}  // namespace

Result<void> validate(const SupervisorSpec& supervisor, std::span<const ChildSpec> children) {
  const Validation validation{supervisor};
  PRONG_TRY(validation.check_supervisor());
  std::set<std::string_view> names;
  for (const ChildSpec& child : children) {
    PRONG_TRY(validation.check_child(child));
    if (!names.insert(child.name).second)
      return validation.refuse(fmt::format("two children are called '{}'", child.name));
  }
  return {};
}

}  // namespace prong

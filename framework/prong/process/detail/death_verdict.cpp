#include "prong/process/detail/death_verdict.hpp"

#include <csignal>

namespace prong::detail {
namespace {

// Tells whether what ended the backend is what this program did to it. One that takes SIGTERM may leave with any code.
bool is_own_doing(const KnownEnd& end) noexcept {
  if (!end.ordered) return false;
  if (end.ordered->cause == DeathCause::bad_message) return true;
  if (end.status.signal == SIGKILL) return end.ordered->kill_sent;
  return end.status.signal == SIGTERM || (end.status.signal == 0 && end.ordered->cause == DeathCause::deadline);
}

bool processor_time_is_used(const KnownEnd& end) noexcept {
  return end.limits.processor_time && end.cpu_time >= *end.limits.processor_time;
}

DeathVerdict out_of_processor_time(const KnownEnd& end) {
  return {DeathCause::processor_time,
          "it had used the " + std::to_string(end.limits.processor_time->count()) + " s of processor time it may use"};
}

DeathVerdict judge_foreign_kill(const KnownEnd& end) {
  if (end.parent_died)
    return {DeathCause::foreign_kill, "the fork server is gone, and what it had started ends with it"};
  if (!end.oom_counter.empty())
    return {DeathCause::out_of_memory,
            "killed by the kernel's out-of-memory killer, as " + end.oom_counter + " counts"};
  if (processor_time_is_used(end)) return out_of_processor_time(end);
  return {DeathCause::foreign_kill,
          "killed by a foreign SIGKILL: this program did not send it, perhaps the kernel's out-of-memory killer did"};
}

}  // namespace

bool is_foreign_kill(const KnownEnd& end) noexcept {
  return end.status.signal == SIGKILL && !is_own_doing(end);
}

DeathVerdict judge(const KnownEnd& end) {
  if (is_own_doing(end)) return {end.ordered->cause, end.ordered->why};
  if (end.status.signal == SIGKILL) return judge_foreign_kill(end);
  if (end.status.signal == SIGXCPU && end.limits.processor_time) return out_of_processor_time(end);
  if (end.status.signal == SIGABRT && end.terminated) {
    if (end.exception_type != "std::bad_alloc") return {DeathCause::exception, {}};
    std::string why = "a std::bad_alloc that nobody caught";
    if (end.limits.address_space_bytes)
      why += ", under a limit of " + std::to_string(*end.limits.address_space_bytes) + " bytes of address space";
    return {DeathCause::out_of_memory, std::move(why)};
  }
  return {end.status.signal == 0 ? DeathCause::exit : DeathCause::signal, {}};
}

}  // namespace prong::detail

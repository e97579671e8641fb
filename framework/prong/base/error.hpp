// What went wrong, as a value.
//
// An Error crosses process walls, so the numbers of its codes never change: a new code takes a new number, a
// dropped one leaves a hole. docs/formats/error_codes.md lists them.
#pragma once

#include "prong/base/death_cause.hpp"
#include "prong/base/outcome.hpp"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

namespace prong {

/// Every kind of failure that Prong reports.
enum class Errc : std::uint16_t {
  // What the caller did.
  invalid_argument = 1,
  invalid_state = 2,
  size_invalid = 3,
  overflow = 4,
  wrong_process = 5,  ///< A handle was used in another process than the one that made it.
  threads_exist = 6,  ///< A fork was asked for while other threads exist.
  already_started = 7,
  not_started = 8,

  // What the machine did.
  system = 20,  ///< A system call failed; `system_error` holds errno.
  not_supported = 21,
  interrupted = 22,

  // The outcome of a call.
  not_delivered = 40,    ///< The handler has provably not run.
  outcome_unknown = 41,  ///< The peer went away while the handler may have run.
  deadline_exceeded = 42,
  cancelled = 43,
  overloaded = 44,       ///< A bounded queue was full.
  process_expired = 45,  ///< The backend died; `death` tells how.
  stopped = 46,          ///< The peer has stopped in order.

  // What a message was.
  bad_message = 60,  ///< A peer broke the protocol.
  malformed = 61,    ///< Bytes that do not decode.
  missing_key = 62,
  wrong_type = 63,
  out_of_range = 64,  ///< A number that does not fit the wanted type.
  unknown_command = 65,
  missing_argument = 66,
  unknown_argument = 67,
  ill_typed_argument = 68,
  handler_failed = 69,  ///< The handler threw; `remote` tells what.
  too_large = 70,

  // Queues and rings.
  queue_full = 80,
  queue_empty = 81,
  record_too_big = 82,
  closed = 83,
  read_only = 84,  ///< A write to a channel that is closed.

  // Events.
  no_free_event = 100,
  foreign_event = 101,
  double_release = 102,
  bad_index = 103,

  // Frames.
  oversize = 120,
  no_free_slot = 121,
  stale_frame = 122,
};

/// Returns the code's name as it is spelt above, or "unknown" for a number of a newer peer.
[[nodiscard]] std::string_view name_of(Errc code) noexcept;

class CrashEvidence;
struct CrashReport;

/// How a backend ended.
struct ProcessDeath {
  std::string process;  ///< The process's name.
  std::int32_t pid = 0;
  std::int32_t exit_code = 0;  ///< Meaningful when `signal` is 0.
  std::int32_t signal = 0;     ///< The signal that ended it, or 0.
  std::string command;         ///< The command it was running, or empty.
  std::uint64_t request = 0;   ///< The number of that command's request, or 0 where nobody waited for a reply.
  DeathCause cause = DeathCause::signal;
  std::string explanation{};  ///< What makes `cause` known, where that says more than exit code and signal.
  /// What a report can be made of; null where the death was told by another process.
  std::shared_ptr<const CrashEvidence> evidence = nullptr;
};

/// An exception on its way to another process.
struct ThrownException {
  std::string type;  ///< The demangled name of its type.
  std::string what;
  std::string registered;          ///< The name its type was registered under; empty if it cannot be made again.
  std::vector<std::byte> content;  ///< What it is made again from, besides `what`.
};

/// The exception that a handler threw in another process.
struct RemoteFailure {
  std::string type;  ///< As in ThrownException.
  std::string what;
  std::string command;  ///< The command whose handler threw.
  std::string process;  ///< The process it ran in.
  std::int32_t pid = 0;
  std::string registered{};  ///< As in ThrownException.
  std::vector<std::byte> content{};
  std::vector<ThrownException> causes{};  ///< The exceptions that it was nested upon, nearest first.
  std::vector<std::uint64_t> stack{};     ///< Return addresses where it was thrown, innermost first.
};

struct ErrorParts;

/// A failure: a code that programs decide by and a sentence that people read.
class Error {
 public:
  Error() = default;
  Error(Errc code, std::string message);

  /// Makes an Error of a failed system call: "`what`: strerror(`number`)".
  [[nodiscard]] static Error from_errno(std::string_view what, int number);
  /// Makes an Error of errno as it stands.
  [[nodiscard]] static Error from_errno(std::string_view what);
  /// Makes a process_expired of `death`, with the sentence that describes it.
  [[nodiscard]] static Error from_death(ProcessDeath death);
  /// Makes a handler_failed of `failure`.
  [[nodiscard]] static Error from_remote(RemoteFailure failure);
  /// Puts an Error together again that was taken apart to travel. Requires: the parts belong to one Error.
  [[nodiscard]] static Error from_parts(ErrorParts parts);

  [[nodiscard]] Errc code() const noexcept { return code_; }
  [[nodiscard]] const std::string& message() const noexcept { return message_; }
  /// Returns the errno of a `system` error, else 0.
  [[nodiscard]] int system_error() const noexcept { return system_error_; }
  /// Returns how the process died, or null where this is no process_expired.
  [[nodiscard]] const ProcessDeath* death() const noexcept { return death_.get(); }
  /// Returns what the handler threw, or null where this is no handler_failed.
  [[nodiscard]] const RemoteFailure* remote() const noexcept { return remote_.get(); }

  /// Returns how the call ended that this is the error of. The code tells why: a call to a backend that died has the
  /// code process_expired, and the outcome not_delivered if it never began, else outcome_unknown.
  [[nodiscard]] Outcome outcome() const noexcept { return outcome_; }
  /// Returns false where the handler provably never ran and never will: then the call can be made again without harm.
  [[nodiscard]] bool may_have_run() const noexcept { return may_have_run_; }
  /// Makes this the error of a call that ended with `outcome`.
  [[nodiscard]] Error as_outcome(Outcome outcome, bool may_have_run) &&;
  /// Returns the report of the crash or the hang that this error tells of, or null where it tells of none. The first
  /// call makes the report: see CrashEvidence. It lives as long as any copy of this error.
  [[nodiscard]] const CrashReport* crash_report() const;
  /// Gives the error something to make a report of.
  [[nodiscard]] Error with_evidence(std::shared_ptr<const CrashEvidence> evidence) &&;

  /// Puts "`context`: " before the message.
  [[nodiscard]] Error with_context(std::string_view context) &&;

  friend bool operator==(const Error& a, const Error& b) noexcept {
    return a.code_ == b.code_ && a.message_ == b.message_;
  }

 private:
  Errc code_ = Errc::invalid_state;
  Outcome outcome_ = Outcome::outcome_unknown;
  bool may_have_run_ = true;
  int system_error_ = 0;
  std::string message_;
  std::shared_ptr<const ProcessDeath> death_;
  std::shared_ptr<const RemoteFailure> remote_;
  std::shared_ptr<const CrashEvidence> evidence_;
};

/// All that an Error consists of.
struct ErrorParts {
  Errc code = Errc::invalid_state;
  int system_error = 0;
  bool may_have_run = true;
  std::string message;
  std::optional<ProcessDeath> death;
  std::optional<RemoteFailure> remote;
};

/// Returns "code: message"; of a call that was not delivered for another reason, "code (not_delivered): message".
[[nodiscard]] std::string to_string(const Error& error);

}  // namespace prong

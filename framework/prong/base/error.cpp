#include "prong/base/error.hpp"

#include "prong/base/crash_report.hpp"

#include <cerrno>
#include <cstring>

namespace prong {
namespace {

std::string describe(const ProcessDeath& death) {
  std::string text = "backend '" + death.process + "' (pid " + std::to_string(death.pid) + ") ";
  if (death.signal != 0) {
    const char* name = ::sigabbrev_np(death.signal);
    text += "was ended by signal " + std::to_string(death.signal);
    if (name != nullptr) text += std::string{" (SIG"} + name + ")";
  } else {
    text += "exited with code " + std::to_string(death.exit_code);
  }
  if (!death.command.empty()) text += " while it ran '" + death.command + "'";
  if (!death.explanation.empty()) text += ": " + death.explanation;
  return text;
}

// What a code alone says of the call that it is the error of.
Outcome outcome_of(Errc code) noexcept {
  switch (code) {
    case Errc::not_delivered: return Outcome::not_delivered;
    case Errc::deadline_exceeded: return Outcome::deadline_exceeded;
    case Errc::cancelled: return Outcome::cancelled;
    case Errc::overloaded: return Outcome::overloaded;
    case Errc::handler_failed: return Outcome::failed;
    default: return Outcome::outcome_unknown;
  }
}

}  // namespace

std::string_view name_of(Errc code) noexcept {
  switch (code) {
    case Errc::invalid_argument: return "invalid_argument";
    case Errc::invalid_state: return "invalid_state";
    case Errc::size_invalid: return "size_invalid";
    case Errc::overflow: return "overflow";
    case Errc::wrong_process: return "wrong_process";
    case Errc::threads_exist: return "threads_exist";
    case Errc::already_started: return "already_started";
    case Errc::not_started: return "not_started";
    case Errc::system: return "system";
    case Errc::not_supported: return "not_supported";
    case Errc::interrupted: return "interrupted";
    case Errc::not_delivered: return "not_delivered";
    case Errc::outcome_unknown: return "outcome_unknown";
    case Errc::deadline_exceeded: return "deadline_exceeded";
    case Errc::cancelled: return "cancelled";
    case Errc::overloaded: return "overloaded";
    case Errc::process_expired: return "process_expired";
    case Errc::stopped: return "stopped";
    case Errc::bad_message: return "bad_message";
    case Errc::malformed: return "malformed";
    case Errc::missing_key: return "missing_key";
    case Errc::wrong_type: return "wrong_type";
    case Errc::out_of_range: return "out_of_range";
    case Errc::unknown_command: return "unknown_command";
    case Errc::missing_argument: return "missing_argument";
    case Errc::unknown_argument: return "unknown_argument";
    case Errc::ill_typed_argument: return "ill_typed_argument";
    case Errc::handler_failed: return "handler_failed";
    case Errc::too_large: return "too_large";
    case Errc::queue_full: return "queue_full";
    case Errc::queue_empty: return "queue_empty";
    case Errc::record_too_big: return "record_too_big";
    case Errc::closed: return "closed";
    case Errc::read_only: return "read_only";
    case Errc::no_free_event: return "no_free_event";
    case Errc::foreign_event: return "foreign_event";
    case Errc::double_release: return "double_release";
    case Errc::bad_index: return "bad_index";
    case Errc::oversize: return "oversize";
    case Errc::no_free_slot: return "no_free_slot";
    case Errc::stale_frame: return "stale_frame";
  }
  return "unknown";
}

Error::Error(Errc code, std::string message)
    : code_{code},
      outcome_{outcome_of(code)},
      may_have_run_{outcome_ != Outcome::not_delivered && outcome_ != Outcome::overloaded},
      message_{std::move(message)} {}

Error Error::from_errno(std::string_view what, int number) {
  Error error{Errc::system, std::string{what} + ": " + std::strerror(number)};
  error.system_error_ = number;
  return error;
}

Error Error::from_errno(std::string_view what) {
  return from_errno(what, errno);
}

Error Error::from_death(ProcessDeath death) {
  Error error{Errc::process_expired, describe(death)};
  error.evidence_ = death.evidence;
  error.death_ = std::make_shared<const ProcessDeath>(std::move(death));
  return error;
}

Error Error::from_remote(RemoteFailure failure) {
  std::string text =
      "'" + failure.command + "' in '" + failure.process + "' threw " + failure.type + ": " + failure.what;
  for (const ThrownException& cause : failure.causes) text += "; because of " + cause.type + ": " + cause.what;
  Error error{Errc::handler_failed, std::move(text)};
  error.remote_ = std::make_shared<const RemoteFailure>(std::move(failure));
  return error;
}

Error Error::from_parts(ErrorParts parts) {
  Error error{parts.code, std::move(parts.message)};
  error.system_error_ = parts.system_error;
  error.may_have_run_ = parts.may_have_run;
  if (parts.death) error.death_ = std::make_shared<const ProcessDeath>(std::move(*parts.death));
  if (parts.remote) error.remote_ = std::make_shared<const RemoteFailure>(std::move(*parts.remote));
  return error;
}

Error Error::as_outcome(Outcome outcome, bool may_have_run) && {
  outcome_ = outcome;
  may_have_run_ = may_have_run;
  return std::move(*this);
}

const CrashReport* Error::crash_report() const {
  return evidence_ ? &evidence_->report() : nullptr;
}

Error Error::with_evidence(std::shared_ptr<const CrashEvidence> evidence) && {
  evidence_ = std::move(evidence);
  return std::move(*this);
}

Error Error::with_context(std::string_view context) && {
  message_ = std::string{context} + ": " + message_;
  return std::move(*this);
}

std::string to_string(const Error& error) {
  std::string text{name_of(error.code())};
  if (error.outcome() == Outcome::not_delivered && error.code() != Errc::not_delivered) text += " (not_delivered)";
  return text + ": " + error.message();
}

}  // namespace prong

// What is thrown where users meet an Error: in Future::get(), Result::value() and constructors.
#pragma once

#include "prong/base/crash_report.hpp"
#include "prong/base/error.hpp"

#include <stdexcept>

namespace prong {

/// An Error on its way up the stack.
class Exception : public std::runtime_error {
 public:
  explicit Exception(Error error) : std::runtime_error{to_string(error)}, error_{std::move(error)} {}

  [[nodiscard]] const Error& error() const noexcept { return error_; }
  [[nodiscard]] Errc code() const noexcept { return error_.code(); }
  /// As of Error: how the call ended, and whether its handler may have run.
  [[nodiscard]] Outcome outcome() const noexcept { return error_.outcome(); }
  [[nodiscard]] bool may_have_run() const noexcept { return error_.may_have_run(); }
  /// Returns the report of the backend's crash or hang, or null where this tells of none; as Error::crash_report().
  [[nodiscard]] const CrashReport* crash_report() const { return error_.crash_report(); }

 private:
  Error error_;
};

/// The backend died before it answered.
class ProcessExpired : public Exception {
 public:
  /// Requires: `error.death()` is not null.
  explicit ProcessExpired(Error error) : Exception{std::move(error)} {}

  [[nodiscard]] const ProcessDeath& death() const noexcept { return *error().death(); }
  /// Returns the exit code, or minus the signal that ended the process.
  [[nodiscard]] int exit_code() const noexcept { return death().signal != 0 ? -death().signal : death().exit_code; }
  [[nodiscard]] int signal() const noexcept { return death().signal; }
  [[nodiscard]] int pid() const noexcept { return death().pid; }
  [[nodiscard]] DeathCause cause() const noexcept { return death().cause; }
  /// Returns the command that was running, or nothing.
  [[nodiscard]] const std::string& command() const noexcept { return death().command; }
  /// Returns the number of that command's request, or 0 where nobody waited for a reply.
  [[nodiscard]] std::uint64_t request() const noexcept { return death().request; }
};

/// A wait or a call reached its deadline.
class DeadlineExceeded : public Exception {
 public:
  using Exception::Exception;
};

/// Somebody asked that the call ends: at the caller, its outcome; in a handler, what throw_if_cancelled() throws.
class Cancelled : public Exception {
 public:
  using Exception::Exception;
};

/// A write to a channel that is closed. Source: gitpython async, "ReadOnly".
class ReadOnly : public Exception {
 public:
  using Exception::Exception;
};

/// A handler threw in the backend an exception whose type is not registered. The backend lives.
class RemoteException : public Exception {
 public:
  /// Requires: `error.remote()` is not null.
  explicit RemoteException(Error error) : Exception{std::move(error)} {}

  [[nodiscard]] const RemoteFailure& remote() const noexcept { return *error().remote(); }
};

/// Where an exception of another process was thrown. It is the innermost of those that get() throws nested.
class RemoteTrace : public std::runtime_error {
 public:
  /// Requires: `error.remote()` is not null.
  explicit RemoteTrace(Error error);

  [[nodiscard]] const RemoteFailure& remote() const noexcept { return *error_.remote(); }

 private:
  Error error_;
};

/// Returns what is known of an exception that get() threw because a handler had: process, command, stack. Nothing for
/// one that was thrown by this process itself.
[[nodiscard]] std::optional<RemoteFailure> origin_of(const std::exception& exception);

/// Throws the exception type that belongs to `error`'s code. What a handler threw is thrown again as its own type if
/// that is registered, nested upon what it was nested upon, and in the end upon a RemoteTrace.
[[noreturn]] void throw_error(Error error);

}  // namespace prong

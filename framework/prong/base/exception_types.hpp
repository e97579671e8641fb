// Which exceptions can be made again in another process, and how.
//
// Users write register_exception() of message/register_exception.hpp. Those of the standard library are there already.
#pragma once

#include "prong/base/error.hpp"

#include <system_error>

namespace prong {

/// One type of exception that can be made again elsewhere.
struct ExceptionType {
  /// Appends what the exception being handled consists of besides its what(). May throw. Returns false if this one
  /// cannot be made again.
  using Write = bool (*)(std::vector<std::byte>& content);
  /// Throws the exception again, nested upon the one being handled. Returns if `thrown` does not make one.
  using Raise = void (*)(const ThrownException& thrown);

  std::string name;  ///< The same in every program that shall understand it.
  std::string type;  ///< The demangled name of the type here.
  Write write = nullptr;
  Raise raise = nullptr;
};

/// Has exceptions of a type made again. Doing it twice changes nothing. Thread safety: any thread.
/// Requires: no other type has the name.
void add_exception_type(ExceptionType type);

/// Has errors of this category made again inside std::system_error and its kin, besides those of the standard library.
/// Thread safety: any thread. Requires: the category has a name of its own and is never destroyed.
void register_error_category(const std::error_category& category);

namespace detail {

/// The most exceptions that travel of one chain; deeper ones are left out.
inline constexpr std::size_t most_causes = 8;
/// The longest content of one exception. Units: bytes.
inline constexpr std::size_t most_exception_content = 16 * 1024;

/// Returns the exception being handled and those inside it, as far as they can be described.
[[nodiscard]] RemoteFailure describe_current_exception() noexcept;

/// Throws what a handler threw, as throw_error() says. Requires: `error.remote()` is not null.
[[noreturn]] void throw_again(const Error& error);

/// Returns the category with this name, or null.
[[nodiscard]] const std::error_category* find_error_category(std::string_view name);

/// Returns the types of the standard library.
[[nodiscard]] std::vector<ExceptionType> standard_exception_types();

}  // namespace detail
}  // namespace prong

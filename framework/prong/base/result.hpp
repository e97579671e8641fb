// A value or an Error.
#pragma once

#include "prong/base/error.hpp"

#include <boost/assert/source_location.hpp>
#include <boost/system/result.hpp>

namespace prong {

/// What a function returns that may fail: the value, or the Error.
///
/// `value()` throws the Exception of the Error; `error()` of a success is a default Error.
template <class T>
using Result = boost::system::result<T, Error>;

/// Returns how the call ended that `result` is the result of.
template <class T>
[[nodiscard]] Outcome outcome_of(const Result<T>& result) {
  return result ? Outcome::value : result.error().outcome();
}

/// Lets Result::value() throw Prong's exceptions.
/// Source: Boost.System, "result", customisation by argument-dependent lookup.
[[noreturn]] void throw_exception_from_error(const Error& error, const boost::source_location& where);

/// Returns the Error `code` with `message`, for `return fail(...)` in a function that returns a Result.
[[nodiscard]] inline Error fail(Errc code, std::string message) {
  return Error{code, std::move(message)};
}

}  // namespace prong

#define PRONG_DETAIL_JOIN2(a, b) a##b
#define PRONG_DETAIL_JOIN(a, b) PRONG_DETAIL_JOIN2(a, b)

/// Returns the Error of `expression` from the enclosing function, if it has one.
#define PRONG_TRY(expression)                                         \
  do {                                                                \
    if (auto prong_result = (expression); !prong_result) [[unlikely]] \
      return std::move(prong_result).error();                         \
  } while (false)

/// Declares `declaration` as the value of `expression`, or returns its Error from the enclosing function.
#define PRONG_TRY_ASSIGN(declaration, expression)                         \
  auto PRONG_DETAIL_JOIN(prong_result_, __LINE__) = (expression);         \
  if (!PRONG_DETAIL_JOIN(prong_result_, __LINE__)) [[unlikely]]           \
    return std::move(PRONG_DETAIL_JOIN(prong_result_, __LINE__)).error(); \
  declaration = std::move(*PRONG_DETAIL_JOIN(prong_result_, __LINE__))

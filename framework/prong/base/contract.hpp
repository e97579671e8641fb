// Broken contracts: programming errors that end the process at the place where they happen.
//
// A contract is what the caller promised. Anything that can happen in a correct program (a full queue, a dead
// peer, bad input) is an Error, never a contract.
#pragma once

#include <boost/assert/source_location.hpp>

#include <string_view>

namespace prong {

// The standard's source_location is not there when clang 14 compiles with libstdc++ 12.
/// Prints where and why a contract was broken, then aborts.
[[noreturn]] void contract_failure(std::string_view expression, std::string_view why,
                                   boost::source_location where = BOOST_CURRENT_LOCATION) noexcept;

}  // namespace prong

/// Aborts with the place, the expression and `why` when `condition` is false. Checked in every build.
#define PRONG_EXPECT(condition, why)                \
  do {                                              \
    if (!(condition)) [[unlikely]]                  \
      ::prong::contract_failure(#condition, (why)); \
  } while (false)

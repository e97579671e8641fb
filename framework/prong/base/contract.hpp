// Broken contracts: programming errors that end the process at the place where they happen.
//
// A contract is what the caller promised. Anything that can happen in a correct program (a full queue, a dead
// peer, bad input) is an Error, never a contract.
#pragma once

#include <source_location>
#include <string_view>

namespace prong {

/// Prints where and why a contract was broken, then aborts.
[[noreturn]] void contract_failure(std::string_view expression, std::string_view why,
                                   std::source_location where = std::source_location::current()) noexcept;

}  // namespace prong

/// Aborts with the place, the expression and `why` when `condition` is false. Checked in every build.
#define PRONG_EXPECT(condition, why)                \
  do {                                              \
    if (!(condition)) [[unlikely]]                  \
      ::prong::contract_failure(#condition, (why)); \
  } while (false)

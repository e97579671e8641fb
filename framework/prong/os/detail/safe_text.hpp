// Text from a process that may be hostile, made fit to be looked at.
#pragma once

#include <string>
#include <string_view>

namespace prong::os::detail {

/// Returns `text` with a question mark in the place of each control character.
[[nodiscard]] std::string printable(std::string_view text);

/// Returns the text up to its first zero.
[[nodiscard]] std::string_view until_zero(const char* text, std::size_t size) noexcept;

/// What a name may cost that is taken apart.
enum class NameTrust {
  own,      ///< From a file that this process runs, too.
  foreign,  ///< A short name can stand for gigabytes: what might is left as it is.
};

/// Returns the C++ name that the compiler spelt as `name`, or `name` itself.
[[nodiscard]] std::string demangled(std::string_view name, NameTrust trust);

/// As demangled(), for a type's name, which has no prefix.
[[nodiscard]] std::string demangled_type(std::string_view name);

}  // namespace prong::os::detail

#include "prong/os/detail/safe_text.hpp"

#include <cxxabi.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <memory>

namespace prong::os::detail {
namespace {

constexpr std::size_t longest_name = 16 * 1024;
constexpr std::size_t longest_foreign_name = 1024;
// Each may double what came before it: the output stays below a thousand times the name.
constexpr std::size_t most_foreign_references = 10;

bool is_digit_or_upper(char c) noexcept {
  return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z');
}

// Counts "S_", "S0_", "T_", "T1_" and their like: what stands for something that was said before.
// Source: Itanium C++ ABI, 5.1.10 Compression.
std::size_t count_references(std::string_view name) noexcept {
  std::size_t count = 0;
  for (std::size_t i = 0; i < name.size(); ++i) {
    if (name[i] != 'S' && name[i] != 'T') continue;
    std::size_t end = i + 1;
    while (end < name.size() && is_digit_or_upper(name[end])) ++end;
    if (end < name.size() && name[end] == '_') ++count;
  }
  return count;
}

std::string demangle(std::string_view name) {
  int status = 0;
  const std::unique_ptr<char, void (*)(void*)> text{
      abi::__cxa_demangle(std::string{name}.c_str(), nullptr, nullptr, &status), std::free};
  return status == 0 && text ? printable(text.get()) : printable(name);
}

}  // namespace

std::string printable(std::string_view text) {
  std::string result{text};
  std::replace_if(
      result.begin(), result.end(), [](char c) { return static_cast<unsigned char>(c) < ' ' || c == '\x7f'; }, '?');
  return result;
}

std::string_view until_zero(const char* text, std::size_t size) noexcept {
  return {text, ::strnlen(text, size)};
}

std::string demangled(std::string_view name, NameTrust trust) {
  const bool is_foreign = trust == NameTrust::foreign;
  if (!name.starts_with("_Z") || name.size() > (is_foreign ? longest_foreign_name : longest_name) ||
      (is_foreign && count_references(name) > most_foreign_references))
    return printable(name.substr(0, longest_name));
  return demangle(name);
}

std::string demangled_type(std::string_view name) {
  return count_references(name) > most_foreign_references ? printable(name) : demangle(name);
}

}  // namespace prong::os::detail

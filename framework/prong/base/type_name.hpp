// The names of types as people write them.
#pragma once

#include <string>
#include <typeinfo>

namespace prong {

/// Returns the demangled name: "std::logic_error".
[[nodiscard]] std::string type_name(const std::type_info& type);

/// Returns what `symbol` stands for in C++, or `symbol` itself.
[[nodiscard]] std::string demangled(const char* symbol);

/// Returns the demangled name without namespaces and enclosing classes: "Detector".
[[nodiscard]] std::string short_type_name(const std::type_info& type);

}  // namespace prong

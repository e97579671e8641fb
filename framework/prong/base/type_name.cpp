#include "prong/base/type_name.hpp"

#include <cxxabi.h>

#include <cstdlib>
#include <memory>

namespace prong {

std::string demangled(const char* symbol) {
  int status = 0;
  const std::unique_ptr<char, void (*)(void*)> name{abi::__cxa_demangle(symbol, nullptr, nullptr, &status), std::free};
  return status == 0 ? name.get() : symbol;
}

std::string type_name(const std::type_info& type) {
  return demangled(type.name());
}

std::string short_type_name(const std::type_info& type) {
  std::string name = type_name(type);
  const auto arguments = name.find('<');
  const auto colons = name.rfind("::", arguments);
  if (colons != std::string::npos) name.erase(0, colons + 2);
  return name;
}

}  // namespace prong

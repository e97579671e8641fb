// How the exceptions of the standard library are made again.
#include "prong/base/exception_types.hpp"

#include <any>
#include <cstring>
#include <exception>
#include <filesystem>
#include <functional>
#include <future>
#include <ios>
#include <memory>
#include <new>
#include <optional>
#include <regex>
#include <span>
#include <stdexcept>
#include <typeinfo>
#include <variant>

namespace prong::detail {
namespace {

// --- Content: numbers of 32 bits, and texts that end with a zero ----------------------------------------------------

void write_number(std::int32_t number, std::vector<std::byte>& content) {
  const auto bytes = std::as_bytes(std::span{&number, 1});
  content.insert(content.end(), bytes.begin(), bytes.end());
}

void write_text(std::string_view text, std::vector<std::byte>& content) {
  for (const char character : text.substr(0, text.find('\0'))) content.push_back(static_cast<std::byte>(character));
  content.push_back(std::byte{0});
}

// Reads what the functions above wrote. Once something is missing, nothing more is there.
class Content {
 public:
  explicit Content(const std::vector<std::byte>& content) noexcept
      : rest_{reinterpret_cast<const char*>(content.data()), content.size()} {}

  std::optional<std::int32_t> number() {
    std::int32_t number = 0;
    if (rest_.size() < sizeof number) return fail();
    std::memcpy(&number, rest_.data(), sizeof number);
    rest_.remove_prefix(sizeof number);
    return number;
  }
  std::optional<std::string> text() {
    const auto end = rest_.find('\0');
    if (end == std::string_view::npos) return fail();
    std::string text{rest_.substr(0, end)};
    rest_.remove_prefix(end + 1);
    return text;
  }
  std::optional<std::error_code> code() {
    const auto value = number();
    const auto category = text();
    const std::error_category* const known = category ? find_error_category(*category) : nullptr;
    if (!value || known == nullptr) return fail();
    return std::error_code{*value, *known};
  }

 private:
  std::nullopt_t fail() noexcept {
    rest_ = {};
    return std::nullopt;
  }

  std::string_view rest_;
};

bool write_code(const std::error_code& code, std::vector<std::byte>& content) {
  if (find_error_category(code.category().name()) != &code.category()) return false;
  write_number(code.value(), content);
  write_text(code.category().name(), content);
  return true;
}

// std::system_error adds ": " and the code's message to what it is given.
std::string without_message(const std::string& what, const std::error_code& code) {
  const std::string message = ": " + code.message();
  return what.ends_with(message) ? what.substr(0, what.size() - message.size()) : what;
}

// --- The types
// --------------------------------------------------------------------------------------------------------

bool write_nothing(std::vector<std::byte>& /*content*/) {
  return true;
}

template <class E>
void raise_with_what(const ThrownException& thrown) {
  std::throw_with_nested(E{thrown.what});
}

template <class E>
void raise_plain(const ThrownException& /*thrown*/) {
  std::throw_with_nested(E{});
}

template <class E>
bool write_with_code(std::vector<std::byte>& content) {
  try {
    throw;
  } catch (const E& exception) {
    return write_code(exception.code(), content);
  }
}

void raise_system_error(const ThrownException& thrown) {
  const auto code = Content{thrown.content}.code();
  if (code && thrown.what == code->message()) std::throw_with_nested(std::system_error{*code});
  if (code) std::throw_with_nested(std::system_error{*code, without_message(thrown.what, *code)});
}

void raise_ios_failure(const ThrownException& thrown) {
  const auto code = Content{thrown.content}.code();
  if (code) std::throw_with_nested(std::ios_base::failure{without_message(thrown.what, *code), *code});
}

void raise_future_error(const ThrownException& thrown) {
  const auto code = Content{thrown.content}.code();
  if (code && code->category() == std::future_category())
    std::throw_with_nested(std::future_error{static_cast<std::future_errc>(code->value())});
}

bool write_filesystem_error(std::vector<std::byte>& content) {
  try {
    throw;
  } catch (const std::filesystem::filesystem_error& error) {
    if (!write_code(error.code(), content)) return false;
    write_text(error.path1().native(), content);
    write_text(error.path2().native(), content);
    // Its own what() has more around this.
    write_text(without_message(error.std::system_error::what(), error.code()), content);
    return true;
  }
}

void raise_filesystem_error(const ThrownException& thrown) {
  Content content{thrown.content};
  const auto code = content.code();
  const auto first = content.text();
  const auto second = content.text();
  const auto what = content.text();
  if (what) std::throw_with_nested(std::filesystem::filesystem_error{*what, *first, *second, *code});
}

bool write_regex_error(std::vector<std::byte>& content) {
  try {
    throw;
  } catch (const std::regex_error& error) {
    write_number(error.code(), content);
    return true;
  }
}

void raise_regex_error(const ThrownException& thrown) {
  const auto code = Content{thrown.content}.number();
  if (code && *code >= 0 && *code <= std::regex_constants::error_stack)
    std::throw_with_nested(std::regex_error{static_cast<std::regex_constants::error_type>(*code)});
}

template <class E>
ExceptionType with_what(const char* name) {
  return {name, name, write_nothing, raise_with_what<E>};
}

template <class E>
ExceptionType plain(const char* name) {
  return {name, name, write_nothing, raise_plain<E>};
}

}  // namespace

std::vector<ExceptionType> standard_exception_types() {
  return {
      with_what<std::logic_error>("std::logic_error"),
      with_what<std::domain_error>("std::domain_error"),
      with_what<std::invalid_argument>("std::invalid_argument"),
      with_what<std::length_error>("std::length_error"),
      with_what<std::out_of_range>("std::out_of_range"),
      with_what<std::runtime_error>("std::runtime_error"),
      with_what<std::range_error>("std::range_error"),
      with_what<std::overflow_error>("std::overflow_error"),
      with_what<std::underflow_error>("std::underflow_error"),
      plain<std::exception>("std::exception"),
      plain<std::bad_exception>("std::bad_exception"),
      plain<std::bad_alloc>("std::bad_alloc"),
      plain<std::bad_array_new_length>("std::bad_array_new_length"),
      plain<std::bad_cast>("std::bad_cast"),
      plain<std::bad_typeid>("std::bad_typeid"),
      plain<std::bad_any_cast>("std::bad_any_cast"),
      plain<std::bad_optional_access>("std::bad_optional_access"),
      plain<std::bad_variant_access>("std::bad_variant_access"),
      plain<std::bad_function_call>("std::bad_function_call"),
      plain<std::bad_weak_ptr>("std::bad_weak_ptr"),
      {"std::system_error", "std::system_error", write_with_code<std::system_error>, raise_system_error},
      {"std::ios_base::failure", "std::ios_base::failure[abi:cxx11]", write_with_code<std::ios_base::failure>,
       raise_ios_failure},
      // What libstdc++'s own streams throw: a private type derived from the one above.
      {"std::ios_base::failure", "std::__ios_failure", write_with_code<std::ios_base::failure>, raise_ios_failure},
      {"std::future_error", "std::future_error", write_with_code<std::future_error>, raise_future_error},
      {"std::filesystem::filesystem_error", "std::filesystem::__cxx11::filesystem_error", write_filesystem_error,
       raise_filesystem_error},
      {"std::regex_error", "std::regex_error", write_regex_error, raise_regex_error},
  };
}

}  // namespace prong::detail

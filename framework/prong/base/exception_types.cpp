#include "prong/base/exception_types.hpp"

#include "prong/base/contract.hpp"
#include "prong/base/exception.hpp"
#include "prong/base/throw_probe.hpp"
#include "prong/base/type_name.hpp"

#include <cxxabi.h>
#include <unistd.h>

#include <deque>
#include <exception>
#include <future>
#include <ios>
#include <mutex>
#include <utility>

namespace prong {
namespace {

// Every type stays where it is: who looks one up uses it without the lock.
class Registry {
 public:
  Registry() {
    for (ExceptionType& type : detail::standard_exception_types()) types_.push_back(std::move(type));
    categories_ = {&std::generic_category(), &std::system_category(), &std::iostream_category(),
                   &std::future_category()};
  }
  void add(ExceptionType type) {
    const std::lock_guard lock{mutex_};
    for (const ExceptionType& known : types_) {
      if (known.name != type.name) continue;
      PRONG_EXPECT(known.type == type.type, "another type has this name: '" + type.name + "'");
      return;
    }
    types_.push_front(std::move(type));
  }
  void add(const std::error_category& category) {
    const std::lock_guard lock{mutex_};
    categories_.push_back(&category);
  }
  const ExceptionType* find(std::string_view text, std::string ExceptionType::*member) {
    const std::lock_guard lock{mutex_};
    for (const ExceptionType& type : types_)
      if (type.*member == text) return &type;
    return nullptr;
  }
  const std::error_category* find_category(std::string_view name) {
    const std::lock_guard lock{mutex_};
    for (const std::error_category* const category : categories_)
      if (category->name() == name) return category;
    return nullptr;
  }

 private:
  std::mutex mutex_;
  std::deque<ExceptionType> types_;
  std::vector<const std::error_category*> categories_;
};

Registry& registry() {
  static Registry instance;
  return instance;
}

// std::throw_with_nested throws a type of the library's own, derived from the user's: "std::_Nested_exception<T>".
std::string without_nesting(std::string type) {
  const auto open = type.find('<');
  if (!type.starts_with("std::") || open == std::string::npos || type.back() != '>') return type;
  const std::string_view wrapper = std::string_view{type}.substr(0, open);
  if (wrapper != "std::_Nested_exception" && wrapper != "std::__nested") return type;
  return type.substr(open + 1, type.size() - open - 2);
}

std::string text_or(const char* text, const char* otherwise) {
  return text != nullptr ? text : otherwise;
}

std::string what_of_current_exception() {
  try {
    throw;
  } catch (const std::exception& exception) {
    return text_or(exception.what(), "(no description)");
  } catch (const std::string& text) {
    return text;
  } catch (const char* text) {
    return text_or(text, "(no description)");
  } catch (int number) {
    return std::to_string(number);
  } catch (...) {
    return "(no description)";
  }
}

std::exception_ptr cause_of_current_exception() {
  try {
    throw;
  } catch (const std::nested_exception& nested) {
    return nested.nested_ptr();
  } catch (...) {
    return nullptr;
  }
}

ThrownException describe_one() {
  ThrownException thrown;
  const std::type_info* const type = abi::__cxa_current_exception_type();
  thrown.type = type != nullptr ? without_nesting(type_name(*type)) : "an unknown type";
  thrown.what = what_of_current_exception();
  const ExceptionType* const known = registry().find(thrown.type, &ExceptionType::type);
  if (known == nullptr) return thrown;
  try {
    if (known->write(thrown.content) && thrown.content.size() <= detail::most_exception_content)
      thrown.registered = known->name;
  } catch (...) {
    // It arrives under its name and with its what(), if not as what it was.
  }
  if (thrown.registered.empty()) thrown.content = {};
  return thrown;
}

void describe_causes(std::exception_ptr cause, std::vector<ThrownException>& causes) {
  while (cause && causes.size() < detail::most_causes) {
    try {
      std::rethrow_exception(std::exchange(cause, nullptr));
    } catch (...) {
      causes.push_back(describe_one());
      cause = cause_of_current_exception();
    }
  }
}

// Throws exception number `depth` of the chain, nested upon the next, in the end upon the trace.
[[noreturn]] void throw_chain(const Error& error, std::size_t depth) {
  const RemoteFailure& failure = *error.remote();
  try {
    if (depth == failure.causes.size()) throw RemoteTrace{error};
    throw_chain(error, depth + 1);
  } catch (...) {
    const ThrownException outermost{failure.type, failure.what, failure.registered, failure.content};
    const ThrownException& thrown = depth == 0 ? outermost : failure.causes[depth - 1];
    if (const auto* const known = registry().find(thrown.registered, &ExceptionType::name)) known->raise(thrown);
    if (depth == 0) std::throw_with_nested(RemoteException{error});
    std::throw_with_nested(RemoteException{Error::from_remote({.type = thrown.type,
                                                               .what = thrown.what,
                                                               .command = failure.command,
                                                               .process = failure.process,
                                                               .pid = failure.pid})});
  }
}

}  // namespace

void add_exception_type(ExceptionType type) {
  registry().add(std::move(type));
}

void register_error_category(const std::error_category& category) {
  registry().add(category);
}

namespace detail {

const std::error_category* find_error_category(std::string_view name) {
  return registry().find_category(name);
}

RemoteFailure describe_current_exception() noexcept {
  RemoteFailure failure;
  try {
    failure.stack = take_throw_stack();
    failure.pid = ::getpid();
    ThrownException thrown = describe_one();
    failure.type = std::move(thrown.type);
    failure.what = std::move(thrown.what);
    failure.registered = std::move(thrown.registered);
    failure.content = std::move(thrown.content);
    describe_causes(cause_of_current_exception(), failure.causes);
  } catch (...) {
    // What there is of it, without the memory that was not there.
  }
  return failure;
}

void throw_again(const Error& error) {
  throw_chain(error, 0);
}

}  // namespace detail
}  // namespace prong

// Exceptions of users that arrive at the caller as what they were.
#pragma once

#include "prong/base/exception_types.hpp"
#include "prong/base/type_name.hpp"
#include "prong/message/codec.hpp"

#include <concepts>
#include <exception>
#include <optional>
#include <string>
#include <type_traits>

namespace prong {

namespace detail {

template <class E>
struct TravellingException {
  static constexpr bool from_what = std::constructible_from<E, std::string>;

  static bool write(std::vector<std::byte>& content) {
    if constexpr (Serializable<E>) {
      try {
        throw;
      } catch (const E& exception) {
        encode(exception, content);
      }
    }
    return true;
  }

  static void raise(const ThrownException& thrown) {
    std::optional<E> made;
    try {
      if constexpr (from_what)
        made.emplace(thrown.what);
      else
        made.emplace();
      if constexpr (Serializable<E>) {
        InputArchive archive{thrown.content};
        archive(*made);
        archive.finish();
      }
    } catch (...) {
      return;  // whatever the bytes have made of it, it is not the exception that was thrown
    }
    std::throw_with_nested(*std::move(made));
  }
};

}  // namespace detail

/// Has handlers' exceptions of type E thrown again as E, where get() is called.
///
/// E travels by its Cereal functions if it has some, and by its what() if it can be made from a std::string. Derived
/// types are types of their own. Call it before the backends that throw E are started; after that, the frontend gets a
/// RemoteException that names the type.
/// Thread safety: any thread. Requires: no other type was registered as `name`.
template <class E>
void register_exception(std::string name = type_name(typeid(E))) {
  static_assert(std::is_class_v<E> && std::is_copy_constructible_v<E>, "An exception is an object that can be copied.");
  static_assert(detail::TravellingException<E>::from_what || std::is_default_constructible_v<E>,
                "Give the exception a constructor that takes its what() as std::string, or one without parameters.");
  static_assert(detail::TravellingException<E>::from_what || Serializable<E> || std::is_empty_v<E> ||
                    std::is_base_of_v<std::exception, E>,
                "Give the exception Cereal's functions: nothing of it would travel.");
  add_exception_type({std::move(name), type_name(typeid(E)), &detail::TravellingException<E>::write,
                      &detail::TravellingException<E>::raise});
}

}  // namespace prong

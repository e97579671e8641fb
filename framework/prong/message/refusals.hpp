// What the compiler says about types that do not travel.
#pragma once

#include "prong/message/standard_types.hpp"
#include "prong/message/user_types.hpp"

#include <string_view>
#include <type_traits>

namespace prong::serialization {

// Ends the compilation with a sentence that says what to write instead.
template <class T>
constexpr void explain_refusal() {
  static_assert(!Pointer<T>,
                "A pointer does not travel: the other process has another memory. Send the object itself, "
                "std::optional<T> where it may be absent, or a std::vector<T> where it is one of several.");
  static_assert(!std::same_as<T, std::string_view>,
                "A std::string_view cannot be read: nobody owns the characters. Receive a std::string.");
  static_assert(!std::same_as<T, long double>, "A long double does not travel. Send a double.");
  static_assert(Pointer<T> || std::same_as<T, std::string_view> || std::same_as<T, long double>,
                "This type has no functions that say how it travels. "
                "Give it a member `template <class Archive> void serialize(Archive& archive) { archive(a, b, c); }`, "
                "or `save(Archive&) const` and `load(Archive&)`, public or with `friend class cereal::access` and "
                "<cereal/access.hpp> included; of several, keep one.");
}

template <class T>
constexpr void explain_enum() {
  static_assert(OpenEnum<T>,
                "Give the enumeration an underlying type (enum E : int): without one, a number from another process "
                "may be no value of it.");
}

template <class T>
constexpr void explain_default() {
  static_assert(std::is_default_constructible_v<T>, "An element is read into a default-constructed object.");
}

template <class T>
constexpr void explain_choice() {
  static_assert(plain_way<T> != Way::many && versioned_way<T> != Way::many &&
                    (plain_way<T> == Way::none || versioned_way<T> == Way::none),
                "This type has several ways to travel, perhaps an inherited one: keep one, or choose with "
                "cereal::specialize.");
}

}  // namespace prong::serialization

// Values to bytes and back.
#pragma once

#include "prong/base/bytes.hpp"
#include "prong/base/result.hpp"
#include "prong/message/archive.hpp"

#include <type_traits>
#include <vector>

namespace prong {

/// A type whose values travel: a number, a standard container of such, or a type with Cereal's functions.
/// Of a container, its elements are looked at only when it is encoded.
template <class T>
concept Serializable =
    std::same_as<T, bool> || serialization::Number<T> || serialization::OpenEnum<T> || serialization::is_strong_id<T> ||
    serialization::Standard<T> || serialization::OwnFunctions<T> || serialization::AnyFunctions<T>;

/// Writes `value` to the end of `out`. Throws: invalid_argument where it is nested deeper than max_nesting, too_large;
/// `out` is then as it was.
template <class T>
void encode(const T& value, std::vector<std::byte>& out) {
  static_assert(!std::is_array_v<T>, "decode() cannot return an array: encode a std::string or a std::array.");
  OutputArchive archive{out};
  archive(value);
  archive.finish();
}

namespace detail {
/// Returns the exception being handled as an Error; lets those through that say nothing about the bytes.
[[nodiscard]] Error malformed_by_current_exception();
}  // namespace detail

/// Reads the T that `bytes` are the encoding of, all of them. Fails with: malformed.
/// Requires: nobody changes `bytes` meanwhile; of memory shared with another process, copy them first.
template <class T>
[[nodiscard]] Result<T> decode(Bytes bytes) {
  static_assert(std::is_default_constructible_v<T>, "A value is read into a default-constructed object.");
  try {
    T value{};
    InputArchive archive{bytes};
    archive(value);
    archive.finish();
    return Result<T>{boost::system::in_place_value, std::move(value)};
  } catch (...) {
    return detail::malformed_by_current_exception();
  }
}

}  // namespace prong

// How C++ types become Values and come back. value.hpp includes this; nobody else needs to.
#pragma once

#include "prong/base/exception.hpp"
#include "prong/base/type_name.hpp"
#include "prong/message/value.hpp"

#include <iterator>
#include <limits>
#include <span>
#include <typeinfo>

namespace prong::detail {

template <class T>
concept Text = std::is_convertible_v<const T&, std::string_view>;
// std::uint8_t is how many libraries spell a byte.
template <class T>
concept ByteBlock = serialization::Block<T> &&
    (std::same_as<typename T::value_type, std::byte> || std::same_as<typename T::value_type, std::uint8_t>);
template <class T>
concept TextMap = serialization::Map<T> && Text<typename T::key_type>;
template <class T>
concept ListLike = serialization::FixedArray<T> ||
    (serialization::Container<T>&& serialization::Standard<T> && !serialization::Map<T> && !ByteBlock<T> && !Text<T>);
template <class T>
concept TupleLike = serialization::Tuple<T> && !serialization::FixedArray<T>;

// Returns the name that a user type has in messages.
template <class T>
const std::string& name_of_type() {
  static const std::string name = type_name(typeid(T));
  return name;
}

// The two directions. Each from_… sets `to`, or `error` and returns false.
struct ValueConversions {
  // ---- To a Value.

  template <class T>
  static Value to_value(const T& value) {
    if constexpr (std::same_as<T, bool>) {
      return Value{Value::Data{value}};
    } else if constexpr (std::is_enum_v<T>) {
      return to_value(static_cast<std::underlying_type_t<T>>(value));
    } else if constexpr (serialization::is_strong_id<T>) {
      return to_value(value.value);
    } else if constexpr (std::signed_integral<T>) {
      return Value{Value::Data{static_cast<std::int64_t>(value)}};
    } else if constexpr (std::unsigned_integral<T>) {
      return to_unsigned(value);
    } else if constexpr (std::floating_point<T>) {
      static_assert(!std::same_as<T, long double>, "A long double does not travel. Send a double.");
      return Value{Value::Data{static_cast<double>(value)}};
    } else if constexpr (serialization::OwnFunctions<T>) {
      return to_user(value);
    } else if constexpr (Text<T>) {
      return Value{static_cast<std::string_view>(value)};
    } else if constexpr (ByteBlock<T>) {
      return Value{std::as_bytes(std::span{value.data(), value.size()})};
    } else if constexpr (std::is_convertible_v<const T&, Bytes> && !serialization::FixedArray<T>) {
      return Value{static_cast<Bytes>(value)};
    } else if constexpr (TextMap<T>) {
      Value::Map map;
      for (const auto& [key, mapped] : value) map.insert_or_assign(std::string{key}, Value{mapped});
      return Value{std::move(map)};
    } else if constexpr (ListLike<T>) {
      Value::List list;
      list.reserve(static_cast<std::size_t>(std::distance(std::begin(value), std::end(value))));
      using Element = std::iter_value_t<decltype(std::begin(value))>;
      for (const Element& element : value) list.emplace_back(element);
      return Value{std::move(list)};
    } else if constexpr (serialization::Optional<T>) {
      return value.has_value() ? Value{*value} : Value{};
    } else if constexpr (TupleLike<T>) {
      Value::List list;
      [&]<std::size_t... index>(std::index_sequence<index...>) {
        (list.emplace_back(get<index>(value)), ...);
      }
      (std::make_index_sequence<std::tuple_size<T>::value>{});
      return Value{std::move(list)};
    } else {
      return to_user(value);
    }
  }

  template <class T>
  static Value to_user(const T& value) {
    std::vector<std::byte> bytes;
    encode(value, bytes);
    return to_user(name_of_type<T>(), std::move(bytes));
  }

  // ---- From a Value.

  template <class T>
  static bool from_value(const Value& value, T& to, Error& error) {
    static_assert(!std::same_as<T, std::string_view>, "Nobody would own the characters. Take a std::string.");
    if constexpr (std::same_as<T, Value>) {
      to = value;
      return true;
    } else if constexpr (std::same_as<T, bool> || std::same_as<T, std::string> || std::same_as<T, FrameHandle>) {
      return from_simple(value, to, error);
    } else if constexpr (std::is_enum_v<T>) {
      static_assert(serialization::OpenEnum<T>, "Give the enumeration an underlying type (enum E : int).");
      std::underlying_type_t<T> number{};
      if (!from_value(value, number, error)) return false;
      to = static_cast<T>(number);
      return true;
    } else if constexpr (serialization::is_strong_id<T>) {
      return from_value(value, to.value, error);
    } else if constexpr (std::signed_integral<T>) {
      std::int64_t number = 0;
      if (!from_signed(value, number, sizeof(T), error)) return false;
      to = static_cast<T>(number);
      return true;
    } else if constexpr (std::unsigned_integral<T>) {
      std::uint64_t number = 0;
      if (!from_unsigned(value, number, sizeof(T), error)) return false;
      to = static_cast<T>(number);
      return true;
    } else if constexpr (std::floating_point<T>) {
      static_assert(!std::same_as<T, long double>, "A long double does not travel. Take a double.");
      double number = 0;
      if (!from_floating(value, number, sizeof(T), error)) return false;
      to = static_cast<T>(number);
      return true;
    } else if constexpr (serialization::OwnFunctions<T>) {
      return from_user(value, to, error);
    } else if constexpr (Text<T> && serialization::Block<T>) {
      std::string text;
      if (!from_simple(value, text, error)) return false;
      to.assign(text.data(), text.size());
      return true;
    } else if constexpr (ByteBlock<T> || TextMap<T> || ListLike<T> || serialization::Optional<T> || TupleLike<T>) {
      // What of() made opens as what it was, though its type has a form of its own.
      if (value.kind() == Value::Kind::user && value.kind_name() == name_of_type<T>())
        return from_user(value, to, error);
      return from_compound(value, to, error);
    } else {
      return from_user(value, to, error);
    }
  }

  template <class T>
  static bool from_compound(const Value& value, T& to, Error& error) {
    if constexpr (serialization::Optional<T>) {
      to.reset();
      return value.is_null() || from_value(value, to.emplace(), error);
    } else if constexpr (TextMap<T>) {
      return from_map(value, to, error);
    } else {
      if constexpr (ByteBlock<T>) {
        if (const auto* const bytes = value.if_bytes()) {
          const auto* const first = reinterpret_cast<const typename T::value_type*>(bytes->data());
          to.assign(first, first + bytes->size());
          return true;
        }
      }
      const Value::List* const list = value.if_list();
      if (list == nullptr) return refuse(value, ByteBlock<T> ? "bytes" : "list", error);
      if constexpr (TupleLike<T>)
        return from_tuple(*list, to, error, std::make_index_sequence<std::tuple_size<T>::value>{});
      else
        return from_list(*list, to, error);
    }
  }

  template <class T>
  static bool from_list(const Value::List& list, T& to, Error& error) {
    using Element = std::iter_value_t<decltype(std::begin(to))>;
    std::size_t index = 0;
    if constexpr (serialization::FixedArray<T>) {
      if (list.size() != std::size(to)) return refuse_size(list.size(), std::size(to), error);
      for (Element& element : to) {
        if (!from_value(list[index], element, error)) return in_element(index, error);
        ++index;
      }
    } else {
      to.clear();
      [[maybe_unused]] auto last = to.end();
      if constexpr (serialization::ForwardList<T>) last = to.before_begin();
      for (const Value& item : list) {
        Element element{};
        if (!from_value(item, element, error)) return in_element(index, error);
        if constexpr (serialization::Set<T>)
          to.insert(to.end(), std::move(element));
        else if constexpr (serialization::ForwardList<T>)
          last = to.insert_after(last, std::move(element));
        else
          to.push_back(std::move(element));
        ++index;
      }
    }
    return true;
  }

  template <class T, std::size_t... index>
  static bool from_tuple(const Value::List& list, T& to, Error& error, std::index_sequence<index...>) {
    if (list.size() != sizeof...(index)) return refuse_size(list.size(), sizeof...(index), error);
    return ((from_value(list[index], get<index>(to), error) || in_element(index, error)) && ...);
  }

  template <class T>
  static bool from_map(const Value& value, T& to, Error& error) {
    const Value::Map* const map = value.if_map();
    if (map == nullptr) return refuse(value, "map", error);
    static_assert(!std::same_as<typename T::key_type, std::string_view> && !std::is_pointer_v<typename T::key_type>,
                  "Nobody would own the keys. Take a map of std::string.");
    to.clear();
    for (const auto& [key, item] : *map) {
      typename T::mapped_type mapped{};
      if (!from_value(item, mapped, error)) return in_key(key, error);
      to.emplace(typename T::key_type{std::string_view{key}}, std::move(mapped));
    }
    return true;
  }

  template <class T>
  static bool from_user(const Value& value, T& to, Error& error) {
    const std::vector<std::byte>* const bytes = user_bytes(value, name_of_type<T>(), error);
    if (bytes == nullptr) return false;
    Result<T> decoded = decode<T>(*bytes);
    if (!decoded) {
      error = std::move(decoded).error().with_context(name_of_type<T>());
      return false;
    }
    to = std::move(*decoded);
    return true;
  }

  // ---- What needs no template.

  static Value to_unsigned(std::uint64_t number);
  static Value to_user(std::string type, std::vector<std::byte> bytes);
  static bool from_simple(const Value& value, bool& to, Error& error);
  static bool from_simple(const Value& value, std::string& to, Error& error);
  static bool from_simple(const Value& value, FrameHandle& to, Error& error);
  // `size` is that of the wanted type, in bytes.
  static bool from_signed(const Value& value, std::int64_t& to, std::size_t size, Error& error);
  static bool from_unsigned(const Value& value, std::uint64_t& to, std::size_t size, Error& error);
  static bool from_floating(const Value& value, double& to, std::size_t size, Error& error);
  static const std::vector<std::byte>* user_bytes(const Value& value, const std::string& type, Error& error);
  // Returns the digits of an integer. Requires: its kind is integer.
  static std::string digits_of(const Value& value);
  // Set `error` and return false.
  static bool refuse(const Value& value, std::string_view wanted, Error& error);
  static bool refuse_size(std::size_t found, std::size_t wanted, Error& error);
  static bool in_element(std::size_t index, Error& error);
  static bool in_key(const std::string& key, Error& error);
};

}  // namespace prong::detail

namespace prong {

template <ValueSource T>
requires(!std::same_as<T, Value>) Value::Value(const T& value) : Value{detail::ValueConversions::to_value(value)} {}

template <class T>
Value Value::of(const T& value) {
  return detail::ValueConversions::to_user(value);
}

template <class T>
Result<T> Value::get() const {
  Error error;
  T value{};
  if (!detail::ValueConversions::from_value(*this, value, error)) return error;
  return Result<T>{boost::system::in_place_value, std::move(value)};
}

template <class T>
T Value::as() const {
  Error error;
  T value{};
  if (!detail::ValueConversions::from_value(*this, value, error)) throw_error(std::move(error));
  return value;
}

}  // namespace prong

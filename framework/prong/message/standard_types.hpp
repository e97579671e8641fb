// The standard types that travel, known by what can be done with them.
//
// Prong reads and writes them itself, because every size in a message has to be checked before memory is allocated,
// and the functions that Cereal has for them resize first. As the interface decides, not the name, Boost's containers
// and those with other allocators travel too. Format: docs/formats/values.md.
#pragma once

#include "prong/base/strong_id.hpp"

#include <bit>
#include <concepts>
#include <cstddef>
#include <type_traits>
#include <utility>
#include <variant>

namespace prong::serialization {

static_assert(std::endian::native == std::endian::little, "messages are written as a little-endian machine holds them");

// ---- Numbers. Long double has bytes without meaning, so it does not travel.

template <class T>
concept Number = std::is_arithmetic_v<T> && !std::same_as<T, bool> && !std::same_as<T, long double>;

// An enumeration whose every bit pattern is a value: list initialisation from a number demands that.
template <class T>
concept OpenEnum = std::is_enum_v<T> && requires {
  T{std::underlying_type_t<T>{}};
};

// A type that any bytes make a good value of.
template <class T>
concept Plain = Number<T> ||(OpenEnum<T> && !std::same_as<std::underlying_type_t<T>, bool>);

template <class T>
inline constexpr bool is_strong_id = false;
template <class Tag, class Number>
inline constexpr bool is_strong_id<StrongId<Tag, Number>> = true;

// ---- Standard types, known by what can be done with them.

template <class T>
concept FixedArray = std::is_bounded_array_v<T> || requires(T& t) {
  typename T::value_type;
  std::tuple_size<T>::value;
  { t.data() } -> std::same_as<typename T::value_type*>;
};

template <class T>
concept Container = requires(T& t) {
  typename T::value_type;
  t.begin();
  t.end();
  t.clear();
};

// A container whose elements are copied as one block: std::string, std::vector of numbers.
template <class T>
concept Block = Container<T> && Plain<typename T::value_type> && requires(T& t) {
  { t.data() } -> std::same_as<typename T::value_type*>;
  t.resize(t.size());
};

template <class T>
concept Sequence = Container<T> && requires(T& t, typename T::value_type value) {
  t.push_back(std::move(value));
  t.emplace_back();
};

template <class T>
concept ForwardList = Container<T> && requires(T& t) {
  t.emplace_after(t.before_begin());
};

template <class T>
concept Set = Container<T> && std::same_as<typename T::key_type, typename T::value_type> &&
    requires(T& t, typename T::key_type key) {
  t.emplace_hint(t.end(), std::move(key));
};

template <class T>
concept Map = Container<T> && requires(T& t, typename T::key_type key, typename T::mapped_type value) {
  t.emplace_hint(t.end(), std::move(key), std::move(value));
};

template <class T>
concept Optional = requires(T& t) {
  typename T::value_type;
  t.has_value();
  t.reset();
  t.emplace();
  *t;
};

template <class T>
concept Variant = requires {
  std::variant_size<T>::value;
};

template <class T>
concept Tuple = requires {
  std::tuple_size<T>::value;
};

template <class T>
concept Duration = requires(const T& t) {
  typename T::period;
  typename T::rep;
  t.count();
};

template <class T>
concept TimePoint = requires(const T& t) {
  typename T::clock;
  typename T::duration;
  t.time_since_epoch();
};

template <class T>
concept Pointer = std::is_pointer_v<T> || std::is_member_pointer_v<T> || std::is_null_pointer_v<T> ||
    requires(const T& t) {
  typename T::element_type;
  t.get();
} || requires(const T& t) {
  typename T::element_type;
  t.lock();
};

template <class T>
concept Standard = FixedArray<T> || Block<T> || Sequence<T> || ForwardList<T> || Set<T> || Map<T> || Optional<T> ||
    Variant<T> || Tuple<T> || Duration<T> || TimePoint<T>;

// ---- The memory that a receiver allocates, counted alike on both sides; docs/formats/values.md has the table.

// Returns what a block of numbers takes; a std::string rounds up by less than 16.
constexpr std::size_t block_memory(std::size_t bytes) noexcept {
  return bytes < 16 ? bytes : bytes + 16;
}

// Returns what a container of other elements takes beside what its elements allocate.
template <class T>
constexpr std::size_t container_memory(std::size_t count) noexcept {
  using Element = typename T::value_type;
  constexpr bool reserves = requires(T & t) {
    t.reserve(count);
  };
  constexpr bool contiguous = reserves && !Set<T> && !Map<T>;
  constexpr bool chunked = !reserves && requires(T & t) {
    t[count];
  }
  &&!Map<T>;  // an empty std::deque allocates
  constexpr std::size_t node = contiguous ? 0 : 40 + alignof(Element);
  return (chunked ? 640 : 0) + (count == 0 ? 0 : 16 + count * (sizeof(Element) + node));
}

}  // namespace prong::serialization

// Both archives, able to write and read: include this where a type is encoded or decoded.
#pragma once

#include "prong/message/standard_types.hpp"
#include "prong/message/user_types.hpp"

#include <iterator>
#include <string_view>

namespace cereal {
template <class Base>
struct base_class;
template <class Base>
struct virtual_base_class;
}  // namespace cereal

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

template <class>
inline constexpr bool is_name_value_pair = false;
template <class T>
inline constexpr bool is_name_value_pair<cereal::NameValuePair<T>> = true;
template <class>
inline constexpr bool is_size_tag = false;
template <class T>
inline constexpr bool is_size_tag<cereal::SizeTag<T>> = true;
template <class>
inline constexpr bool is_binary_data = false;
template <class T>
inline constexpr bool is_binary_data<cereal::BinaryData<T>> = true;
template <class>
inline constexpr bool is_base_class = false;
template <class T>
inline constexpr bool is_base_class<cereal::base_class<T>> = true;
template <class>
inline constexpr bool is_virtual_base_class = false;
template <class T>
inline constexpr bool is_virtual_base_class<cereal::virtual_base_class<T>> = true;

// ---- Writing.

template <class T>
void write_elements(OutputArchive& archive, const T& container) {
  std::size_t count = 0;
  if constexpr (requires { container.size(); })
    count = container.size();
  else
    for ([[maybe_unused]] const auto& element : container) ++count;
  archive.write_count(count);
  archive.charge(container_memory<T>(count));
  const OutputArchive::Nesting nesting{archive};
  const std::size_t before = archive.written();
  for (const auto& element : container) {
    if constexpr (std::same_as<typename T::value_type, bool>)
      write_value(archive, static_cast<bool>(element));
    else
      write_value(archive, element);
  }
  if (archive.written() - before < count) [[unlikely]]
    OutputArchive::refuse("elements that hold nothing to write cannot be counted");
}

template <class T>
void write_value(OutputArchive& archive, const T& value) {
  if constexpr (std::same_as<T, bool>) {
    const auto byte = static_cast<std::uint8_t>(value ? 1 : 0);
    archive.write(&byte, 1);
  } else if constexpr (Number<T>) {
    archive.write(&value, sizeof value);
  } else if constexpr (std::is_enum_v<T>) {
    explain_enum<T>();
    write_value(archive, static_cast<std::underlying_type_t<T>>(value));
  } else if constexpr (is_strong_id<T>) {
    write_value(archive, value.value);
  } else if constexpr (is_name_value_pair<T>) {
    write_value(archive, value.value);
  } else if constexpr (is_size_tag<T>) {
    archive.write_count(static_cast<std::size_t>(value.size));
  } else if constexpr (is_binary_data<T>) {
    archive.write(value.data, static_cast<std::size_t>(value.size));
  } else if constexpr (is_base_class<T>) {
    write_value(archive, *value.base_ptr);
  } else if constexpr (is_virtual_base_class<T>) {
    static_assert(!is_virtual_base_class<T>, "Virtual bases are not tracked: write them in the most derived class.");
  } else if constexpr (OwnFunctions<T>) {
    const OutputArchive::Nesting nesting{archive};
    write_with_functions(archive, value);
  } else if constexpr (Block<T> || std::same_as<T, std::string_view>) {
    const std::size_t bytes = value.size() * sizeof(typename T::value_type);
    archive.write_count(value.size());
    archive.charge(block_memory(bytes));
    archive.write(value.data(), bytes);
  } else if constexpr (FixedArray<T>) {
    using Element = std::remove_cvref_t<decltype(*std::begin(value))>;
    if constexpr (Plain<Element>)
      archive.write(std::data(value), sizeof(Element) * std::size(value));
    else
      for (const auto& element : value) write_value(archive, element);
  } else if constexpr (Container<T> && Standard<T>) {
    write_elements(archive, value);
  } else if constexpr (Optional<T>) {
    write_value(archive, value.has_value());
    if (value.has_value()) write_value(archive, *value);
  } else if constexpr (Variant<T>) {
    static_assert(std::variant_size_v<T> <= 255, "a variant travels with one byte for its index");
    if (value.valueless_by_exception()) OutputArchive::refuse("a variant that lost its value cannot be written");
    const auto index = static_cast<std::uint8_t>(value.index());
    archive.write(&index, 1);
    std::visit([&archive](const auto& alternative) { write_value(archive, alternative); }, value);
  } else if constexpr (Tuple<T>) {
    [&]<std::size_t... index>(std::index_sequence<index...>) {
      (write_value(archive, get<index>(value)), ...);
    }
    (std::make_index_sequence<std::tuple_size<T>::value>{});
  } else if constexpr (Duration<T>) {
    write_value(archive, value.count());
  } else if constexpr (TimePoint<T>) {
    write_value(archive, value.time_since_epoch());
  } else if constexpr (AnyFunctions<T>) {
    const OutputArchive::Nesting nesting{archive};
    write_with_functions(archive, value);
  } else if constexpr (!std::is_empty_v<T>) {
    explain_refusal<T>();
  }
}

// ---- Reading.

template <class T>
void read_elements(InputArchive& archive, T& container) {
  explain_default<typename T::value_type>();
  container.clear();
  const std::size_t count = archive.read_count(1);
  archive.charge(container_memory<T>(count));
  const InputArchive::Nesting nesting{archive};
  if constexpr (requires { container.reserve(count); }) container.reserve(count);
  [[maybe_unused]] auto last = container.end();
  if constexpr (ForwardList<T>) last = container.before_begin();
  for (std::size_t i = 0; i < count; ++i) {
    if constexpr (Map<T>) {
      typename T::key_type key{};
      read_value(archive, key);
      typename T::mapped_type mapped{};
      read_value(archive, mapped);
      container.emplace_hint(container.end(), std::move(key), std::move(mapped));
    } else if constexpr (Set<T>) {
      typename T::key_type key{};
      read_value(archive, key);
      container.emplace_hint(container.end(), std::move(key));
    } else if constexpr (ForwardList<T>) {
      last = container.emplace_after(last);
      read_value(archive, *last);
    } else if constexpr (std::same_as<typename T::value_type, bool>) {
      container.push_back(archive.read_bool());
    } else {
      read_value(archive, container.emplace_back());
    }
  }
  if constexpr (Map<T> || Set<T>)
    if (container.size() != count) [[unlikely]]
      archive.fail("a key occurs twice");
}

template <std::size_t index, class T>
void read_alternative(InputArchive& archive, T& variant) {
  explain_default<std::variant_alternative_t<index, T>>();
  read_value(archive, variant.template emplace<index>());
}

template <class T>
void read_variant(InputArchive& archive, T& variant) {
  const auto wanted = std::to_integer<std::size_t>(archive.read_block(1)[0]);
  if (wanted >= std::variant_size_v<T>) [[unlikely]]
    archive.fail("a variant has no such alternative");
  [&]<std::size_t... index>(std::index_sequence<index...>) {
    ((index == wanted ? read_alternative<index>(archive, variant) : void()), ...);
  }
  (std::make_index_sequence<std::variant_size_v<T>>{});
}

template <class T>
void read_value(InputArchive& archive, T& value) {
  static_assert(!std::is_const_v<T>, "Nothing can be read into a const object: load it and construct the object.");
  if constexpr (std::same_as<T, bool>) {
    value = archive.read_bool();
  } else if constexpr (Number<T>) {
    archive.read(&value, sizeof value);
  } else if constexpr (std::is_enum_v<T>) {
    explain_enum<T>();
    std::underlying_type_t<T> number{};
    read_value(archive, number);
    value = static_cast<T>(number);
  } else if constexpr (is_strong_id<T>) {
    read_value(archive, value.value);
  } else if constexpr (is_name_value_pair<T>) {
    read_value(archive, value.value);
  } else if constexpr (is_size_tag<T>) {
    value.size = static_cast<std::remove_cvref_t<decltype(value.size)>>(archive.read_count(1));
  } else if constexpr (is_binary_data<T>) {
    archive.read(value.data, static_cast<std::size_t>(value.size));
  } else if constexpr (is_base_class<T>) {
    read_value(archive, *value.base_ptr);
  } else if constexpr (OwnFunctions<T>) {
    const InputArchive::Nesting nesting{archive};
    read_with_functions(archive, value);
  } else if constexpr (Block<T>) {
    using Element = typename T::value_type;
    const std::size_t count = archive.read_count(sizeof(Element));
    archive.charge(block_memory(count * sizeof(Element)));
    if constexpr (std::same_as<Element, char> || std::same_as<Element, unsigned char> ||
                  std::same_as<Element, std::byte>) {
      const auto* const first = reinterpret_cast<const Element*>(archive.read_block(count).data());
      value.assign(first, first + count);
    } else {
      value.resize(count);
      archive.read(value.data(), count * sizeof(Element));
    }
  } else if constexpr (FixedArray<T>) {
    using Element = std::remove_cvref_t<decltype(*std::begin(value))>;
    if constexpr (Plain<Element>)
      archive.read(std::data(value), sizeof(Element) * std::size(value));
    else
      for (auto& element : value) read_value(archive, element);
  } else if constexpr (Container<T> && Standard<T>) {
    read_elements(archive, value);
  } else if constexpr (Optional<T>) {
    value.reset();
    if (archive.read_bool()) read_value(archive, value.emplace());
  } else if constexpr (Variant<T>) {
    read_variant(archive, value);
  } else if constexpr (Tuple<T>) {
    [&]<std::size_t... index>(std::index_sequence<index...>) {
      (read_value(archive, get<index>(value)), ...);
    }
    (std::make_index_sequence<std::tuple_size<T>::value>{});
  } else if constexpr (Duration<T>) {
    typename T::rep count{};
    read_value(archive, count);
    value = T{count};
  } else if constexpr (TimePoint<T>) {
    typename T::duration since_epoch{};
    read_value(archive, since_epoch);
    value = T{since_epoch};
  } else if constexpr (AnyFunctions<T>) {
    const InputArchive::Nesting nesting{archive};
    read_with_functions(archive, value);
  } else if constexpr (!std::is_empty_v<T>) {
    explain_refusal<T>();
  }
}

}  // namespace prong::serialization

namespace prong {

template <class... T>
OutputArchive& OutputArchive::operator()(T&&... values) {
  (serialization::write_value(*this, std::as_const(values)), ...);
  return *this;
}

template <class... T>
InputArchive& InputArchive::operator()(T&&... values) {
  (serialization::read_value(*this, values), ...);
  return *this;
}

}  // namespace prong

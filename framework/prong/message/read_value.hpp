// How a value of any type is read from bytes which may be hostile.
#pragma once

#include "prong/message/refusals.hpp"
#include "prong/message/standard_types.hpp"
#include "prong/message/user_types.hpp"

#include <cstddef>
#include <iterator>
#include <utility>
#include <variant>

namespace prong::serialization {

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
    explain_choice<T>();
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
    explain_choice<T>();
    read_with_functions(archive, value);
  } else if constexpr (!std::is_empty_v<T>) {
    explain_refusal<T>();
  }
}

}  // namespace prong::serialization

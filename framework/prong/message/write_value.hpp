// How a value of any type is written.
#pragma once

#include "prong/message/refusals.hpp"
#include "prong/message/standard_types.hpp"
#include "prong/message/user_types.hpp"

#include <cstdint>
#include <iterator>
#include <string_view>
#include <utility>
#include <variant>

namespace prong::serialization {

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
    explain_choice<T>();
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
    explain_choice<T>();
    write_with_functions(archive, value);
  } else if constexpr (!std::is_empty_v<T>) {
    explain_refusal<T>();
  }
}

}  // namespace prong::serialization

// Users' types: how Cereal's functions are found and called.
//
// A type has `serialize`, or `save` and `load`, or their `_minimal` forms; members or free functions; with or without a
// version. Whatever Cereal accepts is accepted, except pointers, and no header of Cereal is needed for it.
#pragma once

#include "prong/message/input_archive.hpp"
#include "prong/message/output_archive.hpp"
#include "prong/message/standard_types.hpp"

// Cereal's headers lean on one another's includes; these two come in this order.
#include <cereal/details/helpers.hpp>
#include <cereal/specialize.hpp>

#include <cstdint>
#include <type_traits>
#include <utility>

namespace cereal {
class access;
template <class Base>
struct base_class;
template <class Base>
struct virtual_base_class;
}  // namespace cereal

namespace prong::serialization {

template <class T>
void write_value(OutputArchive& archive, const T& value);
template <class T>
void read_value(InputArchive& archive, T& value);

// cereal::access where the user's type needs it and so has included it. Dependent, for else it is incomplete.
template <class>
struct DependentAccess {
  using type = cereal::access;
};
template <class T>
using Access = typename DependentAccess<T>::type;

// `Version` is empty, or std::uint32_t for functions that take one.
template <class A, class T, class... Version>
concept MemberSerialize = requires(A& archive, T& t, Version... version) {
  t.serialize(archive, version...);
}
|| requires(A& archive, T& t, Version... version) {
  Access<T>::member_serialize(archive, t, version...);
};
template <class A, class T, class... Version>
concept MemberSave = requires(A& archive, const T& t, Version... version) {
  t.save(archive, version...);
}
|| requires(A& archive, const T& t, Version... version) {
  Access<T>::member_save(archive, t, version...);
};
template <class A, class T, class... Version>
concept MemberSaveMinimal = requires(const A& archive, const T& t, Version... version) {
  t.save_minimal(archive, version...);
}
|| requires(const A& archive, const T& t, Version... version) {
  Access<T>::member_save_minimal(archive, t, version...);
};
template <class A, class T, class... Version>
concept FreeSerialize = requires(A& archive, T& t, Version... version) {
  serialize(archive, t, version...);
};
template <class A, class T, class... Version>
concept FreeSave = requires(A& archive, const T& t, Version... version) {
  save(archive, t, version...);
};
template <class A, class T, class... Version>
concept FreeSaveMinimal = requires(const A& archive, const T& t, Version... version) {
  save_minimal(archive, t, version...);
};

enum class Way { none, member_serialize, free_serialize, member_split, free_split, member_minimal, free_minimal, many };

// Stands for an archive where only a type's own free functions must be found, not those that Cereal has for standard
// containers and for all that derives from them.
struct OutputProbe {
  template <class... T>
  OutputProbe& operator()(T&&...);
  operator OutputArchive&() const;
};

// Tells whether Cereal's macros chose `way` for T: they specialise what else derives from false_type.
template <class T, cereal::specialization way>
inline constexpr bool is_chosen = !std::is_base_of_v<std::false_type, cereal::specialize<OutputArchive, T, way>>;

// How T is written; free functions are looked for with `Archive`. The output side decides for both: a type that can be
// written and not read is a mistake, which is reported where it is read.
template <class T, class Archive, class... Version>
consteval Way way_of() {
  using cereal::specialization;
  const bool found[] = {MemberSerialize<OutputArchive, T, Version...>,   FreeSerialize<Archive, T, Version...>,
                        MemberSave<OutputArchive, T, Version...>,        FreeSave<Archive, T, Version...>,
                        MemberSaveMinimal<OutputArchive, T, Version...>, FreeSaveMinimal<Archive, T, Version...>};
  const bool chosen[] = {is_chosen<T, specialization::member_serialize>,
                         is_chosen<T, specialization::non_member_serialize>,
                         is_chosen<T, specialization::member_load_save>,
                         is_chosen<T, specialization::non_member_load_save>,
                         is_chosen<T, specialization::member_load_save_minimal>,
                         is_chosen<T, specialization::non_member_load_save_minimal>};
  const Way ways[] = {Way::member_serialize, Way::free_serialize, Way::member_split,
                      Way::free_split,       Way::member_minimal, Way::free_minimal};
  bool any_chosen = false;
  for (const bool one : chosen) any_chosen = any_chosen || one;
  Way way = Way::none;
  for (int i = 0; i < 6; ++i) {
    if (!found[i] || (any_chosen && !chosen[i])) continue;
    way = way == Way::none ? ways[i] : Way::many;
  }
  return way;
}

template <class T, class... Version>
inline constexpr Way own_way = way_of<T, OutputProbe, Version...>();
template <class T, class... Version>
inline constexpr Way any_way = own_way<T, Version...> != Way::none ? own_way<T, Version...>
                                                                   : way_of<T, OutputArchive, Version...>();

template <class T>
concept Class = std::is_class_v<T> || std::is_union_v<T>;

// A user's type that has functions of its own, though it may look like a container.
template <class T>
concept OwnFunctions = Class<T> &&(own_way<T> != Way::none || own_way<T, std::uint32_t> != Way::none);

template <class T>
inline constexpr Way plain_way = any_way<T>;
template <class T>
inline constexpr Way versioned_way = any_way<T, std::uint32_t>;

// A type that has functions, be they Cereal's; those that Cereal has for pointers do not count.
template <class T>
concept AnyFunctions = Class<T> && !Pointer<T> && (plain_way<T> != Way::none || versioned_way<T> != Way::none);

// ---- What users' functions may wrap members in.

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

// ---- Calling them.

template <Way way, class T, class... Version>
void write_own(OutputArchive& archive, const T& value, Version... version) {
  if constexpr (way == Way::member_serialize) {
    auto& changeable = const_cast<T&>(value);  // Cereal's contract: serialize() changes nothing while saving
    if constexpr (requires { changeable.serialize(archive, version...); })
      changeable.serialize(archive, version...);
    else
      Access<T>::member_serialize(archive, changeable, version...);
  } else if constexpr (way == Way::free_serialize) {
    serialize(archive, const_cast<T&>(value), version...);
  } else if constexpr (way == Way::member_split) {
    if constexpr (requires { value.save(archive, version...); })
      value.save(archive, version...);
    else
      Access<T>::member_save(archive, value, version...);
  } else if constexpr (way == Way::free_split) {
    save(archive, value, version...);
  } else if constexpr (way == Way::member_minimal) {
    if constexpr (requires { value.save_minimal(std::as_const(archive), version...); })
      write_value(archive, value.save_minimal(std::as_const(archive), version...));
    else
      write_value(archive, Access<T>::member_save_minimal(std::as_const(archive), value, version...));
  } else {
    write_value(archive, save_minimal(std::as_const(archive), value, version...));
  }
}

// What save_minimal() returns for a T.
template <Way way, class T, class... Version>
auto minimal_form(const OutputArchive& archive, const T& value, Version... version) {
  if constexpr (way == Way::free_minimal)
    return save_minimal(archive, value, version...);
  else if constexpr (requires { value.save_minimal(archive, version...); })
    return value.save_minimal(archive, version...);
  else
    return Access<T>::member_save_minimal(archive, value, version...);
}

template <Way way, class T, class... Version>
void read_own(InputArchive& archive, T& value, Version... version) {
  if constexpr (way == Way::member_serialize) {
    if constexpr (requires { value.serialize(archive, version...); })
      value.serialize(archive, version...);
    else
      Access<T>::member_serialize(archive, value, version...);
  } else if constexpr (way == Way::free_serialize) {
    serialize(archive, value, version...);
  } else if constexpr (way == Way::member_split) {
    if constexpr (requires { value.load(archive, version...); })
      value.load(archive, version...);
    else
      Access<T>::member_load(archive, value, version...);
  } else if constexpr (way == Way::free_split) {
    load(archive, value, version...);
  } else {
    using Form = decltype(minimal_form<way>(std::declval<const OutputArchive&>(), value, version...));
    Form form{};
    read_value(archive, form);
    if constexpr (way == Way::free_minimal)
      load_minimal(std::as_const(archive), value, form, version...);
    else if constexpr (requires { value.load_minimal(std::as_const(archive), form, version...); })
      value.load_minimal(std::as_const(archive), form, version...);
    else
      Access<T>::member_load_minimal(std::as_const(archive), value, form, version...);
  }
}

// A version is written with each object, not once for each type as Cereal's archives do: no state is kept for it.
template <class T>
void write_with_functions(OutputArchive& archive, const T& value) {
  if constexpr (plain_way<T> != Way::none) {
    write_own<plain_way<T>>(archive, value);
  } else {
    const std::uint32_t version = cereal::detail::Version<T>::version;
    archive.write(&version, sizeof version);
    write_own<versioned_way<T>>(archive, value, version);
  }
}

template <class T>
void read_with_functions(InputArchive& archive, T& value) {
  if constexpr (plain_way<T> != Way::none) {
    read_own<plain_way<T>>(archive, value);
  } else {
    std::uint32_t version = 0;
    archive.read(&version, sizeof version);
    read_own<versioned_way<T>>(archive, value, version);
  }
}

}  // namespace prong::serialization

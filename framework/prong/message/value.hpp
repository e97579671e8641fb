// One value of any kind that can be said in a message.
#pragma once

#include "prong/base/bytes.hpp"
#include "prong/base/result.hpp"
#include "prong/message/codec.hpp"
#include "prong/message/frame_handle.hpp"

#include <cstdint>
#include <functional>
#include <iosfwd>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace prong {

class Value;
namespace detail {
struct ValueConversions;
}  // namespace detail

/// A type that a Value can be made of. Of a container, its elements are looked at only when it is converted.
template <class T>
concept ValueSource =
    Serializable<T> || std::is_convertible_v<const T&, std::string_view> || std::is_convertible_v<const T&, Bytes>;

/// A value that knows its kind.
///
/// Numbers, text, bytes, lists and maps have a form of their own, which any program can read; every other type that
/// can be encoded is kept as its name and its bytes, and only as<T>() of the same type opens it.
/// A Value does not change, except by assignment; copies of maps and user types share memory.
/// Thread safety: as an int.
class Value {
 public:
  using List = std::vector<Value>;
  using Map = std::map<std::string, Value, std::less<>>;  ///< Ordered by key.
  enum class Kind : std::uint8_t { null, boolean, integer, floating, string, bytes, list, map, frame, user };

  Value() noexcept = default;
  Value(std::nullptr_t) noexcept {}
  Value(const char* text);
  Value(std::string_view text);
  Value(std::string text) noexcept;
  Value(std::vector<std::byte> bytes) noexcept;
  Value(Bytes bytes);
  Value(List list) noexcept;
  Value(Map map);
  Value(FrameHandle frame) noexcept;
  /// Converts numbers, enumerations and StrongIds to integers and doubles, std::optional to null or what it holds,
  /// vectors of bytes (std::uint8_t too) to bytes, other sequences, sets, arrays and tuples to lists, maps with
  /// strings as keys to maps; every other type is encoded, as by of().
  template <ValueSource T>
  requires(!std::same_as<T, Value>) Value(const T& value);

  /// Encodes `value`, even if it has a form of its own. Throws: as encode().
  template <class T>
  [[nodiscard]] static Value of(const T& value);

  Value(const Value& other);
  Value(Value&& other) noexcept;  ///< Leaves null behind.
  Value& operator=(const Value& other);
  Value& operator=(Value&& other) noexcept;
  ~Value();

  [[nodiscard]] Kind kind() const noexcept { return kinds[data_.index()]; }
  [[nodiscard]] bool is_null() const noexcept { return kind() == Kind::null; }
  /// Returns "null", "bool", "int", "double", "string", "bytes", "list", "map", "frame" or the name of the user type.
  [[nodiscard]] std::string_view kind_name() const noexcept;

  /// Returns the value as a T, with the conversions of the constructor backwards. A T may be Value.
  /// Integers never come from doubles or booleans; a double comes from an integer if it can hold it exactly.
  /// Fails with: wrong_type, out_of_range, malformed (the bytes of a user type).
  template <class T>
  [[nodiscard]] Result<T> get() const;
  /// As get(), but throws the Exception of an error.
  template <class T>
  [[nodiscard]] T as() const;

  /// Return what the Value holds, in place, or null if it is of another kind.
  [[nodiscard]] const std::string* if_string() const noexcept { return std::get_if<std::string>(&data_); }
  [[nodiscard]] const std::vector<std::byte>* if_bytes() const noexcept {
    return std::get_if<std::vector<std::byte>>(&data_);
  }
  [[nodiscard]] const List* if_list() const noexcept { return std::get_if<List>(&data_); }
  [[nodiscard]] const Map* if_map() const noexcept;

  /// Numbers are equal if they are of one kind; a NaN equals nothing.
  friend bool operator==(const Value& a, const Value& b);
  friend std::ostream& operator<<(std::ostream& out, const Value& value);

  void save(OutputArchive& archive) const;
  void load(InputArchive& archive);

 private:
  struct User {
    std::string type;
    std::vector<std::byte> bytes;
  };
  // An unsigned number that an int64 can hold is kept as one. The order is that of the tags on the wire.
  using Data =
      std::variant<std::monostate, bool, std::int64_t, std::uint64_t, double, std::string, std::vector<std::byte>, List,
                   std::shared_ptr<const Map>, FrameHandle, std::shared_ptr<const User>>;

  static constexpr Kind kinds[] = {Kind::null,     Kind::boolean, Kind::integer, Kind::integer,
                                   Kind::floating, Kind::string,  Kind::bytes,   Kind::list,
                                   Kind::map,      Kind::frame,   Kind::user};
  friend struct detail::ValueConversions;

  explicit Value(Data data) noexcept;

  Data data_;
};

/// Prints a value for people: text in quotes, bytes as `bytes[12]`, long lists and texts shortened.
[[nodiscard]] std::string to_string(const Value& value);

}  // namespace prong

#include "prong/message/value_conversions.hpp"

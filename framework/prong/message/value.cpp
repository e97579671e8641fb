#include "prong/message/value.hpp"

#include "prong/base/checked.hpp"
#include "prong/base/contract.hpp"
#include "prong/message/detail/printable.hpp"

#include <cmath>
#include <limits>
#include <optional>

namespace prong {
namespace {

// The byte in front of a value on the wire; docs/formats/values.md. A variant's index in Value::Data.
enum class Tag : std::uint8_t {
  null,
  boolean,
  signed_integer,
  unsigned_integer,
  floating,
  string,
  bytes,
  list,
  map,
  frame,
  user,
};

// What an object that copies share takes on the receiver's heap beside its elements; docs/formats/values.md.
constexpr std::size_t shared_memory = 96;

// How much of a name from elsewhere an error repeats.
constexpr std::size_t most_name = 200;

// Returns the double that is `number`, if there is one.
template <class Integer>
std::optional<double> exact_double(Integer number) {
  const auto nearest = static_cast<double>(number);
  const double beyond = std::ldexp(1.0, std::numeric_limits<Integer>::digits);  // one more than the greatest Integer
  if (nearest == beyond || static_cast<Integer>(nearest) != number) return std::nullopt;
  return nearest;
}

}  // namespace

Value::Value(Data data) noexcept : data_{std::move(data)} {}
Value::Value(const char* text) : data_{} {
  PRONG_EXPECT(text != nullptr, "a text is not a null pointer");
  data_ = std::string{text};
}
Value::Value(std::string_view text) : data_{std::string{text}} {}
Value::Value(std::string text) noexcept : data_{std::move(text)} {}
Value::Value(std::vector<std::byte> bytes) noexcept : data_{std::move(bytes)} {}
Value::Value(Bytes bytes) : data_{std::vector<std::byte>(bytes.begin(), bytes.end())} {}
Value::Value(List list) noexcept : data_{std::move(list)} {}
Value::Value(Map map) : data_{std::make_shared<const Map>(std::move(map))} {}
Value::Value(FrameHandle frame) noexcept : data_{frame} {}

Value::Value(const Value& other) = default;
Value::Value(Value&& other) noexcept : data_{std::move(other.data_)} {
  other.data_ = std::monostate{};
}
Value& Value::operator=(const Value& other) = default;
Value& Value::operator=(Value&& other) noexcept {
  if (this == &other) return *this;
  data_ = std::move(other.data_);
  other.data_ = std::monostate{};
  return *this;
}
Value::~Value() = default;

std::string_view Value::kind_name() const noexcept {
  switch (kind()) {
    case Kind::null: return "null";
    case Kind::boolean: return "bool";
    case Kind::integer: return "int";
    case Kind::floating: return "double";
    case Kind::string: return "string";
    case Kind::bytes: return "bytes";
    case Kind::list: return "list";
    case Kind::map: return "map";
    case Kind::frame: return "frame";
    case Kind::user: return std::get<std::shared_ptr<const User>>(data_)->type;
  }
  return "unknown";
}

const Value::Map* Value::if_map() const noexcept {
  const auto* const map = std::get_if<std::shared_ptr<const Map>>(&data_);
  return map == nullptr ? nullptr : map->get();
}

bool operator==(const Value& a, const Value& b) {
  if (a.data_.index() != b.data_.index()) return false;
  switch (a.kind()) {
    case Value::Kind::map: return *a.if_map() == *b.if_map();
    case Value::Kind::user: {
      const auto& left = *std::get<std::shared_ptr<const Value::User>>(a.data_);
      const auto& right = *std::get<std::shared_ptr<const Value::User>>(b.data_);
      return left.type == right.type && left.bytes == right.bytes;
    }
    default: return a.data_ == b.data_;
  }
}

void Value::save(OutputArchive& archive) const {
  archive(static_cast<Tag>(data_.index()));
  switch (static_cast<Tag>(data_.index())) {
    case Tag::null: return;
    case Tag::boolean: archive(std::get<bool>(data_)); return;
    case Tag::signed_integer: archive(std::get<std::int64_t>(data_)); return;
    case Tag::unsigned_integer: archive(std::get<std::uint64_t>(data_)); return;
    case Tag::floating: archive(std::get<double>(data_)); return;
    case Tag::string: archive(std::get<std::string>(data_)); return;
    case Tag::bytes: archive(std::get<std::vector<std::byte>>(data_)); return;
    case Tag::list: archive(std::get<List>(data_)); return;
    case Tag::map:
      archive.charge(shared_memory);
      archive(*if_map());
      return;
    case Tag::frame: archive(std::get<FrameHandle>(data_)); return;
    case Tag::user: {
      const User& user = *std::get<std::shared_ptr<const User>>(data_);
      archive.charge(shared_memory);
      archive(user.type, user.bytes);
      return;
    }
  }
}

void Value::load(InputArchive& archive) {
  Tag tag{};
  archive(tag);
  switch (tag) {
    case Tag::null: data_ = std::monostate{}; return;
    case Tag::boolean: data_ = archive.read_bool(); return;
    case Tag::signed_integer: archive(data_.emplace<std::int64_t>()); return;
    case Tag::unsigned_integer: {
      std::uint64_t number = 0;
      archive(number);
      if (checked_cast<std::int64_t>(number)) archive.fail("a small number is written as an unsigned one");
      data_ = number;
      return;
    }
    case Tag::floating: archive(data_.emplace<double>()); return;
    case Tag::string: archive(data_.emplace<std::string>()); return;
    case Tag::bytes: archive(data_.emplace<std::vector<std::byte>>()); return;
    case Tag::list: archive(data_.emplace<List>()); return;
    case Tag::map: {
      archive.charge(shared_memory);
      Map map;
      archive(map);
      data_ = std::make_shared<const Map>(std::move(map));
      return;
    }
    case Tag::frame: archive(data_.emplace<FrameHandle>()); return;
    case Tag::user: {
      archive.charge(shared_memory);
      User user;
      archive(user.type, user.bytes);
      if (user.type.empty()) archive.fail("a user type has no name");
      data_ = std::make_shared<const User>(std::move(user));
      return;
    }
  }
  archive.fail("a value has the unknown tag " + std::to_string(static_cast<unsigned>(tag)));
}

namespace detail {

Value ValueConversions::to_unsigned(std::uint64_t number) {
  if (const auto small = checked_cast<std::int64_t>(number)) return Value{Value::Data{*small}};
  return Value{Value::Data{number}};
}

Value ValueConversions::to_user(std::string type, std::vector<std::byte> bytes) {
  return Value{Value::Data{std::make_shared<const Value::User>(Value::User{std::move(type), std::move(bytes)})}};
}

bool ValueConversions::from_simple(const Value& value, bool& to, Error& error) {
  const bool* const found = std::get_if<bool>(&value.data_);
  if (found == nullptr) return refuse(value, "bool", error);
  to = *found;
  return true;
}

bool ValueConversions::from_simple(const Value& value, std::string& to, Error& error) {
  const std::string* const found = value.if_string();
  if (found == nullptr) return refuse(value, "string", error);
  to = *found;
  return true;
}

bool ValueConversions::from_simple(const Value& value, FrameHandle& to, Error& error) {
  const FrameHandle* const found = std::get_if<FrameHandle>(&value.data_);
  if (found == nullptr) return refuse(value, "frame", error);
  to = *found;
  return true;
}

bool ValueConversions::from_signed(const Value& value, std::int64_t& to, std::size_t size, Error& error) {
  if (value.kind() != Value::Kind::integer) return refuse(value, "int", error);
  const std::int64_t* const found = std::get_if<std::int64_t>(&value.data_);
  const std::int64_t most = INT64_MAX >> (64 - size * 8);
  if (found == nullptr || *found > most || *found < -most - 1) {
    error = Error{Errc::out_of_range, digits_of(value) + " does not fit an int" + std::to_string(8 * size)};
    return false;
  }
  to = *found;
  return true;
}

bool ValueConversions::from_unsigned(const Value& value, std::uint64_t& to, std::size_t size, Error& error) {
  if (value.kind() != Value::Kind::integer) return refuse(value, "int", error);
  const std::int64_t* const found = std::get_if<std::int64_t>(&value.data_);
  const std::uint64_t number =
      found == nullptr ? std::get<std::uint64_t>(value.data_) : static_cast<std::uint64_t>(*found);
  if ((found != nullptr && *found < 0) || number > UINT64_MAX >> (64 - size * 8)) {
    error = Error{Errc::out_of_range, digits_of(value) + " does not fit a uint" + std::to_string(8 * size)};
    return false;
  }
  to = number;
  return true;
}

bool ValueConversions::from_floating(const Value& value, double& to, std::size_t size, Error& error) {
  const bool is_float = size == sizeof(float);
  if (const double* const found = std::get_if<double>(&value.data_)) {
    // Rounding is what a float is for; turning a number into an infinity is not.
    if (is_float && std::isfinite(*found) && !std::isfinite(static_cast<float>(*found))) {
      error = Error{Errc::out_of_range, to_string(value) + " does not fit a float"};
      return false;
    }
    to = *found;
    return true;
  }
  if (value.kind() != Value::Kind::integer) return refuse(value, "double", error);
  const std::int64_t* const found = std::get_if<std::int64_t>(&value.data_);
  const std::optional<double> exact =
      found != nullptr ? exact_double(*found) : exact_double(std::get<std::uint64_t>(value.data_));
  if (!exact || (is_float && static_cast<double>(static_cast<float>(*exact)) != *exact)) {
    error = Error{Errc::out_of_range, "no " + std::string{is_float ? "float" : "double"} + " is " + digits_of(value)};
    return false;
  }
  to = *exact;
  return true;
}

const std::vector<std::byte>* ValueConversions::user_bytes(const Value& value, const std::string& type, Error& error) {
  if (value.kind() != Value::Kind::user || value.kind_name() != type) {
    refuse(value, type, error);
    return nullptr;
  }
  return &std::get<std::shared_ptr<const Value::User>>(value.data_)->bytes;
}

std::string ValueConversions::digits_of(const Value& value) {
  const std::int64_t* const number = std::get_if<std::int64_t>(&value.data_);
  return number != nullptr ? std::to_string(*number) : std::to_string(std::get<std::uint64_t>(value.data_));
}

bool ValueConversions::refuse(const Value& value, std::string_view wanted, Error& error) {
  error = Error{Errc::wrong_type,
                std::string{wanted} + " is wanted and " + printable(value.kind_name(), most_name) + " is found"};
  return false;
}

bool ValueConversions::refuse_size(std::size_t found, std::size_t wanted, Error& error) {
  error = Error{Errc::wrong_type,
                "a list of " + std::to_string(wanted) + " is wanted and one of " + std::to_string(found) + " is found"};
  return false;
}

bool ValueConversions::in_element(std::size_t index, Error& error) {
  error = std::move(error).with_context("element " + std::to_string(index));
  return false;
}

bool ValueConversions::in_key(const std::string& key, Error& error) {
  error = std::move(error).with_context("key '" + printable(key, most_name) + "'");
  return false;
}

}  // namespace detail
}  // namespace prong

#include "prong/message/value.hpp"

#include "prong/base/event_index.hpp"
#include "prong/base/exception.hpp"
#include "unit/message/random_values.hpp"

#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <limits>
#include <memory>
#include <memory_resource>
#include <sstream>
#include <unordered_map>

namespace prong {

struct Box {
  int x = 0;
  int y = 0;
  std::string label;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(x, y, label);
  }
  friend bool operator==(const Box&, const Box&) = default;
};

struct Other {
  int x = 0;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(x);
  }
};

namespace {

using Kind = Value::Kind;
enum class Colour : std::uint8_t { red, green };

template <class T>
Error error_of(const Value& value) {
  const Result<T> result = value.get<T>();
  EXPECT_FALSE(result);
  return result ? Error{} : result.error();
}

template <class T>
void expect_round_trip(const T& value) {
  EXPECT_EQ(Value{value}.template as<T>(), value);
  std::vector<std::byte> bytes;
  encode(Value{value}, bytes);
  EXPECT_EQ(decode<Value>(bytes).value(), Value{value});
}

TEST(Value, is_made_of_native_types) {
  const auto expect = [](const Value& value, Kind kind, std::string_view name) {
    EXPECT_EQ(value.kind(), kind) << name;
    EXPECT_EQ(value.kind_name(), name);
  };
  expect({}, Kind::null, "null");
  expect(nullptr, Kind::null, "null");
  expect(true, Kind::boolean, "bool");
  expect(-3, Kind::integer, "int");
  expect(UINT64_MAX, Kind::integer, "int");
  expect(Colour::green, Kind::integer, "int");
  expect(EventIndex{5}, Kind::integer, "int");
  expect(0.5f, Kind::floating, "double");
  expect("text", Kind::string, "string");
  expect(std::string{"text"}, Kind::string, "string");
  expect(std::string_view{"text"}, Kind::string, "string");
  expect(std::vector<std::byte>(3), Kind::bytes, "bytes");
  expect(std::vector<std::uint8_t>(3), Kind::bytes, "bytes");
  expect(Bytes{}, Kind::bytes, "bytes");
  expect(std::vector<int>{1, 2}, Kind::list, "list");
  expect(std::vector<bool>{true}, Kind::list, "list");
  expect(std::set<std::string>{"a"}, Kind::list, "list");
  expect(std::array<double, 2>{}, Kind::list, "list");
  expect(std::tuple{1, "a"}, Kind::list, "list");
  expect(std::map<std::string, double>{{"a", 1}}, Kind::map, "map");
  expect(std::unordered_map<std::string, int>{}, Kind::map, "map");
  expect(std::optional<int>{}, Kind::null, "null");
  expect(std::optional<int>{1}, Kind::integer, "int");
  expect(FrameHandle{}, Kind::frame, "frame");
  expect(Box{}, Kind::user, "prong::Box");
  expect(std::map<int, int>{{1, 2}}, Kind::user,
         "std::map<int, int, std::less<int>, std::allocator<std::pair<int const, "
         "int> > >");
}

TEST(Value, gives_back_what_it_was_made_of) {
  expect_round_trip(true);
  expect_round_trip(std::int8_t{-128});
  expect_round_trip(INT64_MIN);
  expect_round_trip(UINT64_MAX);
  expect_round_trip(std::uint64_t{1} << 63);
  expect_round_trip('x');
  expect_round_trip(Colour::green);
  expect_round_trip(EventIndex{UINT64_MAX});
  expect_round_trip(-0.5);
  expect_round_trip(0.25f);
  expect_round_trip(std::numeric_limits<double>::infinity());
  expect_round_trip(std::string{"a\0b", 3});
  expect_round_trip(std::vector<std::byte>{std::byte{0}, std::byte{255}});
  expect_round_trip(std::vector<std::uint8_t>{0, 255});
  expect_round_trip(std::array<std::byte, 2>{std::byte{1}});
  expect_round_trip(std::vector<int>{1, -2});
  expect_round_trip(std::vector<bool>{true, false});
  expect_round_trip(std::list<std::string>{"a", ""});
  expect_round_trip(std::set<int>{1, 2});
  expect_round_trip(std::vector<std::vector<double>>{{1}, {}});
  expect_round_trip(std::tuple{1, std::string{"a"}, 0.5});
  expect_round_trip(std::pair{std::string{"a"}, Box{1, 2, "b"}});
  expect_round_trip(std::map<std::string, double>{{"a", 1}, {"b", 2.5}});
  expect_round_trip(std::map<std::string, std::vector<int>>{{"a", {1}}});
  expect_round_trip(std::unordered_map<std::string, int>{{"a", 1}});
  expect_round_trip(std::optional<int>{});
  expect_round_trip(std::optional<std::string>{"x"});
  expect_round_trip(std::pmr::string{"x"});
  expect_round_trip(std::map<std::pmr::string, int>{{"a", 1}});
  expect_round_trip(FrameHandle{1, 2, 3, 4});
  expect_round_trip(Box{1, 2, "b"});
  expect_round_trip(std::vector<Box>{{1, 2, "b"}, {}});
  expect_round_trip(std::map<int, int>{{1, 2}});
  expect_round_trip(std::variant<int, std::string>{"x"});
  expect_round_trip(std::chrono::milliseconds{5});
}

TEST(Value, checks_the_range_of_integers) {
  EXPECT_EQ(Value{255}.as<std::uint8_t>(), 255);
  EXPECT_EQ(Value{-128}.as<std::int8_t>(), -128);
  EXPECT_EQ(error_of<std::uint8_t>(256).code(), Errc::out_of_range);
  EXPECT_EQ(error_of<std::int8_t>(-129).code(), Errc::out_of_range);
  EXPECT_EQ(error_of<std::int8_t>(128).code(), Errc::out_of_range);
  EXPECT_EQ(error_of<unsigned>(-1).code(), Errc::out_of_range);
  EXPECT_EQ(error_of<std::uint64_t>(INT64_MIN).code(), Errc::out_of_range);
  EXPECT_EQ(error_of<std::int64_t>(UINT64_MAX).code(), Errc::out_of_range);
  EXPECT_EQ(error_of<int>(std::int64_t{1} << 31).code(), Errc::out_of_range);
  EXPECT_EQ(error_of<Colour>(256).code(), Errc::out_of_range);
  EXPECT_EQ((error_of<StrongId<struct Tag, std::uint16_t>>(70000).code()), Errc::out_of_range);
  EXPECT_EQ(error_of<std::uint8_t>(300).message(), "300 does not fit a uint8");
}

TEST(Value, gives_a_double_from_an_integer_only_where_it_is_exact) {
  const std::int64_t exact = std::int64_t{1} << 53;

  EXPECT_EQ(Value{3}.as<double>(), 3.0);
  EXPECT_EQ(Value{exact}.as<double>(), 9007199254740992.0);
  EXPECT_EQ(Value{INT64_MIN}.as<double>(), std::ldexp(-1, 63));
  EXPECT_EQ(Value{std::uint64_t{1} << 63}.as<double>(), std::ldexp(1, 63));
  EXPECT_EQ(error_of<double>(exact + 1).code(), Errc::out_of_range);
  EXPECT_EQ(error_of<double>(INT64_MAX).code(), Errc::out_of_range);
  EXPECT_EQ(error_of<double>(UINT64_MAX).code(), Errc::out_of_range);
  EXPECT_EQ(error_of<float>((1 << 24) + 1).code(), Errc::out_of_range);
}

TEST(Value, gives_a_float_from_a_double_unless_it_becomes_infinite) {
  EXPECT_EQ(Value{0.1}.as<float>(), 0.1f);
  EXPECT_EQ(Value{std::numeric_limits<double>::infinity()}.as<float>(), std::numeric_limits<float>::infinity());
  EXPECT_TRUE(std::isnan(Value{std::nan("")}.as<float>()));
  EXPECT_EQ(error_of<float>(1e300).code(), Errc::out_of_range);
}

TEST(Value, refuses_another_type_and_names_both) {
  EXPECT_EQ(error_of<int>(0.5).code(), Errc::wrong_type);
  EXPECT_EQ(error_of<int>(1.0).message(), "int is wanted and double is found");
  EXPECT_EQ(error_of<int>(true).message(), "int is wanted and bool is found");
  EXPECT_EQ(error_of<bool>(1).message(), "bool is wanted and int is found");
  EXPECT_EQ(error_of<double>("1").message(), "double is wanted and string is found");
  EXPECT_EQ(error_of<std::string>({}).message(), "string is wanted and null is found");
  EXPECT_EQ(error_of<FrameHandle>(1).message(), "frame is wanted and int is found");
  EXPECT_EQ(error_of<std::vector<int>>(1).message(), "list is wanted and int is found");
  EXPECT_EQ(error_of<std::vector<std::byte>>("x").message(), "bytes is wanted and string is found");
  EXPECT_EQ((error_of<std::map<std::string, int>>(Value::List{}).message()), "map is wanted and list is found");
  EXPECT_EQ(error_of<Box>(Other{}).message(), "prong::Box is wanted and prong::Other is found");
  EXPECT_EQ(error_of<Box>(Value::Map{}).message(), "prong::Box is wanted and map is found");
  EXPECT_EQ(error_of<int>(Box{}).message(), "int is wanted and prong::Box is found");
}

TEST(Value, says_where_in_a_list_or_map_the_type_is_wrong) {
  const Value list = Value::List{1, Value::Map{{"a", "text"}}};

  EXPECT_EQ((error_of<std::tuple<int, std::map<std::string, int>>>(list).message()),
            "element 1: key 'a': int is wanted and string is found");
  EXPECT_EQ((error_of<std::array<int, 3>>(Value::List{1}).message()), "a list of 3 is wanted and one of 1 is found");
  EXPECT_EQ((error_of<std::pair<int, int>>(Value::List{1}).code()), Errc::wrong_type);
}

TEST(Value, throws_where_as_is_used) {
  EXPECT_THROW(static_cast<void>(Value{"x"}.as<int>()), Exception);
  EXPECT_THROW(static_cast<void>(Value{1}.as<Box>()), Exception);
}

TEST(Value, opens_what_was_encoded_as_it_is) {
  const std::vector<int> numbers{1, 2, 3};
  const Value value = Value::of(numbers);

  EXPECT_EQ(value.kind(), Kind::user);
  EXPECT_EQ(value.as<std::vector<int>>(), numbers);
  EXPECT_EQ(error_of<std::vector<long>>(value).code(), Errc::wrong_type);
}

TEST(Value, reports_a_user_type_whose_bytes_do_not_decode) {
  // As a peer with another definition of Box would write it.
  std::vector<std::byte> wire;
  encode(std::tuple{std::uint8_t{10}, std::string{"prong::Box"}, std::string{"xy"}}, wire);

  const Error error = error_of<Box>(decode<Value>(wire).value());

  EXPECT_EQ(error.code(), Errc::malformed);
  EXPECT_TRUE(error.message().starts_with("prong::Box: ")) << error.message();
}

TEST(Value, is_equal_by_kind_and_content) {
  EXPECT_EQ(Value{1}, Value{std::uint64_t{1}});
  EXPECT_NE(Value{1}, Value{1.0});
  EXPECT_NE(Value{1}, Value{true});
  EXPECT_NE(Value{}, Value{0});
  EXPECT_EQ((Value{Value::Map{{"a", 1}, {"b", 2}}}), (Value{Value::Map{{"b", 2}, {"a", 1}}}));
  EXPECT_EQ(Value{Box{}}, Value{Box{}});
  EXPECT_NE(Value{Box{}}, Value{Other{}});
  EXPECT_NE(Value{std::nan("")}, Value{std::nan("")});
}

TEST(Value, leaves_null_behind_when_moved) {
  Value map = Value::Map{{"a", 1}};
  Value moved = std::move(map);
  Value assigned;
  assigned = std::move(moved);

  EXPECT_TRUE(map.is_null());    // NOLINT: the state after a move is promised
  EXPECT_TRUE(moved.is_null());  // NOLINT
  EXPECT_EQ(assigned.if_map()->size(), 1U);
}

TEST(Value, survives_assignment_of_a_part_of_itself) {
  Value value = Value::List{Value::List{1, 2}};

  value = Value{value.if_list()->front()};

  EXPECT_EQ(value, Value(Value::List{1, 2}));
}

TEST(Value, shows_what_it_holds_in_place) {
  EXPECT_EQ(*Value{"a"}.if_string(), "a");
  EXPECT_EQ(Value{std::vector<std::byte>(3)}.if_bytes()->size(), 3U);
  EXPECT_EQ(Value{Value::List{1}}.if_list()->size(), 1U);
  EXPECT_EQ(Value{1}.if_string(), nullptr);
  EXPECT_EQ(Value{1}.if_map(), nullptr);
}

TEST(Value, is_printed_for_people) {
  EXPECT_EQ(to_string(Value{}), "null");
  EXPECT_EQ(to_string(Value{true}), "true");
  EXPECT_EQ(to_string(Value{-3}), "-3");
  EXPECT_EQ(to_string(Value{UINT64_MAX}), "18446744073709551615");
  EXPECT_EQ(to_string(Value{0.1}), "0.1");
  EXPECT_EQ(to_string(Value{3.0}), "3.0");
  EXPECT_EQ(to_string(Value{-INFINITY}), "-inf");
  EXPECT_EQ(to_string(Value{"say \"hi\"\n\x01"}), R"("say \"hi\"\n\x01")");
  EXPECT_EQ(to_string(Value{std::vector<std::byte>(12)}), "bytes[12]");
  EXPECT_EQ(to_string(Value{std::vector<int>{1, 2}}), "[1, 2]");
  EXPECT_EQ(to_string(Value{std::map<std::string, int>{{"b", 1}, {"a", 2}}}), R"({"a": 2, "b": 1})");
  EXPECT_EQ(to_string(Value{FrameHandle{1, 2, 3, 4}}), "frame(pool=1, slot=2, generation=3, sequence=4)");
  EXPECT_EQ(to_string(Value{Box{}}), "prong::Box{...}");
  std::ostringstream stream;
  stream << Value{1};
  EXPECT_EQ(stream.str(), "1");
}

TEST(Value, is_shortened_when_printed) {
  EXPECT_EQ(to_string(Value{std::string(1000, 'x')}), '"' + std::string(100, 'x') + "...\"");
  EXPECT_TRUE(to_string(Value{std::vector<int>(1000)}).ends_with("0, ... 984 more]"));
  // A tree that is wide and deep.
  Value tree = 1;
  for (int i = 0; i < 4; ++i) tree = Value::List(20, tree);
  EXPECT_LT(to_string(tree).size(), 4000U);
}

TEST(Value, repeats_names_from_elsewhere_shortened_and_without_control_characters) {
  std::vector<std::byte> wire;
  encode(std::tuple{std::uint8_t{10}, "\x1b[2J" + std::string(1'000'000, 'x'), std::string{}}, wire);
  const Value value = decode<Value>(wire).value();

  EXPECT_LT(error_of<int>(value).message().size(), 400U);
  EXPECT_NE(error_of<int>(value).message().find("\\x1b[2J"), std::string::npos);
  EXPECT_LT(to_string(value).size(), 400U);
}

TEST(Value, round_trips_random_trees) {
  test::RandomValues random;
  for (int i = 0; i < 2000; ++i) {
    const Value value = random.value();
    std::vector<std::byte> bytes;
    encode(value, bytes);

    const Result<Value> back = decode<Value>(bytes);

    ASSERT_TRUE(back) << to_string(back.error());
    EXPECT_EQ(*back, value);
    EXPECT_FALSE(to_string(*back).empty());
  }
}

TEST(Value, refuses_bytes_that_no_value_has) {
  const auto decoded = [](std::initializer_list<int> numbers) {
    std::vector<std::byte> bytes;
    for (const int number : numbers) bytes.push_back(static_cast<std::byte>(number));
    return decode<Value>(bytes);
  };

  EXPECT_EQ(decoded({11}).error().code(), Errc::malformed);
  EXPECT_EQ(decoded({1, 2}).error().code(), Errc::malformed);
  // A number that fits an int64, written as an unsigned one.
  EXPECT_EQ(decoded({3, 1, 0, 0, 0, 0, 0, 0, 0}).error().code(), Errc::malformed);
  // A user type without a name.
  EXPECT_EQ(decoded({10, 0, 0, 0, 0, 0, 0, 0, 0}).error().code(), Errc::malformed);
  // A map with the key "a" twice.
  EXPECT_EQ(decoded({8, 2, 0, 0, 0, 1, 0, 0, 0, 'a', 0, 1, 0, 0, 0, 'a', 0}).error().code(), Errc::malformed);
}

TEST(Value, refuses_pointers_at_compile_time) {
  static_assert(!std::is_constructible_v<Value, int*> && !std::is_constructible_v<Value, std::unique_ptr<int>>);
  static_assert(!std::is_constructible_v<Value, void*> && !std::is_constructible_v<Value, long double>);
  static_assert(std::is_nothrow_move_constructible_v<Value> && std::is_nothrow_move_assignable_v<Value>);
}

}  // namespace
}  // namespace prong

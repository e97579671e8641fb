// What hostile bytes can do: nothing but be refused.
#include "prong/message/input_archive.hpp"

#include "allocation_count.hpp"
#include "prong/base/exception.hpp"
#include "prong/base/type_name.hpp"
#include "prong/message/codec.hpp"
#include "prong/message/message_object.hpp"
#include "unit/message/random_values.hpp"

#include <gtest/gtest.h>

#include <array>
#include <forward_list>
#include <type_traits>
#include <unordered_map>
#include <unordered_set>

namespace prong {
namespace {

template <class T>
std::vector<std::byte> encoded(const T& value) {
  std::vector<std::byte> bytes;
  encode(value, bytes);
  return bytes;
}

struct Large {
  std::array<std::uint64_t, 64> words{};
  template <class Archive>
  void serialize(Archive& archive) {
    std::uint8_t first = 0;
    archive(first);
  }
};

// Contains itself, so that bytes decide how deep it goes.
struct Tree {
  std::vector<Tree> children;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(children);
  }
};

Tree chain(int length) {
  Tree tree;
  for (int i = 1; i < length; ++i) {
    Tree parent;
    parent.children.push_back(std::move(tree));
    tree = std::move(parent);
  }
  return tree;
}

// Every type of the standard library that allocates, in one value.
using Everything = std::tuple<std::vector<std::string>, std::deque<int>, std::list<std::optional<int>>,
                              std::forward_list<char>, std::map<std::string, std::vector<double>>, std::set<int>,
                              std::unordered_map<int, std::string>, std::unordered_set<std::string>, std::vector<bool>,
                              std::variant<int, std::string>, Value, MessageObject>;

Everything everything() {
  return {{"a", std::string(40, 'b')},
          {1, 2},
          {1, std::nullopt},
          {'x'},
          {{"k", {1, 2}}},
          {1, 2, 3},
          {{1, "one"}},
          {"u"},
          {true, false},
          "text",
          Value::List{1, -1.5, "s", Value::Map{{"a", UINT64_MAX}}, Value::of(std::vector<int>{1})},
          {"command", {{"x", 1}, {"y", {}}, {"frame", FrameHandle{1, 2, 3, 4}}}}};
}

template <class T>
void expect_malformed(Bytes bytes, std::string_view why) {
  const Result<T> value = decode<T>(bytes);
  ASSERT_FALSE(value);
  EXPECT_EQ(value.error().code(), Errc::malformed);
  EXPECT_NE(value.error().message().find(why), std::string::npos) << value.error().message();
}

template <class T>
void expect_malformed(std::initializer_list<int> numbers, std::string_view why) {
  std::vector<std::byte> bytes;
  for (const int number : numbers) bytes.push_back(static_cast<std::byte>(number));
  expect_malformed<T>(bytes, why);
}

TEST(InputArchive, refuses_a_message_cut_off_at_any_byte) {
  const auto bytes = encoded(everything());
  ASSERT_TRUE(decode<Everything>(bytes));

  for (std::size_t size = 0; size < bytes.size(); ++size) {
    // A heap block of exactly this size: the address sanitizer sees a read beyond it.
    const std::vector<std::byte> cut(bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(size));
    const auto value = decode<Everything>(cut);
    ASSERT_FALSE(value) << size;
    EXPECT_EQ(value.error().code(), Errc::malformed);
  }
}

TEST(InputArchive, says_what_is_wrong_and_where) {
  expect_malformed<std::uint32_t>({1, 2}, "4 bytes are wanted and 2 are left, at byte 0 of 2");
  expect_malformed<std::string>({9, 0, 0, 0, 'x'}, "9 elements are announced and 1 bytes are left, at byte 4 of 5");
}

TEST(InputArchive, refuses_bytes_left_over) {
  auto bytes = encoded(everything());
  bytes.push_back(std::byte{0});

  expect_malformed<Everything>(bytes, "1 bytes are left over");
  expect_malformed<std::tuple<>>({0}, "left over");
}

TEST(InputArchive, refuses_truth_values_that_are_neither) {
  enum class Switch : bool { off, on };

  expect_malformed<bool>({2}, "a truth value is neither 0 nor 1");
  expect_malformed<bool>({255}, "a truth value");
  expect_malformed<Switch>({2}, "a truth value");
  expect_malformed<std::vector<bool>>({1, 0, 0, 0, 3}, "a truth value");
  expect_malformed<std::array<bool, 2>>({1, 4}, "a truth value");
  expect_malformed<std::optional<int>>({2, 0, 0, 0, 0}, "a truth value");
}

TEST(InputArchive, refuses_alternatives_and_keys_that_cannot_be) {
  using Either = std::variant<std::uint8_t, bool>;

  expect_malformed<Either>({2, 0}, "no such alternative");
  expect_malformed<std::set<std::uint8_t>>({2, 0, 0, 0, 5, 5}, "a key occurs twice");
  expect_malformed<std::map<bool, bool>>({2, 0, 0, 0, 1, 0, 1, 1}, "a key occurs twice");
  expect_malformed<std::unordered_set<std::uint8_t>>({2, 0, 0, 0, 5, 5}, "a key occurs twice");
}

TEST(InputArchive, reports_what_a_load_function_throws) {
  struct Positive {
    int value = 1;
    void save(OutputArchive& archive) const { archive(value); }
    void load(InputArchive& archive) {
      archive(value);
      if (value <= 0) throw std::invalid_argument{"not positive"};
    }
  };
  struct Own {
    void save(OutputArchive& /*archive*/) const {}
    void load(InputArchive& archive) { archive.fail("a checksum is wrong"); }
  };

  EXPECT_EQ(decode<Positive>(encoded(3)).value().value, 3);
  expect_malformed<Positive>(encoded(0), "not positive");
  expect_malformed<Own>({}, "a checksum is wrong, at byte 0 of 0");
}

// ---- Nesting.

TEST(InputArchive, refuses_nesting_beyond_the_limit) {
  // A Tree and its vector are one level each.
  const auto deepest = encoded(chain(max_nesting / 2));
  EXPECT_TRUE(decode<Tree>(deepest));

  std::vector<std::byte> deeper;
  for (unsigned i = 0; i < 100'000; ++i) deeper.insert(deeper.end(), {std::byte{1}, {}, {}, {}});
  deeper.insert(deeper.end(), 4, std::byte{0});
  expect_malformed<Tree>(deeper, "nested too deep");
}

TEST(OutputArchive, refuses_nesting_beyond_the_limit) {
  std::vector<std::byte> out;

  EXPECT_NO_THROW(encode(chain(max_nesting / 2), out));
  try {
    encode(chain(max_nesting / 2 + 1), out);
    FAIL() << "encoded";
  } catch (const Exception& exception) {
    EXPECT_EQ(exception.code(), Errc::invalid_argument);
  }
}

TEST(InputArchive, refuses_values_nested_beyond_the_limit) {
  std::vector<std::byte> bytes;
  for (int i = 0; i < 100'000; ++i) {
    const int list_of_one[] = {7, 1, 0, 0, 0};
    for (const int number : list_of_one) bytes.push_back(static_cast<std::byte>(number));
  }
  bytes.push_back(std::byte{0});

  expect_malformed<Value>(bytes, "nested too deep");
}

// ---- Memory.

template <class... T>
struct Types {};
using AllocatingTypes =
    Types<std::string, std::u32string, std::vector<std::uint64_t>, std::vector<bool>, std::vector<Large>,
          std::vector<std::string>, std::vector<std::vector<std::vector<int>>>, std::deque<char>, std::deque<Large>,
          std::vector<std::deque<int>>, std::list<char>, std::list<Large>, std::forward_list<char>,
          std::set<std::uint8_t>, std::set<std::string>, std::multiset<std::uint8_t>, std::map<std::uint8_t, Large>,
          std::multimap<std::uint16_t, std::list<char>>, std::unordered_set<std::uint32_t>,
          std::unordered_map<std::string, Large>, std::vector<std::optional<Large>>,
          std::vector<std::variant<bool, Large>>, std::vector<Tree>, Value, MessageObject, Everything>;

// Decodes, and checks that no more was allocated in all than the promise allows.
template <class T>
bool decodes_within_bound(Bytes bytes) {
  bool decoded = false;
  std::size_t allocated = 0;
  {
    const test::AllocationCount count;
    const Result<T> value = decode<T>(bytes);
    decoded = static_cast<bool>(value);
    allocated = count.bytes();
  }
  EXPECT_LE(allocated, 4 * bytes.size() + 64 * 1024) << "for " << bytes.size() << " bytes";
  return decoded;
}

template <class... T>
void decode_as_each(Types<T...> /*types*/, Bytes bytes) {
  const auto decode_as = [bytes]<class One>(std::type_identity<One> /*type*/) {
    SCOPED_TRACE(type_name(typeid(One)));
    decodes_within_bound<One>(bytes);
  };
  (decode_as(std::type_identity<T>{}), ...);
}

TEST(InputArchive, bounds_memory_whatever_the_bytes_announce) {
  for (const std::size_t size : {4, 5, 64, 1000, 20'000, 200'000}) {
    for (const int filling : {0, 1, 2, 7, 8, 10, 255}) {
      // Small numbers as counts, in every place; then one count that announces all there can be.
      std::vector<std::byte> bytes(size, std::byte{0});
      for (std::size_t i = 0; i < size; i += 4) bytes[i] = static_cast<std::byte>(filling);
      decode_as_each(AllocatingTypes{}, bytes);
      const auto announced = static_cast<std::uint32_t>(size - 4);
      std::memcpy(bytes.data(), &announced, sizeof announced);
      decode_as_each(AllocatingTypes{}, bytes);
      std::fill(bytes.begin() + 4, bytes.end(), static_cast<std::byte>(filling));
      decode_as_each(AllocatingTypes{}, bytes);
    }
  }
}

TEST(InputArchive, bounds_memory_for_random_bytes) {
  test::RandomValues random;
  for (int i = 0; i < 2000; ++i) {
    std::vector<std::byte> bytes(random.below(200));
    // Few different bytes, most of them small, make counts that are plausible.
    for (auto& byte : bytes) byte = static_cast<std::byte>(random.below(4) != 0 ? 0 : random.below(12));
    decode_as_each(AllocatingTypes{}, bytes);
  }
}

TEST(InputArchive, bounds_memory_for_an_argument_with_a_huge_name_given_twice) {
  const std::string key(100'000, 'x');
  const auto bytes = encoded(std::tuple{std::string{"go"}, std::uint32_t{2}, key, Value{}, key, Value{}});

  EXPECT_FALSE(decodes_within_bound<MessageObject>(bytes));
}

template <class T>
void expect_true_message_within_bound(const T& value) {
  const auto bytes = encoded(value);
  EXPECT_TRUE(decodes_within_bound<T>(bytes)) << bytes.size();
}

TEST(OutputArchive, pads_messages_whose_values_take_more_memory_than_bytes) {
  constexpr std::size_t many = 20'000;
  std::map<std::uint32_t, std::uint8_t> map;
  for (std::uint32_t i = 0; i < many; ++i) map.emplace(i, std::uint8_t{1});
  std::unordered_set<std::uint32_t> set;
  for (std::uint32_t i = 0; i < many; ++i) set.insert(i);

  expect_true_message_within_bound(std::string(many, 'x'));
  expect_true_message_within_bound(std::vector<std::string>(many));
  expect_true_message_within_bound(std::vector<std::string>(many, std::string(16, 'x')));
  expect_true_message_within_bound(std::vector<std::string>(many, std::string(30, 'x')));
  expect_true_message_within_bound(std::vector<Large>(many));
  expect_true_message_within_bound(std::vector<bool>(many));
  expect_true_message_within_bound(std::vector<std::vector<bool>>(many, {true}));
  expect_true_message_within_bound(std::vector<std::vector<std::uint8_t>>(many, {1}));
  expect_true_message_within_bound(std::deque<char>(many));
  expect_true_message_within_bound(std::deque<Large>(many));
  expect_true_message_within_bound(std::vector<std::deque<int>>(1000));
  expect_true_message_within_bound(std::list<char>(many));
  expect_true_message_within_bound(std::forward_list<char>(many));
  expect_true_message_within_bound(map);
  expect_true_message_within_bound(set);
  expect_true_message_within_bound(std::vector<std::unordered_set<std::uint32_t>>(1000, {1}));
  expect_true_message_within_bound(Value{Value::List(many)});
  expect_true_message_within_bound(Value{std::vector<Value>(many, Value::Map{})});
  expect_true_message_within_bound(Value{std::vector<Value>(many, Value::Map{{"a", 1}})});
  expect_true_message_within_bound(Value{std::vector<Value>(many, Value::of(1))});
}

TEST(OutputArchive, pads_only_beyond_the_allowance) {
  // 1,000 empty strings take 32,000 bytes of memory, which any message may ask for.
  EXPECT_EQ(encoded(std::vector<std::string>(1000)).size(), 4U + 4000);
  EXPECT_GT(encoded(std::vector<std::string>(100'000)).size(), 4U + 400'000);
}

TEST(InputArchive, refuses_padding_that_is_not_zero_or_not_there) {
  auto bytes = encoded(std::vector<std::string>(100'000));
  bytes.back() = std::byte{1};
  expect_malformed<std::vector<std::string>>(bytes, "the padding is not zero");
  bytes.pop_back();
  expect_malformed<std::vector<std::string>>(bytes, "");
  bytes.resize(bytes.size() + 2);
  bytes[bytes.size() - 2] = std::byte{0};
  expect_malformed<std::vector<std::string>>(bytes, "are left over");
}

TEST(InputArchive, allocates_nothing_for_numbers) {
  const auto bytes = encoded(std::tuple{1, 2.0, FrameHandle{1, 2, 3, 4}, std::array<int, 8>{}});

  const test::AllocationCount count;
  const auto value = decode<std::tuple<int, double, FrameHandle, std::array<int, 8>>>(bytes);

  EXPECT_EQ(count.calls(), 0U);
  EXPECT_TRUE(value);
}

TEST(OutputArchive, allocates_nothing_where_there_is_room) {
  std::vector<std::byte> out;
  out.reserve(4096);
  const std::vector<double> numbers(8);

  const test::AllocationCount count;
  encode(std::tuple{1, 2.0, FrameHandle{1, 2, 3, 4}}, out);
  encode(numbers, out);

  EXPECT_EQ(count.calls(), 0U);
}

TEST(InputArchive, survives_random_changes_of_a_true_message) {
  test::RandomValues random;
  const auto good = encoded(everything());
  int refused = 0;
  for (int i = 0; i < 20'000; ++i) {
    auto bytes = good;
    for (std::size_t changes = 1 + random.below(3); changes > 0; --changes)
      bytes[random.below(bytes.size())] = static_cast<std::byte>(random.below(256));
    const auto value = decode<Everything>(bytes);
    if (!value) {
      ++refused;
      continue;
    }
    // What was accepted is a value like any other: it survives its own round trip.
    const auto again = encoded(*value);
    ASSERT_TRUE(decode<Everything>(again));
    EXPECT_EQ(encoded(decode<Everything>(again).value()), again);
  }
  EXPECT_GT(refused, 0);
}

}  // namespace
}  // namespace prong

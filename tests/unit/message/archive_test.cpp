#include "prong/message/archive.hpp"

#include "prong/base/event_index.hpp"
#include "prong/base/exception.hpp"
#include "prong/message/codec.hpp"
#include "prong/message/frame_handle.hpp"
#include "unit/message/random_values.hpp"

#include <gtest/gtest.h>
#include <boost/container/flat_map.hpp>
#include <boost/container/vector.hpp>
#include <cereal/access.hpp>
#include <cereal/archives/binary.hpp>
#include <cereal/types/complex.hpp>
#include <cereal/types/memory.hpp>
#include <cereal/types/queue.hpp>
#include <cereal/types/string.hpp>
#include <cereal/types/vector.hpp>

#include <array>
#include <bit>
#include <chrono>
#include <forward_list>
#include <memory_resource>
#include <sstream>
#include <stdexcept>
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

std::vector<std::byte> bytes_of(std::initializer_list<int> numbers) {
  std::vector<std::byte> bytes;
  for (const int number : numbers) bytes.push_back(static_cast<std::byte>(number));
  return bytes;
}

template <class T>
void expect_round_trip(const T& value) {
  const auto bytes = encoded(value);

  const Result<T> back = decode<T>(bytes);

  ASSERT_TRUE(back) << to_string(back.error());
  EXPECT_EQ(*back, value);
  EXPECT_EQ(encoded(*back), bytes);
}

// ---- The bytes.

TEST(OutputArchive, writes_numbers_as_a_little_endian_machine_holds_them) {
  EXPECT_EQ(encoded(std::uint32_t{0x01020304}), bytes_of({4, 3, 2, 1}));
  EXPECT_EQ(encoded(std::int16_t{-2}), bytes_of({0xfe, 0xff}));
  EXPECT_EQ(encoded(1.0), bytes_of({0, 0, 0, 0, 0, 0, 0xf0, 0x3f}));
  EXPECT_EQ(encoded(true), bytes_of({1}));
}

TEST(OutputArchive, writes_a_count_of_four_bytes_before_elements) {
  EXPECT_EQ(encoded(std::string{"ab"}), bytes_of({2, 0, 0, 0, 'a', 'b'}));
  EXPECT_EQ(encoded(std::vector<std::uint16_t>{1, 2}), bytes_of({2, 0, 0, 0, 1, 0, 2, 0}));
  EXPECT_EQ(encoded(std::vector<bool>{true, false}), bytes_of({2, 0, 0, 0, 1, 0}));
  EXPECT_EQ(encoded(std::map<std::uint8_t, bool>{{7, true}}), bytes_of({1, 0, 0, 0, 7, 1}));
}

TEST(OutputArchive, writes_one_byte_before_optionals_and_variants_and_none_before_tuples) {
  using Either = std::variant<std::uint8_t, std::string>;

  EXPECT_EQ(encoded(std::optional<std::uint8_t>{}), bytes_of({0}));
  EXPECT_EQ(encoded(std::optional<std::uint8_t>{5}), bytes_of({1, 5}));
  EXPECT_EQ(encoded(Either{std::uint8_t{5}}), bytes_of({0, 5}));
  EXPECT_EQ(encoded(Either{std::string{"x"}}), bytes_of({1, 1, 0, 0, 0, 'x'}));
  EXPECT_EQ(encoded(std::tuple{std::uint8_t{1}, true}), bytes_of({1, 1}));
  EXPECT_EQ(encoded(std::array<std::uint8_t, 2>{8, 9}), bytes_of({8, 9}));
  EXPECT_EQ(encoded(std::tuple<>{}), bytes_of({}));
}

TEST(OutputArchive, writes_behind_what_the_vector_holds) {
  std::vector<std::byte> out = bytes_of({9, 9});

  encode(std::uint8_t{1}, out);
  encode(std::string(300, 'x'), out);
  encode(std::uint8_t{2}, out);

  ASSERT_EQ(out.size(), 2U + 1 + 4 + 300 + 1);
  EXPECT_EQ(out[1], std::byte{9});
  EXPECT_EQ(out[2], std::byte{1});
  EXPECT_EQ(out.back(), std::byte{2});
}

TEST(OutputArchive, takes_everything_back_when_a_save_function_throws) {
  struct Thrower {
    void save(OutputArchive& archive) const {
      archive(std::string(10000, 'x'));
      throw std::runtime_error{"no"};
    }
    void load(InputArchive& /*archive*/) {}
  };
  std::vector<std::byte> out = bytes_of({9});

  EXPECT_THROW(encode(Thrower{}, out), std::runtime_error);

  EXPECT_EQ(out, bytes_of({9}));
}

TEST(OutputArchive, copies_blocks_of_any_size_whole) {
  for (const std::size_t size : {0, 1, 63, 64, 65, 4095, 4096, 4097, 100000}) {
    SCOPED_TRACE(size);
    std::vector<std::uint8_t> block(size);
    for (std::size_t i = 0; i < size; ++i) block[i] = static_cast<std::uint8_t>(i * 7);
    expect_round_trip(std::tuple{std::uint8_t{3}, block, std::uint8_t{4}, block});
  }
}

// ---- Standard types.

enum class Colour : std::uint8_t { red, green };
enum class Switch : bool { off, on };
enum Old : int { old_zero, old_one };

TEST(Archives, carry_the_standard_types) {
  using namespace std::chrono_literals;
  expect_round_trip(std::int8_t{-128});
  expect_round_trip(UINT64_MAX);
  expect_round_trip(-0.0f);
  expect_round_trip('x');
  expect_round_trip(Colour::green);
  expect_round_trip(Switch::on);
  expect_round_trip(old_one);
  expect_round_trip(std::byte{7});
  expect_round_trip(EventIndex{12345});
  expect_round_trip(std::string{"text with \0 inside", 18});
  expect_round_trip(std::u16string{u"wide"});
  expect_round_trip(std::pair<int, std::string>{1, "one"});
  expect_round_trip(std::array<std::string, 2>{"a", "b"});
  expect_round_trip(std::array<std::array<int, 2>, 2>{{{1, 2}, {3, 4}}});
  expect_round_trip(std::array<int, 0>{});
  expect_round_trip(std::vector<Colour>{Colour::green, Colour::red});
  expect_round_trip(std::vector<std::string>{"", "a", std::string(100, 'b')});
  expect_round_trip(std::vector<std::vector<double>>{{}, {1, 2}, {3}});
  expect_round_trip(std::vector<bool>{true, false, true});
  expect_round_trip(std::deque<std::string>{"a", "b"});
  expect_round_trip(std::deque<int>{1, 2});
  expect_round_trip(std::list<int>{1, 2});
  expect_round_trip(std::forward_list<int>{1, 2, 3});
  expect_round_trip(std::set<std::string>{"a", "b"});
  expect_round_trip(std::multiset<int>{1, 1, 2});
  expect_round_trip(std::unordered_set<std::string>{"a"});
  expect_round_trip(std::map<std::string, std::vector<int>>{{"a", {1}}, {"b", {}}});
  expect_round_trip(std::multimap<int, int>{{1, 1}, {1, 2}});
  expect_round_trip(std::unordered_map<int, std::string>{{1, "a"}});
  expect_round_trip(std::optional<std::optional<int>>{std::optional<int>{}});
  expect_round_trip(std::variant<std::monostate, int, std::string>{"x"});
  expect_round_trip(std::chrono::nanoseconds{-5});
  expect_round_trip(std::chrono::duration<double>{0.5});
  expect_round_trip(std::chrono::steady_clock::time_point{7s});
  expect_round_trip(FrameHandle{1, 2, 3, 4});
}

TEST(Archives, carry_containers_of_other_libraries_and_allocators) {
  expect_round_trip(boost::container::vector<int>{1, 2, 3});
  expect_round_trip(boost::container::flat_map<std::string, int>{{"a", 1}, {"b", 2}});
  expect_round_trip(std::pmr::vector<std::pmr::string>{"a", "b"});
}

struct Grid {
  int cells[2][3] = {};
  char name[4] = {};
  std::string words[2];
  template <class Archive>
  void serialize(Archive& archive) {
    archive(cells, name, words);
  }
};

TEST(Archives, carry_arrays_inside_of_types) {
  const Grid grid{{{1, 2, 3}, {4, 5, 6}}, {'a', 'b', 'c', 0}, {"x", "y"}};

  const Grid back = decode<Grid>(encoded(grid)).value();

  EXPECT_EQ(back.cells[1][2], 6);
  EXPECT_STREQ(back.name, "abc");
  EXPECT_EQ(back.words[1], "y");
}

TEST(Archives, keep_every_bit_of_a_double) {
  for (const std::uint64_t bits : {0x7ff0000000000000ULL, 0xfff0000000000000ULL, 0x7ff8000000000123ULL, 1ULL,
                                   0x8000000000000000ULL, 0x7fefffffffffffffULL}) {
    const auto number = std::bit_cast<double>(bits);
    EXPECT_EQ(std::bit_cast<std::uint64_t>(decode<double>(encoded(number)).value()), bits);
  }
}

TEST(Archives, round_trip_random_values_of_nested_types) {
  test::RandomValues random;
  using Row = std::tuple<std::int32_t, std::optional<std::string>, std::variant<double, std::vector<std::uint16_t>>>;
  for (int i = 0; i < 300; ++i) {
    expect_round_trip(random.made<std::vector<Row>>());
    expect_round_trip(random.made<std::map<std::string, std::list<std::deque<Row>>>>());
    expect_round_trip(random.made<std::set<std::vector<std::optional<bool>>>>());
  }
}

// ---- What Cereal's users write.

struct Member {
  int a = 0;
  std::string b;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(a, CEREAL_NVP(b));
  }
  friend bool operator==(const Member&, const Member&) = default;
};

class Private {
 public:
  Private() = default;
  explicit Private(int a) : a_{a} {}
  friend bool operator==(const Private&, const Private&) = default;

 private:
  friend class cereal::access;
  template <class Archive>
  void serialize(Archive& archive) {
    archive& a_;
  }
  int a_ = 0;
};

struct Split {
  int a = 0;
  template <class Archive>
  void save(Archive& archive) const {
    archive << a;
  }
  template <class Archive>
  void load(Archive& archive) {
    archive >> a;
  }
  friend bool operator==(const Split&, const Split&) = default;
};

struct Minimal {
  int a = 0;
  template <class Archive>
  std::string save_minimal(const Archive& /*archive*/) const {
    return std::to_string(a);
  }
  template <class Archive>
  void load_minimal(const Archive& /*archive*/, const std::string& text) {
    a = std::stoi(text);
  }
  friend bool operator==(const Minimal&, const Minimal&) = default;
};

struct Free {
  int a = 0;
  friend bool operator==(const Free&, const Free&) = default;
};
template <class Archive>
void serialize(Archive& archive, Free& free) {
  archive(free.a);
}

struct FreeSplit {
  int a = 0;
  friend bool operator==(const FreeSplit&, const FreeSplit&) = default;
};
template <class Archive>
void save(Archive& archive, const FreeSplit& value) {
  archive(value.a);
}
template <class Archive>
void load(Archive& archive, FreeSplit& value) {
  archive(value.a);
}

struct FreeMinimal {
  int a = 0;
  friend bool operator==(const FreeMinimal&, const FreeMinimal&) = default;
};
template <class Archive>
int save_minimal(const Archive& /*archive*/, const FreeMinimal& value) {
  return value.a;
}
template <class Archive>
void load_minimal(const Archive& /*archive*/, FreeMinimal& value, const int& a) {
  value.a = a;
}

struct Versioned {
  int a = 0;
  std::uint32_t loaded_version = 0;
  template <class Archive>
  void serialize(Archive& archive, std::uint32_t version) {
    archive(a);
    if (Archive::is_loading::value) loaded_version = version;
  }
};

struct Derived : Member {
  double c = 0;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(cereal::base_class<Member>(this), c);
  }
  friend bool operator==(const Derived&, const Derived&) = default;
};

// Inherits `serialize` and has `save` and `load`: chosen below.
struct Chosen : Member {
  template <class Archive>
  void save(Archive& archive) const {
    archive(a);
  }
  template <class Archive>
  void load(Archive& archive) {
    archive(a);
  }
};

// Looks like a container, but says itself how it travels.
struct Path : std::vector<int> {
  std::string name;
  using std::vector<int>::vector;
};
template <class Archive>
void serialize(Archive& archive, Path& path) {
  archive(path.name);
}

struct Empty {
  friend bool operator==(const Empty&, const Empty&) = default;
};

}  // namespace
}  // namespace prong

CEREAL_CLASS_VERSION(prong::Versioned, 7)
CEREAL_SPECIALIZE_FOR_ALL_ARCHIVES(prong::Chosen, cereal::specialization::member_load_save)

namespace prong {
namespace {

TEST(Archives, carry_types_with_each_of_cereals_functions) {
  expect_round_trip(Member{1, "b"});
  expect_round_trip(Private{2});
  expect_round_trip(Split{3});
  expect_round_trip(Minimal{-4});
  expect_round_trip(Free{5});
  expect_round_trip(FreeSplit{6});
  expect_round_trip(FreeMinimal{7});
  expect_round_trip(Derived{{1, "b"}, 2.5});
  expect_round_trip(Empty{});
  expect_round_trip(std::map<std::string, std::vector<Member>>{{"x", {{1, "a"}, {2, "b"}}}});
}

TEST(Archives, carry_the_version_of_a_type_that_has_one) {
  const Versioned back = decode<Versioned>(encoded(Versioned{1, 0})).value();

  EXPECT_EQ(back.a, 1);
  EXPECT_EQ(back.loaded_version, 7U);
}

TEST(Archives, follow_cereals_choice_between_several_functions) {
  EXPECT_EQ(encoded(Chosen{{1, "not written"}}).size(), sizeof(int));
}

TEST(Archives, prefer_a_types_own_functions_to_its_looks) {
  Path path{1, 2, 3};
  path.name = "p";

  EXPECT_EQ(encoded(path), encoded(std::string{"p"}));
}

TEST(Archives, use_the_functions_that_cereal_has_for_its_types) {
  expect_round_trip(std::complex<double>{1, 2});
  std::queue<int> queue;
  queue.push(1);
  expect_round_trip(queue);
}

TEST(Archives, share_users_functions_with_cereals_own_archives) {
  std::stringstream stream;
  cereal::BinaryOutputArchive{stream}(Member{1, "b"});
  Member back;
  cereal::BinaryInputArchive{stream}(back);

  EXPECT_EQ(back, (Member{1, "b"}));
  EXPECT_EQ(decode<Member>(encoded(back)).value(), back);
}

TEST(Serializable, tells_what_travels) {
  enum Bare { bare };
  struct Mute {
    int a;
  };
  static_assert(Serializable<int> && Serializable<Member> && Serializable<FrameHandle> && Serializable<Colour>);
  static_assert(Serializable<std::vector<int>> && Serializable<std::tuple<int, Member>> && Serializable<FreeMinimal>);
  static_assert(!Serializable<int*> && !Serializable<std::unique_ptr<int>> && !Serializable<std::shared_ptr<Member>>);
  static_assert(!Serializable<std::weak_ptr<int>> && !Serializable<std::string_view> && !Serializable<Bytes>);
  static_assert(!Serializable<long double> && !Serializable<Bare> && !Serializable<Mute>);
}

TEST(OutputArchive, refuses_elements_that_hold_nothing) {
  std::vector<std::byte> out;

  EXPECT_THROW(encode(std::vector<Empty>(3), out), Exception);
  EXPECT_TRUE(out.empty());
}

}  // namespace
}  // namespace prong

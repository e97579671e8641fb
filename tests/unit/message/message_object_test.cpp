#include "prong/message/message_object.hpp"

#include "prong/base/exception.hpp"
#include "unit/message/random_values.hpp"

#include <gtest/gtest.h>

#include <sstream>

namespace prong {
namespace {

MessageObject received(MessageObject message) {
  return message;
}

template <class Read>
Error thrown_by(Read&& read) {
  try {
    static_cast<void>(read());
  } catch (const Exception& exception) {
    return exception.error();
  }
  ADD_FAILURE() << "nothing was thrown";
  return {};
}

TEST(MessageObject, is_written_in_braces_as_an_argument) {
  const double value = 0.5;

  EXPECT_EQ(received({"stop"})(), "stop");
  EXPECT_EQ(received("stop")(), "stop");
  EXPECT_EQ(received({"set_threshold", {{"value", value}}})["value"].as<double>(), 0.5);
  EXPECT_EQ(received({"set", {{"a", "b"}}})["a"].as<std::string>(), "b");
  EXPECT_EQ(received({"set", {{"a", "b"}, {"c", "d"}}})["c"].as<std::string>(), "d");
  EXPECT_TRUE(received({"set", {{"a", {}}}})["a"].value().is_null());
  EXPECT_EQ(received({"set", {{"list", std::vector<int>{1, 2}}}})["list"].as<std::vector<int>>().size(), 2U);
  EXPECT_EQ(received({std::string{"computed"}, {}})(), "computed");
}

TEST(MessageObject, gives_its_command_and_arguments) {
  const MessageObject msg{"cmd", {{"par1", 7}, {"par2", "two"}}};

  EXPECT_EQ(msg(), "cmd");
  EXPECT_EQ(msg["par1"].as<int>(), 7);
  EXPECT_EQ(msg["par2"].get<std::string>().value(), "two");
  EXPECT_EQ(msg.size(), 2U);
  EXPECT_TRUE(msg.contains("par1"));
  EXPECT_FALSE(msg.contains("par"));
  EXPECT_TRUE(msg["par1"].exists());
  EXPECT_EQ(*msg.find("par1"), Value{7});
  EXPECT_EQ(msg.find("x"), nullptr);
}

TEST(MessageObject, is_walked_through_in_the_order_given) {
  const MessageObject msg{"cmd", {{"z", 1}, {"a", 2}, {"m", 3}}};
  std::string keys;
  int sum = 0;

  for (const auto& [key, value] : msg) {
    keys += key;
    sum += value.as<int>();
  }

  EXPECT_EQ(keys, "zam");
  EXPECT_EQ(sum, 6);
}

TEST(MessageObject, names_the_key_that_is_missing_and_those_that_are_there) {
  const MessageObject msg{"cmd", {{"a", 1}, {"b", 2}}};

  const Error error = thrown_by([&] { return msg["par1"].as<int>(); });

  EXPECT_EQ(error.code(), Errc::missing_key);
  EXPECT_EQ(error.message(), "'cmd' has no argument 'par1', only 'a', 'b'");
  EXPECT_EQ(msg["par1"].get<int>().error().code(), Errc::missing_key);
  EXPECT_EQ(thrown_by([&] { return msg["par1"].value(); }).code(), Errc::missing_key);
  EXPECT_EQ(MessageObject{"stop"}["x"].get<int>().error().message(), "'stop' has no argument 'x'");
}

TEST(MessageObject, names_the_key_whose_type_or_range_is_wrong) {
  const MessageObject msg{"cmd", {{"text", "x"}, {"big", 300}}};

  const Error type = thrown_by([&] { return msg["text"].as<int>(); });
  const Error range = thrown_by([&] { return msg["big"].as<std::uint8_t>(); });

  EXPECT_EQ(type.code(), Errc::wrong_type);
  EXPECT_EQ(type.message(), "argument 'text' of 'cmd': int is wanted and string is found");
  EXPECT_EQ(range.code(), Errc::out_of_range);
  EXPECT_EQ(range.message(), "argument 'big' of 'cmd': 300 does not fit a uint8");
}

TEST(MessageObject, takes_another_value_only_for_a_missing_argument) {
  const MessageObject msg{"cmd", {{"n", 3}}};

  EXPECT_EQ(msg["n"].value_or(5), 3);
  EXPECT_EQ(msg["m"].value_or(5), 5);
  EXPECT_EQ(msg["m"].value_or("none"), "none");
  EXPECT_EQ(thrown_by([&] { return msg["n"].value_or("none"); }).code(), Errc::wrong_type);
}

TEST(MessageObject, sets_an_argument_in_its_place_or_behind_the_others) {
  MessageObject msg{"cmd", {{"a", 1}, {"b", 2}}};

  msg.set("a", "new").set("c", 3);

  EXPECT_EQ(to_string(msg), R"(cmd(a="new", b=2, c=3))");
}

TEST(MessageObject, refuses_an_argument_given_twice) {
  EXPECT_EQ(thrown_by([] {
              return MessageObject{"cmd", {{"a", 1}, {"b", 2}, {"a", 3}}};
            }).message(),
            "'cmd' is given the argument 'a' twice");
}

TEST(MessageObject, is_printed_for_people) {
  EXPECT_EQ(to_string(MessageObject{"set_threshold", {{"value", 0.5}, {"n", 3}}}), "set_threshold(value=0.5, n=3)");
  EXPECT_EQ(to_string(MessageObject{"stop"}), "stop()");
  std::ostringstream stream;
  stream << MessageObject{"stop"};
  EXPECT_EQ(stream.str(), "stop()");
}

TEST(MessageObject, repeats_names_from_elsewhere_shortened_and_without_control_characters) {
  const std::string hostile = "\x1b[2J" + std::string(100'000, 'x');
  MessageObject msg{hostile};
  for (int i = 0; i < 30; ++i) msg.set(hostile + std::to_string(i), "text");

  const Error missing = msg[hostile].get<int>().error();
  const Error wrong = msg[hostile + "7"].get<int>().error();

  for (const std::string& text : {missing.message(), wrong.message(), to_string(msg)}) {
    EXPECT_LT(text.size(), 4000U);
    EXPECT_EQ(text.find('\x1b'), std::string::npos);
    EXPECT_NE(text.find("\\x1b[2J"), std::string::npos);
  }
}

TEST(MessageObject, is_equal_by_command_and_arguments_in_order) {
  const MessageObject msg{"cmd", {{"a", 1}, {"b", 2}}};

  EXPECT_EQ(msg, (MessageObject{"cmd", {{"a", 1}, {"b", 2}}}));
  EXPECT_NE(msg, (MessageObject{"cmd", {{"b", 2}, {"a", 1}}}));
  EXPECT_NE(msg, (MessageObject{"cmd", {{"a", 1}}}));
  EXPECT_NE(msg, (MessageObject{"other", {{"a", 1}, {"b", 2}}}));
}

TEST(MessageObject, crosses_the_wire) {
  test::RandomValues random;
  for (int i = 0; i < 500; ++i) {
    MessageObject message{random.made<std::string>()};
    for (std::size_t n = random.below(40); n > 0; --n) message.set(random.made<std::string>(), random.value(2));
    std::vector<std::byte> bytes;
    encode(message, bytes);

    const Result<MessageObject> back = decode<MessageObject>(bytes);

    ASSERT_TRUE(back) << to_string(back.error());
    EXPECT_EQ(*back, message);
  }
}

TEST(MessageObject, has_the_bytes_that_the_format_says) {
  std::vector<std::byte> bytes;

  encode(MessageObject{"go", {{"x", true}}}, bytes);

  const int expected_numbers[] = {2, 0, 0, 0, 'g', 'o', 1, 0, 0, 0, 1, 0, 0, 0, 'x', 1, 1};
  std::vector<std::byte> expected;
  for (const int number : expected_numbers) expected.push_back(static_cast<std::byte>(number));
  EXPECT_EQ(bytes, expected);
}

TEST(MessageObject, refuses_bytes_with_an_argument_twice) {
  std::vector<std::byte> bytes;
  encode(MessageObject{"go", {{"x", true}, {"y", true}}}, bytes);
  for (auto& byte : bytes)
    if (byte == std::byte{'y'}) byte = std::byte{'x'};

  const auto message = decode<MessageObject>(bytes);

  ASSERT_FALSE(message);
  EXPECT_EQ(message.error().code(), Errc::malformed);
  EXPECT_NE(message.error().message().find("'x' occurs twice"), std::string::npos);
}

TEST(MessageObject, refuses_an_argument_twice_among_many) {
  std::vector<std::byte> bytes;
  MessageObject message{"go"};
  for (char key = 'a'; key <= 'z'; ++key) message.set(std::string{key}, true);
  encode(message, bytes);
  ASSERT_TRUE(decode<MessageObject>(bytes));
  for (auto& byte : bytes)
    if (byte == std::byte{'y'}) byte = std::byte{'c'};

  EXPECT_EQ(decode<MessageObject>(bytes).error().code(), Errc::malformed);
}

TEST(MessageObject, travels_as_a_value_inside_another) {
  const MessageObject inner{"inner", {{"x", 1}}};

  const MessageObject outer{"outer", {{"message", inner}}};

  EXPECT_EQ(outer["message"].as<MessageObject>(), inner);
}

}  // namespace
}  // namespace prong

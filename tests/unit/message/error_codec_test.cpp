#include "prong/message/error_codec.hpp"

#include "prong/base/exception.hpp"

#include <gtest/gtest.h>

#include <cerrno>
#include <csignal>

namespace prong {
namespace {

std::vector<std::byte> encoded(const Error& error) {
  std::vector<std::byte> bytes;
  encode_error(error, bytes);
  return bytes;
}

Error carried(const Error& error) {
  return decode_error(encoded(error));
}

TEST(ErrorCodec, carries_code_and_message) {
  const Error error = carried(Error{Errc::unknown_command, "no command 'x'"});

  EXPECT_EQ(error, (Error{Errc::unknown_command, "no command 'x'"}));
  EXPECT_EQ(error.system_error(), 0);
  EXPECT_EQ(error.death(), nullptr);
  EXPECT_EQ(error.remote(), nullptr);
}

TEST(ErrorCodec, carries_whether_the_handler_may_have_run) {
  EXPECT_TRUE(carried(Error{Errc::cancelled, "c"}).may_have_run());
  EXPECT_FALSE(carried(Error{Errc::cancelled, "c"}.as_outcome(Outcome::cancelled, false)).may_have_run());
}

TEST(ErrorCodec, carries_errno) {
  const Error error = carried(Error::from_errno("open", ENOENT).with_context("clip.avi"));

  EXPECT_EQ(error.system_error(), ENOENT);
  EXPECT_EQ(error.message(), "clip.avi: open: No such file or directory");
}

TEST(ErrorCodec, carries_how_a_process_died) {
  const Error sent =
      Error::from_death({.process = "det", .pid = 42, .exit_code = 3, .signal = SIGKILL, .command = "detect"});

  const Error error = carried(sent);

  EXPECT_EQ(error, sent);
  ASSERT_NE(error.death(), nullptr);
  EXPECT_EQ(error.death()->process, "det");
  EXPECT_EQ(error.death()->pid, 42);
  EXPECT_EQ(error.death()->exit_code, 3);
  EXPECT_EQ(error.death()->signal, SIGKILL);
  EXPECT_EQ(error.death()->command, "detect");
  EXPECT_THROW(throw_error(error), ProcessExpired);
}

TEST(ErrorCodec, carries_what_a_handler_threw) {
  const Error sent = Error::from_remote({.type = "std::logic_error", .what = "w", .command = "c", .process = "p"});

  const Error error = carried(sent);

  EXPECT_EQ(error, sent);
  ASSERT_NE(error.remote(), nullptr);
  EXPECT_EQ(error.remote()->type, "std::logic_error");
  EXPECT_EQ(error.remote()->what, "w");
  EXPECT_EQ(error.remote()->command, "c");
  EXPECT_EQ(error.remote()->process, "p");
  EXPECT_THROW(throw_error(error), RemoteException);
}

TEST(ErrorCodec, keeps_the_number_of_a_code_it_does_not_know) {
  const Error error = carried(Error{static_cast<Errc>(54321), "from the future"});

  EXPECT_EQ(static_cast<int>(error.code()), 54321);
  EXPECT_EQ(to_string(error), "unknown: from the future");
}

TEST(ErrorCodec, cuts_an_error_that_is_too_large_and_keeps_the_rest) {
  const std::string huge(1'000'000, 'x');

  const auto bytes = encoded(Error::from_remote({.type = huge, .what = huge, .command = huge, .process = huge}));
  const Error error = decode_error(bytes);

  EXPECT_LE(bytes.size(), max_encoded_error);
  EXPECT_EQ(error.code(), Errc::handler_failed);
  ASSERT_NE(error.remote(), nullptr);
  EXPECT_TRUE(error.message().ends_with("x..."));
  EXPECT_TRUE(error.remote()->what.ends_with("x..."));
  EXPECT_TRUE(error.remote()->type.starts_with("xxx"));
}

TEST(ErrorCodec, cuts_between_characters) {
  for (std::size_t shift = 0; shift < 4; ++shift) {
    std::string text(shift, 'x');
    while (text.size() < 100'000) text += "\xf0\x9f\x98\x80";  // one character of four bytes

    const std::string cut = carried(Error{Errc::system, text}).message();

    ASSERT_TRUE(cut.ends_with("..."));
    EXPECT_EQ((cut.size() - 3 - shift) % 4, 0U) << shift;
  }
}

TEST(ErrorCodec, makes_an_error_of_bytes_that_are_none) {
  const auto bytes = encoded(Error::from_death({.process = "p", .pid = 1, .exit_code = 1, .signal = 0, .command = ""}));

  for (std::size_t size = 0; size < bytes.size(); ++size) {
    const Error error = decode_error(Bytes{bytes}.first(size));
    EXPECT_EQ(error.code(), Errc::malformed) << size;
    EXPECT_FALSE(error.message().empty());
  }
}

TEST(ErrorCodec, refuses_a_death_or_an_exception_under_another_code) {
  auto death = encoded(Error::from_death({.process = "p", .pid = 1, .exit_code = 1, .signal = 0, .command = ""}));
  auto thrown = encoded(Error::from_remote({.type = "t", .what = "w", .command = "c", .process = "p"}));
  death[0] = std::byte{1};
  thrown[0] = std::byte{1};

  EXPECT_EQ(decode_error(death).code(), Errc::malformed);
  EXPECT_EQ(decode_error(thrown).code(), Errc::malformed);
}

}  // namespace
}  // namespace prong

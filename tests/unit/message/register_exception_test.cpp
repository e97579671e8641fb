#include "prong/message/register_exception.hpp"

#include "prong/base/exception.hpp"
#include "prong/base/throw_probe.hpp"
#include "prong/message/error_codec.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include <any>
#include <filesystem>
#include <fstream>
#include <functional>
#include <future>
#include <memory>
#include <new>
#include <optional>
#include <regex>
#include <typeinfo>
#include <variant>

namespace prong {
namespace {

// What arrives of what `thrower` throws, as if it were the handler of another process.
template <class Thrower>
Error arrived(Thrower&& thrower) {
  RemoteFailure failure;
  try {
    thrower();
  } catch (const detail::ThrowProbe&) {
    std::abort();
  } catch (...) {
    failure = detail::describe_current_exception();
  }
  failure.process = "process";
  failure.command = "command";
  std::vector<std::byte> bytes;
  encode_error(Error::from_remote(std::move(failure)), bytes);
  EXPECT_LE(bytes.size(), max_encoded_error);
  return decode_error(bytes);
}

// Calls `look` with the E that is thrown again, and demands that nothing else is.
template <class E, class Look>
void expect_again(const Error& error, Look&& look) {
  try {
    try {
      throw_error(error);
    } catch (const E& exception) {
      look(exception);
    }
  } catch (const std::exception& exception) {
    ADD_FAILURE() << "another type: " << type_name(typeid(exception)) << ": " << exception.what();
  }
}

template <class E>
void expect_same(const E& thrown) {
  SCOPED_TRACE(type_name(typeid(E)));
  const Error error = arrived([&] { throw thrown; });
  expect_again<E>(error, [&](const E& again) {
    EXPECT_STREQ(again.what(), thrown.what());
    // As thrown, not as a type derived from it; only the standard's way of nesting lies around it.
    EXPECT_EQ(error.remote()->registered.empty(), false);
    const auto origin = origin_of(again);
    ASSERT_TRUE(origin);
    EXPECT_EQ(origin->command, "command");
    EXPECT_EQ(origin->pid, ::getpid());
  });
}

TEST(StandardExceptions, with_a_text_are_thrown_again_as_what_they_were) {
  expect_same(std::logic_error{"a"});
  expect_same(std::domain_error{"b"});
  expect_same(std::invalid_argument{"c"});
  expect_same(std::length_error{"d"});
  expect_same(std::out_of_range{"e"});
  expect_same(std::runtime_error{""});
  expect_same(std::range_error{"g"});
  expect_same(std::overflow_error{"h"});
  expect_same(std::underflow_error{"i"});
}

TEST(StandardExceptions, without_a_text_are_thrown_again_as_what_they_were) {
  expect_same(std::exception{});
  expect_same(std::bad_exception{});
  expect_same(std::bad_alloc{});
  expect_same(std::bad_array_new_length{});
  expect_same(std::bad_cast{});
  expect_same(std::bad_typeid{});
  expect_same(std::bad_any_cast{});
  expect_same(std::bad_optional_access{});
  expect_same(std::bad_variant_access{});
  expect_same(std::bad_function_call{});
  expect_same(std::bad_weak_ptr{});
}

TEST(StandardExceptions, thrown_by_the_library_itself_are_thrown_again) {
  EXPECT_THROW(throw_error(arrived([] { static_cast<void>(std::string{}.at(3)); })), std::out_of_range);
  EXPECT_THROW(throw_error(arrived([] { static_cast<void>(std::stoi("x")); })), std::invalid_argument);
  EXPECT_THROW(throw_error(arrived([] { static_cast<void>(std::any_cast<int>(std::any{})); })), std::bad_any_cast);
  EXPECT_THROW(throw_error(arrived([] { static_cast<void>(std::optional<int>{}.value()); })), std::bad_optional_access);
  EXPECT_THROW(throw_error(arrived([] { static_cast<void>(std::get<1>(std::variant<int, char>{})); })),
               std::bad_variant_access);
  EXPECT_THROW(throw_error(arrived([] { std::function<void()>{}(); })), std::bad_function_call);
}

TEST(StandardExceptions, with_a_code_keep_it) {
  for (const std::error_category* const category : {&std::generic_category(), &std::system_category()})
    expect_same(std::system_error{ENOENT, *category, "open it"});
  expect_same(std::system_error{std::error_code{EIO, std::system_category()}});
  expect_again<std::system_error>(arrived([] {
                                    throw std::system_error{ENOSPC, std::system_category(), "write"};
                                  }),
                                  [](const std::system_error& again) {
                                    EXPECT_EQ(again.code(), std::errc::no_space_on_device);
                                    EXPECT_EQ(&again.code().category(), &std::system_category());
                                  });
  expect_same(std::ios_base::failure{"read", std::io_errc::stream});
  expect_same(std::future_error{std::future_errc::broken_promise});
  expect_same(std::filesystem::filesystem_error{"copy", "/from", "/to", std::make_error_code(std::errc::file_exists)});
  expect_again<std::filesystem::filesystem_error>(
      arrived([] { std::filesystem::create_symlink("x", "/proc/self/no/such/place"); }),
      [](const std::filesystem::filesystem_error& again) {
        EXPECT_EQ(again.path1(), "x");
        EXPECT_EQ(again.path2(), "/proc/self/no/such/place");
        EXPECT_EQ(again.code(), std::errc::no_such_file_or_directory);
      });
  expect_again<std::ios_base::failure>(
      arrived([] {
        std::ifstream file;
        file.exceptions(std::ios::failbit);
        file.open("/no/such/file");
      }),
      [](const std::ios_base::failure& again) { EXPECT_EQ(again.code(), std::make_error_code(std::io_errc::stream)); });
  expect_again<std::regex_error>(arrived([] { const std::regex broken{"["}; }), [](const std::regex_error& again) {
    EXPECT_EQ(again.code(), std::regex_constants::error_brack);
  });
}

class OddCategory : public std::error_category {
 public:
  explicit OddCategory(const char* name) noexcept : name_{name} {}
  const char* name() const noexcept override { return name_; }
  std::string message(int value) const override { return "odd " + std::to_string(value); }

 private:
  const char* name_;
};

TEST(StandardExceptions, with_a_code_of_a_users_category_need_the_category_registered) {
  static const OddCategory known{"odd"};
  static const OddCategory unknown{"odder"};
  register_error_category(known);

  expect_same(std::system_error{3, known, "count"});
  expect_again<RemoteException>(arrived([] {
                                  throw std::system_error{3, unknown, "count"};
                                }),
                                [](const RemoteException& again) {
                                  EXPECT_EQ(again.remote().type, "std::system_error");
                                  EXPECT_EQ(again.remote().what, "count: odd 3");
                                });
}

class Plain : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

class Detailed : public std::exception {
 public:
  Detailed() = default;
  Detailed(int at_line, std::string in_file) : line{at_line}, file{std::move(in_file)} {}
  const char* what() const noexcept override { return "detailed"; }
  template <class Archive>
  void serialize(Archive& archive) {
    archive(line, file);
  }

  int line = 0;
  std::string file;
};

class Both : public std::runtime_error {
 public:
  explicit Both(const std::string& what, int count = 0) : std::runtime_error{what}, number{count} {}
  template <class Archive>
  void serialize(Archive& archive) {
    archive(number);
  }

  int number;
};

struct NoStandardBase {
  int number = 0;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(number);
  }
};

class Last final : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

class Stubborn : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
  template <class Archive>
  void save(Archive&) const {
    throw std::runtime_error{"not me"};
  }
  template <class Archive>
  void load(Archive&) {}
};

class Unwilling : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
  template <class Archive>
  void save(Archive& archive) const {
    archive(1);
  }
  template <class Archive>
  void load(Archive&) {
    throw std::logic_error{"nor here"};
  }
};

class Large : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(bytes);
  }
  std::vector<std::byte> bytes;
};

TEST(RegisterException, throws_a_users_type_again_by_its_what_by_its_functions_or_both) {
  register_exception<Plain>();
  register_exception<Plain>();  // twice is as good as once
  register_exception<Detailed>("tests.Detailed");
  register_exception<Both>("tests.Both");
  register_exception<NoStandardBase>();
  register_exception<Last>();

  expect_same(Plain{"plain"});
  expect_again<Detailed>(arrived([] {
                           throw Detailed{7, "main.cpp"};
                         }),
                         [](const Detailed& again) {
                           EXPECT_EQ(again.line, 7);
                           EXPECT_EQ(again.file, "main.cpp");
                           EXPECT_TRUE(origin_of(again));
                         });
  expect_again<Both>(arrived([] {
                       throw Both{"text", 5};
                     }),
                     [](const Both& again) {
                       EXPECT_STREQ(again.what(), "text");
                       EXPECT_EQ(again.number, 5);
                     });
  expect_again<NoStandardBase>(arrived([] { throw NoStandardBase{9}; }),
                               [](const NoStandardBase& again) { EXPECT_EQ(again.number, 9); });
  expect_again<Last>(arrived([] { throw Last{"final"}; }), [](const Last& again) {
    EXPECT_STREQ(again.what(), "final");
    EXPECT_FALSE(origin_of(again)) << "nothing can be nested into a final class";
  });
}

TEST(RegisterException, leaves_those_that_cannot_travel_their_name_and_what) {
  register_exception<Stubborn>();
  register_exception<Unwilling>();
  register_exception<Large>();
  class Unknown : public std::runtime_error {
    using std::runtime_error::runtime_error;
  };
  Large large{"large"};
  large.bytes.resize(100'000);

  const std::pair<Error, std::string> cases[] = {{arrived([] { throw Stubborn{"s"}; }), "Stubborn"},
                                                 {arrived([] { throw Unwilling{"u"}; }), "Unwilling"},
                                                 {arrived([&] { throw large; }), "Large"},
                                                 {arrived([] { throw Unknown{"k"}; }), "Unknown"}};

  for (const auto& [error, type] : cases) {
    SCOPED_TRACE(type);
    expect_again<RemoteException>(error, [&, &type = type](const RemoteException& again) {
      EXPECT_NE(again.remote().type.find(type), std::string::npos) << again.remote().type;
      EXPECT_EQ(again.remote().what.size(), again.remote().what == "large" ? 5U : 1U);
      EXPECT_EQ(again.outcome(), Outcome::failed);
      EXPECT_TRUE(origin_of(again));
    });
  }
}

TEST(RegisterException, is_not_needed_for_things_that_are_no_exceptions) {
  const std::pair<Error, std::string> cases[] = {
      {arrived([] { throw 42; }), "42"},
      {arrived([] { throw "text"; }), "text"},
      {arrived([] { throw std::string{"string"}; }), "string"},
      {arrived([] { throw 1.5; }), "(no description)"},
      {arrived([] { throw static_cast<const char*>(nullptr); }), "(no description)"}};

  for (const auto& [error, what] : cases) {
    EXPECT_EQ(error.remote()->what, what);
    EXPECT_THROW(throw_error(error), RemoteException);
  }
  EXPECT_EQ(cases[0].first.remote()->type, "int");
}

TEST(RegisterException, of_prongs_own_exceptions_would_lie_about_the_call_so_they_stay_remote) {
  const Error error = arrived([] { throw_error(Error{Errc::overloaded, "somewhere else"}); });

  expect_again<RemoteException>(error, [](const RemoteException& again) {
    EXPECT_EQ(again.remote().type, "prong::Exception");
    EXPECT_EQ(again.outcome(), Outcome::failed);
    EXPECT_TRUE(again.may_have_run());
  });
}

void throw_nested() {
  try {
    try {
      throw std::system_error{EIO, std::generic_category(), "read"};
    } catch (...) {
      std::throw_with_nested(Plain{"decode"});
    }
  } catch (...) {
    std::throw_with_nested(std::runtime_error{"open"});
  }
}

TEST(NestedExceptions, are_thrown_again_nested_with_the_trace_as_the_innermost) {
  register_exception<Plain>();
  std::vector<std::string> chain;
  std::function<void(const std::exception&)> follow = [&](const std::exception& exception) {
    chain.emplace_back(exception.what());
    try {
      std::rethrow_if_nested(exception);
    } catch (const RemoteTrace& trace) {
      chain.push_back("trace of " + trace.remote().command);
    } catch (const std::exception& nested) {
      follow(nested);
    }
  };

  const Error error = arrived(throw_nested);

  EXPECT_EQ(error.remote()->type, "std::runtime_error");
  EXPECT_NE(error.message().find("; because of "), std::string::npos) << error.message();
  expect_again<std::runtime_error>(error, follow);
  EXPECT_EQ(chain, (std::vector<std::string>{"open", "decode", "read: Input/output error", "trace of command"}));
}

void throw_deep(int depth) {
  if (depth == 0) throw std::runtime_error{"0"};
  try {
    throw_deep(depth - 1);
  } catch (...) {
    std::throw_with_nested(std::runtime_error{std::to_string(depth)});
  }
}

TEST(NestedExceptions, that_are_deep_or_long_lose_the_innermost_and_still_arrive) {
  const Error deep = arrived([] { throw_deep(200); });
  EXPECT_EQ(deep.remote()->causes.size(), detail::most_causes);
  EXPECT_EQ(deep.remote()->what, "200");
  EXPECT_THROW(throw_error(deep), std::runtime_error);

  const Error longest = arrived([] {
    try {
      throw std::runtime_error{std::string(1'000'000, 'i')};
    } catch (...) {
      std::throw_with_nested(std::runtime_error{std::string(1'000'000, 'o') + "\xff\xfe"});
    }
  });
  expect_again<std::runtime_error>(longest, [](const std::runtime_error& again) {
    EXPECT_TRUE(std::string{again.what()}.starts_with("ooo"));
    EXPECT_TRUE(std::string{again.what()}.ends_with("..."));
  });
}

TEST(RemoteExceptions, carry_text_that_is_no_utf8_as_it_is) {
  const std::string text = "\xff\xfe\x80 and \x01";

  const Error error = arrived([&] { throw std::runtime_error{text}; });

  expect_again<std::runtime_error>(error, [&](const std::runtime_error& again) { EXPECT_EQ(again.what(), text); });
}

[[gnu::noinline]] void throw_here() {
  throw std::runtime_error{"here"};
}

[[gnu::noinline]] void call_thrower() {
  throw_here();
  asm volatile("");  // no tail call: this frame stays
}

TEST(RemoteTrace, tells_the_stack_where_the_exception_was_thrown) {
  const Error error = arrived(call_thrower);

  const std::vector<std::uint64_t>& stack = error.remote()->stack;
  const auto is_in = [](std::uint64_t address, void (*function)()) {
    const auto begin = reinterpret_cast<std::uint64_t>(function);
    return address > begin && address < begin + 256;
  };
  ASSERT_GE(stack.size(), 3U);
  // What the compiler has parted from a function that only throws lies elsewhere.
  EXPECT_TRUE(is_in(stack[0], throw_here) || is_in(stack[1], call_thrower));
  EXPECT_TRUE(is_in(stack[1], call_thrower));
  expect_again<std::runtime_error>(error, [](const std::runtime_error& again) {
    try {
      std::rethrow_if_nested(again);
    } catch (const RemoteTrace& trace) {
      const std::string text = trace.what();
      EXPECT_NE(text.find("thrown in process 'process'"), std::string::npos) << text;
      EXPECT_NE(text.find("\n  at "), std::string::npos) << text;
      EXPECT_NE(text.find("unit_message"), std::string::npos) << text;
    }
  });
}

TEST(RemoteTrace, of_one_exception_is_not_that_of_another) {
  const Error first = arrived(call_thrower);
  const Error second = arrived([] { throw std::runtime_error{"elsewhere"}; });

  EXPECT_NE(first.remote()->stack.front(), second.remote()->stack.front());
  EXPECT_FALSE(origin_of(std::runtime_error{"of this process"}));
}

TEST(ErrorCodec, refuses_chains_and_stacks_that_are_too_long) {
  RemoteFailure deep{.type = "t", .what = "w", .command = "c", .process = "p"};
  deep.causes.resize(detail::most_causes + 5,
                     ThrownException{.type = "t", .what = "w", .registered = "", .content = {}});
  deep.stack.resize(detail::most_throw_frames + 5);
  std::vector<std::byte> bytes;
  encode_error(Error::from_remote(deep), bytes);

  const Error error = decode_error(bytes);

  EXPECT_EQ(error.remote()->causes.size(), detail::most_causes);
  EXPECT_EQ(error.remote()->stack.size(), detail::most_throw_frames);
}

TEST(ErrorCodec, of_content_that_makes_no_exception_still_makes_an_error) {
  register_exception<Detailed>("tests.Detailed");
  for (const char* const name : {"std::system_error", "std::filesystem::filesystem_error", "std::ios_base::failure",
                                 "std::future_error", "std::regex_error", "tests.Detailed", "no such name"}) {
    for (std::size_t size = 0; size < 12; ++size) {
      RemoteFailure failure{.type = "t", .what = "w", .command = "c", .process = "p"};
      failure.registered = name;
      failure.content.resize(size, std::byte{0x41});

      EXPECT_THROW(throw_error(Error::from_remote(failure)), RemoteException) << name << ' ' << size;
    }
  }
}

}  // namespace
}  // namespace prong

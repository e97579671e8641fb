// Writes the seed corpus of decode_fuzz, or with --check compares it with what lies there: it fails when the format
// of messages has changed.
#include "fuzz/message/decode_inputs.hpp"
#include "prong/message/error_codec.hpp"
#include "prong/message/message_header.hpp"
#include "prong/message/message_object.hpp"

#include <cstdio>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>

namespace prong::fuzz {
namespace {

using Input = std::vector<std::byte>;

Input input_for(Decoder decoder) {
  return {static_cast<std::byte>(decoder)};
}

template <class T>
Input encoded(Decoder decoder, const T& value) {
  Input input = input_for(decoder);
  encode(value, input);
  return input;
}

Input encoded_error(const Error& error) {
  Input input = input_for(Decoder::error);
  encode_error(error, input);
  return input;
}

Input header() {
  MessageHeader header;
  header.kind = MessageKind::call;
  header.command = 3;
  header.length = 40;
  header.request = 7;
  Input input = input_for(Decoder::header);
  input.resize(1 + sizeof header);
  write_header(header, MutableBytes{input}.subspan(1));
  return input;
}

RemoteFailure nested_exceptions() {
  Input shape;
  encode(ShapeError{{"s", {1}, {}, {}}}, shape);
  const auto content = [](std::string_view text) {
    const Bytes bytes = as_bytes(text);
    return Input{bytes.begin(), bytes.end()};
  };
  using namespace std::string_view_literals;
  RemoteFailure failure{.type = "std::system_error", .what = "w", .command = "c", .process = "p", .pid = 5};
  failure.registered = "std::system_error";
  failure.content = content("\x02\0\0\0generic\0"sv);
  failure.causes = {{"f", "w", "std::filesystem::filesystem_error", content("\x02\0\0\0system\0/a\0/b\0copy\0"sv)},
                    {"prong::fuzz::ShapeError", "w", "fuzz.ShapeError", shape},
                    {"int", "42", "", {}}};
  failure.stack = {0x1234, UINT64_MAX};
  return failure;
}

std::map<std::string, Input> corpus() {
  const Value::List kinds{{},
                          true,
                          -1,
                          UINT64_MAX,
                          0.5,
                          "text",
                          std::vector<std::byte>(3, std::byte{7}),
                          Value::List{1, Value::List{2}},
                          Value::Map{{"a", 1}, {"b", {}}},
                          FrameHandle{1, 2, 3, 4},
                          Value::of(std::vector<int>{1, 2})};
  return {
      {"value_null", encoded(Decoder::value, Value{})},
      {"value_list_of_all_kinds", encoded(Decoder::value, Value{kinds})},
      {"value_padded", encoded(Decoder::value, Value{Value::List(1400)})},
      {"message_without_arguments", encoded(Decoder::message_object, MessageObject{"stop"})},
      {"message_with_arguments",
       encoded(Decoder::message_object, MessageObject{"set", {{"value", 0.5}, {"n", 3}, {"frame", FrameHandle{}}}})},
      {"header", header()},
      {"error", encoded_error(Error{Errc::missing_key, "no key"})},
      {"error_of_a_death",
       encoded_error(Error::from_death({.process = "p", .pid = 7, .exit_code = 0, .signal = 9, .command = "c"}))},
      {"error_of_an_exception",
       encoded_error(Error::from_remote({.type = "std::logic_error", .what = "w", .command = "c", .process = "p"}))},
      {"error_of_nested_exceptions", encoded_error(Error::from_remote(nested_exceptions()))},
      {"user_type", encoded(Decoder::user_type, Shape{"s", {1, 2}, true, {{"t", {}, {}, {}}, {"u", {3}, false, {}}}})},
      {"hashed", encoded(Decoder::hashed, Hashed{{5, {"a", {}}}})},
      {"standard_types",
       encoded(Decoder::standard_types,
               StandardTypes{{"a", ""}, {1, 2}, {{1, "one"}}, {"x", "y"}, {true, false}, std::pair{0.5F, 'c'}})},
  };
}

Input read_file(const std::filesystem::path& path) {
  std::ifstream file{path, std::ios::binary};
  const std::string text{std::istreambuf_iterator<char>{file}, std::istreambuf_iterator<char>{}};
  const Bytes bytes = as_bytes(text);
  return {bytes.begin(), bytes.end()};
}

int check(const std::filesystem::path& folder) {
  int wrong = 0;
  const auto wanted = corpus();
  for (const auto& [name, input] : wanted) {
    if (read_file(folder / name) == input) continue;
    std::fprintf(stderr, "%s is not what is encoded now\n", name.c_str());
    ++wrong;
  }
  for (const auto& entry : std::filesystem::directory_iterator{folder}) {
    if (wanted.contains(entry.path().filename())) continue;
    std::fprintf(stderr, "%s does not belong to the corpus\n", entry.path().c_str());
    ++wrong;
  }
  return wrong == 0 ? 0 : 1;
}

int write(const std::filesystem::path& folder) {
  for (const auto& [name, input] : corpus()) {
    std::ofstream file{folder / name, std::ios::binary};
    file << as_text(input);
    if (!file.flush()) {
      std::fprintf(stderr, "%s cannot be written\n", name.c_str());
      return 1;
    }
  }
  return 0;
}

}  // namespace
}  // namespace prong::fuzz

int main(int argc, char** argv) {
  if (argc == 3 && std::strcmp(argv[1], "--check") == 0) return prong::fuzz::check(argv[2]);
  if (argc == 2) return prong::fuzz::write(argv[1]);
  std::fprintf(stderr, "usage: %s [--check] FOLDER\n", argv[0]);
  return 2;
}

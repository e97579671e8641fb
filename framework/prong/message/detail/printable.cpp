#include "prong/message/detail/printable.hpp"

namespace prong::detail {
namespace {

// UTF-8 passes; what moves a terminal's cursor does not.
void append(std::string& out, char character) {
  const auto byte = static_cast<unsigned char>(character);
  if (character == '"' || character == '\\') {
    out += '\\';
    out += character;
  } else if (character == '\n') {
    out += "\\n";
  } else if (byte < 0x20 || byte == 0x7f) {
    constexpr const char* hex = "0123456789abcdef";
    out += "\\x";
    out += hex[byte / 16];
    out += hex[byte % 16];
  } else {
    out += character;
  }
}

}  // namespace

std::string_view beginning_of(std::string_view text, std::size_t most) noexcept {
  if (text.size() <= most) return text;
  // A character of UTF-8 has at most three bytes behind its first.
  std::size_t end = most;
  const auto inside_character = [&] { return (static_cast<unsigned char>(text[end]) & 0xC0U) == 0x80U; };
  while (end > 0 && most - end < 3 && inside_character()) --end;
  return text.substr(0, end);
}

std::string printable(std::string_view text, std::size_t most) {
  std::string out;
  for (const char character : beginning_of(text, most)) append(out, character);
  if (text.size() > most) out += "...";
  return out;
}

}  // namespace prong::detail

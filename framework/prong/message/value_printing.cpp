#include "prong/message/detail/printable.hpp"
#include "prong/message/message_object.hpp"
#include "prong/message/value.hpp"

#include <charconv>
#include <cmath>
#include <ostream>

namespace prong {
namespace {

// Prints values into one string that people read: what would grow too long is shortened, wherever it lies.
class Printer {
 public:
  void print(const Value& value) {
    if (full()) return;
    switch (value.kind()) {
      case Value::Kind::null: text_ += "null"; return;
      case Value::Kind::boolean: text_ += value.as<bool>() ? "true" : "false"; return;
      case Value::Kind::integer: text_ += detail::ValueConversions::digits_of(value); return;
      case Value::Kind::floating: print_double(value.as<double>()); return;
      case Value::Kind::string: print_quoted(*value.if_string()); return;
      case Value::Kind::bytes: text_ += "bytes[" + std::to_string(value.if_bytes()->size()) + "]"; return;
      case Value::Kind::list: print_list(*value.if_list()); return;
      case Value::Kind::map: print_map(*value.if_map()); return;
      case Value::Kind::frame: print_frame(value.as<FrameHandle>()); return;
      case Value::Kind::user:
        print_text(value.kind_name());
        text_ += "{...}";
        return;
    }
  }
  void print(const MessageObject& message) {
    print_text(message());
    text_ += '(';
    bool first = true;
    for (const auto& [key, value] : message) {
      if (!first) text_ += ", ";
      first = false;
      if (full()) break;
      print_text(key);
      text_ += '=';
      print(value);
    }
    text_ += ')';
  }
  [[nodiscard]] std::string take() { return std::move(text_); }

 private:
  static constexpr std::size_t most_text = 2000;       // where printing stops
  static constexpr std::size_t most_characters = 100;  // of one string
  static constexpr std::size_t most_elements = 16;     // of one list or map

  // Tells whether enough was printed, and says so in the text.
  bool full() {
    if (text_.size() < most_text) return false;
    if (!text_.ends_with("...")) text_ += "...";
    return true;
  }
  void print_double(double number) {
    char digits[32];
    const auto end = std::to_chars(std::begin(digits), std::end(digits), number).ptr;
    const std::string_view shortest{digits, static_cast<std::size_t>(end - digits)};
    text_ += shortest;
    // A double looks like one: 3.0, not 3.
    if (std::isfinite(number) && shortest.find_first_of(".e") == std::string_view::npos) text_ += ".0";
  }
  void print_text(std::string_view text) { text_ += detail::printable(text, most_characters); }
  void print_quoted(std::string_view text) {
    text_ += '"';
    print_text(text);
    text_ += '"';
  }
  void print_list(const Value::List& list) {
    text_ += '[';
    for (std::size_t i = 0; i < list.size(); ++i) {
      if (i != 0) text_ += ", ";
      if (i == most_elements) {
        print_rest(list.size() - i);
        break;
      }
      print(list[i]);
    }
    text_ += ']';
  }
  void print_map(const Value::Map& map) {
    text_ += '{';
    std::size_t i = 0;
    for (const auto& [key, value] : map) {
      if (i != 0) text_ += ", ";
      if (i == most_elements) {
        print_rest(map.size() - i);
        break;
      }
      print_quoted(key);
      text_ += ": ";
      print(value);
      ++i;
    }
    text_ += '}';
  }
  void print_rest(std::size_t count) { text_ += "... " + std::to_string(count) + " more"; }
  void print_frame(const FrameHandle& frame) {
    text_ += "frame(pool=" + std::to_string(frame.pool) + ", slot=" + std::to_string(frame.slot) +
             ", generation=" + std::to_string(frame.generation) + ", sequence=" + std::to_string(frame.sequence) + ")";
  }

  std::string text_;
};

}  // namespace

std::string to_string(const Value& value) {
  Printer printer;
  printer.print(value);
  return printer.take();
}

std::string to_string(const MessageObject& message) {
  Printer printer;
  printer.print(message);
  return printer.take();
}

std::ostream& operator<<(std::ostream& out, const Value& value) {
  return out << to_string(value);
}

std::ostream& operator<<(std::ostream& out, const MessageObject& message) {
  return out << to_string(message);
}

}  // namespace prong

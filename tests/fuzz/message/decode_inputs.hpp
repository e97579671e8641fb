// What the first byte of a fuzz input selects, and the types that it decodes.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <tuple>
#include <unordered_map>
#include <variant>
#include <vector>

namespace prong::fuzz {

enum class Decoder : std::uint8_t { value, message_object, header, error, user_type, standard_types, hashed };
inline constexpr std::size_t decoders = 7;

/// A type as users write it, which contains itself.
struct Shape {
  std::string name;
  std::vector<double> points;
  std::optional<bool> visible;
  std::vector<Shape> parts;

  template <class Archive>
  void serialize(Archive& archive) {
    archive(name, points, visible, parts);
  }
};

/// An exception as users write it; it need not derive from the standard's.
struct ShapeError {
  Shape shape;

  template <class Archive>
  void serialize(Archive& archive) {
    archive(shape);
  }
};

using StandardTypes =
    std::tuple<std::vector<std::string>, std::deque<std::uint16_t>, std::map<std::uint8_t, std::string>,
               std::set<std::string>, std::vector<bool>, std::variant<bool, std::u16string, std::pair<float, char>>>;
using Hashed = std::unordered_map<std::uint32_t, std::vector<std::optional<std::string>>>;

}  // namespace prong::fuzz

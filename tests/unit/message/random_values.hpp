// Random values of many types, for round trips.
#pragma once

#include "prong/message/message_object.hpp"

#include <cstdio>
#include <deque>
#include <list>
#include <map>
#include <optional>
#include <random>
#include <set>
#include <string>
#include <tuple>
#include <variant>
#include <vector>

namespace prong::test {

/// Makes random values; prints its seed.
class RandomValues {
 public:
  explicit RandomValues(std::uint64_t seed = std::random_device{}()) : engine_{seed} {
    std::printf("seed %llu\n", static_cast<unsigned long long>(seed));
  }

  [[nodiscard]] std::size_t below(std::size_t limit) {
    return std::uniform_int_distribution<std::size_t>{0, limit - 1}(engine_);
  }

  void fill(bool& value) { value = below(2) == 1; }
  template <class T>
  requires std::is_integral_v<T>
  void fill(T& value) {
    // Half of them are short: edges are where mistakes are.
    const auto bits = static_cast<T>(engine_());
    value = below(2) == 0 ? bits : static_cast<T>(bits % 3);
  }
  void fill(double& value) { value = std::normal_distribution<double>{0, 1e6}(engine_); }
  void fill(std::string& value) {
    value.resize(below(40));
    for (char& character : value) character = static_cast<char>(below(256));
  }
  template <class T>
  void fill(std::optional<T>& value) {
    value.reset();
    if (below(2) == 0) fill(value.emplace());
  }
  template <class T>
  void fill(std::vector<T>& value) {
    fill_sequence(value);
  }
  template <class T>
  void fill(std::deque<T>& value) {
    fill_sequence(value);
  }
  template <class T>
  void fill(std::list<T>& value) {
    fill_sequence(value);
  }
  template <class T>
  void fill(std::set<T>& value) {
    for (std::size_t i = below(6); i > 0; --i) {
      T element{};
      fill(element);
      value.insert(std::move(element));
    }
  }
  template <class K, class T>
  void fill(std::map<K, T>& value) {
    for (std::size_t i = below(6); i > 0; --i) {
      K key{};
      fill(key);
      fill(value[std::move(key)]);
    }
  }
  template <class... T>
  void fill(std::tuple<T...>& value) {
    std::apply([this](auto&... element) { (fill(element), ...); }, value);
  }
  template <class A, class B>
  void fill(std::variant<A, B>& value) {
    if (below(2) == 0)
      fill(value.template emplace<0>());
    else
      fill(value.template emplace<1>());
  }

  /// Returns a Value of any kind that holds values `depth` levels deep at most.
  [[nodiscard]] Value value(int depth = 4) {
    switch (below(depth > 0 ? 10 : 8)) {
      case 0: return {};
      case 1: return made<bool>();
      case 2: return made<std::int64_t>();
      case 3: return made<std::uint64_t>();
      case 4: return made<double>();
      case 5: return made<std::string>();
      case 6: return FrameHandle{engine_(), 1, 2, engine_()};
      case 7: return Value::of(made<std::vector<int>>());
      case 8: {
        Value::List list;
        for (std::size_t i = below(6); i > 0; --i) list.push_back(value(depth - 1));
        return list;
      }
      default: {
        Value::Map map;
        for (std::size_t i = below(6); i > 0; --i) map.insert_or_assign(made<std::string>(), value(depth - 1));
        return map;
      }
    }
  }
  template <class T>
  [[nodiscard]] T made() {
    T made{};
    fill(made);
    return made;
  }

 private:
  template <class T>
  void fill_sequence(T& value) {
    value.clear();
    for (std::size_t i = below(8); i > 0; --i) value.push_back(made<typename T::value_type>());
  }

  std::mt19937_64 engine_;
};

}  // namespace prong::test

// How long a random test goes on, and where it begins.
#pragma once

#include <gtest/gtest.h>

#include <cstdint>
#include <cstdlib>
#include <random>
#include <string>

namespace prong::tests {

/// Returns PRONG_TEST_SEED from the environment, or a new seed. Print it: it makes the same test again.
inline std::uint64_t random_seed() {
  const char* const given = std::getenv("PRONG_TEST_SEED");
  if (given != nullptr) return std::strtoull(given, nullptr, 10);
  std::random_device device;
  return std::uint64_t{device()} << 32 | device();
}

/// Returns PRONG_TEST_ROUNDS from the environment, or what suits the ordinary run of all tests.
inline int random_rounds(int usual) {
  const char* const given = std::getenv("PRONG_TEST_ROUNDS");
  return given != nullptr ? std::atoi(given) : usual;
}

}  // namespace prong::tests

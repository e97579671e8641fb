// The fixture of every test that forks: a watchdog while it runs and a census when it ends.
#pragma once

#include "prong/testing/census.hpp"
#include "prong/testing/watchdog.hpp"

#include <gtest/gtest.h>

#include <optional>

namespace prong::tests {

class ProcessTest : public ::testing::Test {
 protected:
  /// Gives a test of many parts the whole time for the next one.
  void restart_watchdog() {
    watchdog_.reset();
    watchdog_.emplace(name());
  }

  void SetUp() override { before_ = testing::Census::take(); }
  void TearDown() override {
    for (const std::string& sentence : before_.differences(testing::Census::take())) ADD_FAILURE() << sentence;
  }

 private:
  static const char* name() { return ::testing::UnitTest::GetInstance()->current_test_info()->name(); }

  std::optional<testing::Watchdog> watchdog_{name()};
  testing::Census before_;
};

}  // namespace prong::tests

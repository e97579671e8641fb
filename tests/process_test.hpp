// The fixture of every test that forks: a watchdog while it runs and a census when it ends.
#pragma once

#include "prong/testing/census.hpp"
#include "prong/testing/watchdog.hpp"

#include <gtest/gtest.h>

namespace prong::tests {

class ProcessTest : public ::testing::Test {
 protected:
  void SetUp() override { before_ = testing::Census::take(); }
  void TearDown() override {
    for (const std::string& sentence : before_.differences(testing::Census::take())) ADD_FAILURE() << sentence;
  }

 private:
  testing::Watchdog watchdog_{::testing::UnitTest::GetInstance()->current_test_info()->name()};
  testing::Census before_;
};

}  // namespace prong::tests

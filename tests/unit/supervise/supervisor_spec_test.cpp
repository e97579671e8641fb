#include "prong/supervise/supervisor_spec.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

namespace prong {
namespace {

using namespace std::chrono_literals;

std::string refusal(const SupervisorSpec& supervisor, std::vector<ChildSpec> children = {}) {
  const auto valid = validate(supervisor, children);
  if (valid) return "";
  EXPECT_EQ(valid.error().code(), Errc::invalid_argument);
  return valid.error().message();
}

std::string child_refusal(const ChildSpec& child, AutoShutdown auto_shutdown = AutoShutdown::never) {
  return refusal(SupervisorSpec{.auto_shutdown = auto_shutdown}, {child});
}

TEST(SupervisorSpec, of_designated_initialisers_is_valid) {
  const SupervisorSpec supervisor{.name = "pipeline",
                                  .strategy = Strategy::rest_for_one,
                                  .intensity = 3,
                                  .period = 5s,
                                  .backoff = {.initial = 10ms, .max = 1s}};
  const std::vector<ChildSpec> children{
      {.name = "source", .restart = RestartType::transient, .liveness = Liveness{.interval = 500ms}},
      {.name = "detector", .recycle = {.tasks = 1000, .memory_growth_bytes = 64 << 20}, .shutdown_deadline = 2s},
      {.name = "sink"}};

  EXPECT_EQ(refusal(supervisor, children), "");
  EXPECT_EQ(refusal({}, {}), "");
}

TEST(SupervisorSpec, is_refused_with_the_name_of_the_supervisor_and_of_the_field) {
  EXPECT_EQ(refusal({.name = ""}), "a supervisor has a name");
  EXPECT_EQ(refusal({.period = 0s}), "supervisor 'supervisor': period must be longer than nothing");
  EXPECT_EQ(refusal({.name = "s", .backoff = {.initial = -1ns}}),
            "supervisor 's': backoff.initial must not be negative");
  EXPECT_EQ(refusal({.name = "s", .backoff = {.initial = 2s, .max = 1s}}),
            "supervisor 's': backoff.max must not be shorter than backoff.initial");
  for (const double factor : {0.9, -1.0, std::numeric_limits<double>::infinity(), std::nan("")})
    EXPECT_EQ(refusal({.name = "s", .backoff = {.factor = factor}}),
              "supervisor 's': backoff.factor must be 1 or more");
  for (const double jitter : {-0.1, 1.1, std::nan("")})
    EXPECT_EQ(refusal({.name = "s", .backoff = {.jitter = jitter}}),
              "supervisor 's': backoff.jitter must be from 0 to 1");
  EXPECT_EQ(refusal({.name = "s"}, {{.name = "a"}, {.name = "b"}, {.name = "a"}}),
            "supervisor 's': two children are called 'a'");
  EXPECT_EQ(refusal({.name = "s"}, {{}}), "supervisor 's': each child has a name");
}

TEST(ChildSpec, is_refused_with_the_name_of_the_child_and_of_the_field) {
  const std::string child = "supervisor 'supervisor': child 'a': ";
  EXPECT_EQ(child_refusal({.name = "a", .readiness_deadline = 0s}),
            child + "readiness_deadline must be longer than nothing");
  EXPECT_EQ(child_refusal({.name = "a", .liveness = Liveness{.interval = 0s}}),
            child + "liveness.interval must be longer than nothing");
  EXPECT_EQ(child_refusal({.name = "a", .liveness = Liveness{.deadline = 0s}}),
            child + "liveness.deadline must be longer than nothing");
  EXPECT_EQ(child_refusal({.name = "a", .recycle = {.tasks = 0}}), child + "recycle.tasks must be 1 or more");
  EXPECT_EQ(child_refusal({.name = "a", .recycle = {.age = 0s}}), child + "recycle.age must be longer than nothing");
  EXPECT_EQ(child_refusal({.name = "a", .recycle = {.memory_bytes = 0}}),
            child + "recycle.memory_bytes must be 1 or more");
  EXPECT_EQ(child_refusal({.name = "a", .recycle = {.memory_growth_bytes = 0}}),
            child + "recycle.memory_growth_bytes must be 1 or more");
  EXPECT_EQ(child_refusal({.name = "a", .recycle = {.tasks = 1, .check_interval = 0s}}),
            child + "recycle.check_interval must be longer than nothing");
  EXPECT_EQ(child_refusal({.name = "a", .restart = RestartType::temporary, .recycle = {.tasks = 1}}),
            child + "a temporary child is never restarted, so it cannot be recycled");
  EXPECT_EQ(child_refusal({.name = "a", .shutdown_deadline = -1s}), child + "shutdown_deadline must not be negative");
  EXPECT_EQ(child_refusal({.name = "a", .shutdown_deadline = 0s}), "");
  EXPECT_EQ(child_refusal({.name = "a", .readiness_deadline = no_deadline, .shutdown_deadline = no_deadline}), "");
}

TEST(ChildSpec, is_significant_only_where_it_can_end_and_the_supervisor_cares) {
  const std::string child = "supervisor 'supervisor': child 'a': ";
  EXPECT_EQ(child_refusal({.name = "a", .significant = true}, AutoShutdown::any_significant),
            child + "a permanent child never ends for good, so it cannot be significant");
  EXPECT_EQ(child_refusal({.name = "a", .restart = RestartType::transient, .significant = true}),
            child + "a significant child needs a supervisor whose auto_shutdown is not `never`");
  EXPECT_EQ(child_refusal({.name = "a", .restart = RestartType::temporary, .significant = true},
                          AutoShutdown::all_significant),
            "");
}

}  // namespace
}  // namespace prong

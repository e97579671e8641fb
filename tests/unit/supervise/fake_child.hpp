// A child that does what a test says.
#pragma once

#include "prong/supervise/supervised_child.hpp"

#include <string>
#include <utility>
#include <vector>

namespace prong::tests {

/// Notes what its supervisor asks of it, in a list that several may share.
class FakeChild final : public SupervisedChild {
 public:
  FakeChild(std::string name, std::vector<std::string>& notes) : name_{std::move(name)}, notes_{notes} {}

  Result<void> start(ChildReport report) override {
    notes_.push_back("start " + name_);
    last = std::move(report);
    if (ready_within_start) last.ready();
    if (throw_at_start) throw std::runtime_error{"no camera"};
    return start_result;
  }
  void ask_ready() override {
    notes_.push_back("ask_ready " + name_);
    if (ready_when_asked) last.ready();
  }
  void ping(Time) override {
    notes_.push_back("ping " + name_);
    if (answers_pings) last.alive();
  }
  void request_stop(Time) override {
    notes_.push_back("stop " + name_);
    if (stops) last.ended({});
  }
  void kill() override {
    notes_.push_back("kill " + name_);
    if (dies) dies_of("signal 9");
  }
  ChildUsage usage() override { return used; }

  void dies_of(std::string why) const { last.ended(Error{Errc::process_expired, std::move(why)}); }

  ChildReport last;  // of the latest incarnation
  Result<void> start_result;
  ChildUsage used;
  bool throw_at_start = false;
  bool ready_within_start = false;
  bool ready_when_asked = true;
  bool answers_pings = true;
  bool stops = true;
  bool dies = true;

 private:
  const std::string name_;
  std::vector<std::string>& notes_;
};

}  // namespace prong::tests

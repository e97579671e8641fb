// A process as an actor: CAF code of the frontend requests from it and monitors it.
#include "prong/caf.hpp"
#include "prong/prong.hpp"

#include <caf/all.hpp>

#include <csignal>
#include <iostream>

using namespace prong::literals;
using namespace std::chrono_literals;

class Adder : public prong::MessageProcess {
 public:
  Adder() : MessageProcess{"adder"} {
    command<&Adder::c__add>("add", "a"_a, "b"_a);
    command<&Adder::c__crash>("crash");
  }

 private:
  int c__add(int a, int b) { return a + b; }
  void c__crash() { ::raise(SIGKILL); }
};

// [actor]
class Client : public caf::event_based_actor {
 public:
  Client(caf::actor_config& config, caf::actor adder) : event_based_actor{config}, adder_{std::move(adder)} {}

  caf::behavior make_behavior() override {
    monitor(adder_);
    set_down_handler([this](const caf::down_msg& down) {
      std::cout << "the adder is down: " << name_of(prong::error_of(down.reason).code()) << '\n';
      quit();
    });
    request(adder_, 5s, prong::MessageObject{"add", {{"a", 20}, {"b", 22}}})
        .then(
            [this](const prong::Value& sum) {
              std::cout << "20 + 22 = " << sum.as<int>() << '\n';
              ask_wrongly();
            },
            [](const caf::error& error) { std::cout << "unexpected: " << to_string(prong::error_of(error)) << '\n'; });
    return {[](caf::unit_t) {}};
  }

 private:
  void ask_wrongly() {
    request(adder_, 5s, prong::MessageObject{"add", {{"a", 20}}})
        .then([](const prong::Value&) { std::cout << "unexpected answer\n"; },
              [this](const caf::error& error) {
                std::cout << to_string(prong::error_of(error)) << '\n';
                send(adder_, prong::MessageObject{"crash"});
              });
  }

  caf::actor adder_;
};
// [/actor]

int main() {
  Adder adder;
  adder.start();  // before the actor system, which has threads

  caf::actor_system_config config;
  config.set("scheduler.policy", caf::atom("sharing"));
  caf::actor_system system{config};
  system.spawn<Client>(adder.actor(system));
  system.await_all_actors_done();
}

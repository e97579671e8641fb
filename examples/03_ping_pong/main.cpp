// Several processes in one select: each keeps a ball going until it has seen it often enough.
#include "prong/prong.hpp"

#include <iostream>
#include <map>
#include <memory>

using namespace prong::literals;
using namespace std::chrono_literals;

class Player : public prong::MessageProcess {
 public:
  explicit Player(std::string name) : MessageProcess{std::move(name)} { command<&Player::c__ball>("ball", "count"_a); }

  void ball(int count) { send_message_to_back({"ball", {{"count", count}}}); }

 private:
  void c__ball(int count) { send_out({"ball", {{"count", count + 1}}}); }
};

int main() {
  std::vector<std::unique_ptr<Player>> players;
  for (const char* name : {"ann", "bob", "cleo", "dan"}) players.push_back(std::make_unique<Player>(name));

  // [select]
  std::map<int, Player*> player_by_descriptor;
  std::vector<int> descriptors;
  for (const auto& player : players) {
    player->start();
    player_by_descriptor[player->pipe().descriptor()] = player.get();
    descriptors.push_back(player->pipe().descriptor());
    player->ball(0);
  }

  std::map<std::string, int> seen;
  while (!descriptors.empty()) {
    const prong::Selected ready = prong::safe_select(descriptors, {}, {}, prong::Deadline::after(5s)).value();
    for (const int descriptor : ready.readable) {
      Player& player = *player_by_descriptor.at(descriptor);
      while (const auto message = player.pipe().try_receive().value()) {
        const int count = (*message)["count"].as<int>();
        seen[player.name()] = count;
        if (count < 1000)
          player.ball(count);
        else
          std::erase(descriptors, descriptor);
      }
    }
  }
  // [/select]

  for (const auto& player : players) player->request_stop();
  for (const auto& player : players) player->wait_stop(prong::Deadline::after(5s)).value();
  for (const auto& [name, count] : seen) std::cout << name << " played " << count << " balls\n";
}

// What the program is told on its command line.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace example {

/// A stage that is to be killed once it has handed on so many frames.
struct KillOrder {
  std::string stage;
  std::uint64_t frame = 0;
};

struct Options {
  std::string input;
  std::string input_note;  // where the input comes from, to be named beside it
  std::string output = "out";
  double frames_per_second = 0;
  double stall_seconds = 10;
  bool listen = false;
  bool persons = false;
  bool headless = false;
  bool json = false;
  unsigned restarts = 5;  // of each stage
  std::vector<KillOrder> kills;
  std::uint64_t poison = 0;            // a frame that ends every detector that looks at it
  std::optional<std::uint64_t> chaos;  // the seed of random kills
};

/// Reads the command line. Returns the exit code where the program ends here, or -1.
int parse(int argc, char** argv, Options& options);

}  // namespace example

// What the program is told on its command line.
#pragma once

#include <string>

namespace example {

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
};

/// Reads the command line. Returns the exit code where the program ends here, or -1.
int parse(int argc, char** argv, Options& options);

}  // namespace example

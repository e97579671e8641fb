#include "running_program.hpp"

#include "prong/os/signals.hpp"

#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include <fstream>
#include <iterator>
#include <utility>

namespace prong::tests {
namespace {

void put_file_at(int descriptor, const std::string& path, int flags) {
  const int opened = ::open(path.c_str(), flags | O_CLOEXEC, 0644);
  if (opened < 0 || ::dup2(opened, descriptor) < 0) ::_exit(126);
}

os::ChildProcess run(std::vector<std::string> command, const std::string& folder) {
  const int parent = ::getpid();
  const auto become_it = [&]() -> int {
    os::die_with_parent(parent);
    os::reset_signals();
    ::setpgid(0, 0);
    put_file_at(STDIN_FILENO, "/dev/null", O_RDONLY);
    put_file_at(STDOUT_FILENO, folder + "/stdout", O_WRONLY | O_CREAT | O_TRUNC);
    put_file_at(STDERR_FILENO, folder + "/stderr", O_WRONLY | O_CREAT | O_TRUNC);
    std::vector<char*> words;
    for (std::string& word : command) words.push_back(word.data());
    words.push_back(nullptr);
    ::execv(words[0], words.data());
    return 127;
  };
  os::ChildProcess child = os::ChildProcess::fork(become_it).value();
  ::setpgid(child.pid(), child.pid());  // here too: whoever comes second finds it done
  return child;
}

std::string contents(const std::string& path) {
  std::ifstream file{path, std::ios::binary};
  return {std::istreambuf_iterator<char>{file}, {}};
}

}  // namespace

RunningProgram::RunningProgram(std::vector<std::string> command, std::string folder)
    : folder_{std::move(folder)}, process_{run(std::move(command), folder_)} {}

int RunningProgram::exit_code() {
  const os::ExitStatus status = process_.wait(Deadline::never()).value();
  return status.signal != 0 ? 128 + status.signal : status.code;
}

std::string RunningProgram::output() const {
  return contents(folder_ + "/stdout");
}

std::string RunningProgram::errors() const {
  return contents(folder_ + "/stderr");
}

void RunningProgram::signal_all(int number) const {
  ::kill(-process_.pid(), number);
}

int RunningProgram::child(const std::string& name) const {
  const std::string pid = std::to_string(process_.pid());
  std::ifstream children{"/proc/" + pid + "/task/" + pid + "/children"};
  for (std::string child; children >> child;) {
    std::ifstream comm{"/proc/" + child + "/comm"};
    std::string found;
    std::getline(comm, found);
    if (found == name) return std::stoi(child);
  }
  return 0;
}

}  // namespace prong::tests

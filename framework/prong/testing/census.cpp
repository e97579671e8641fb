#include "prong/testing/census.hpp"

#include <dirent.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <iterator>
#include <memory>
#include <sstream>

namespace prong::testing {
namespace {

std::vector<std::string> names_in(const char* path) {
  std::vector<std::string> names;
  const std::unique_ptr<DIR, int (*)(DIR*)> directory{::opendir(path), ::closedir};
  if (!directory) return names;
  const std::string own = std::to_string(::dirfd(directory.get()));
  while (const dirent* entry = ::readdir(directory.get())) {
    const std::string name = entry->d_name;
    if (name != "." && name != ".." && !(std::string{path} == "/proc/self/fd" && name == own)) names.push_back(name);
  }
  return names;
}

void add_descriptors(std::multiset<std::string>& things) {
  for (const std::string& name : names_in("/proc/self/fd")) {
    char target[256];
    const auto length = ::readlink(("/proc/self/fd/" + name).c_str(), target, sizeof target);
    const std::string what = length > 0 ? std::string(target, static_cast<std::size_t>(length)) : "?";
    things.insert("descriptor " + name + " (" + what + ")");
  }
}

void add_children(std::multiset<std::string>& things) {
  for (const std::string& thread : names_in("/proc/self/task")) {
    std::ifstream children{"/proc/self/task/" + thread + "/children"};
    for (std::string pid; children >> pid;) {
      std::ifstream comm{"/proc/" + pid + "/comm"};
      std::string name;
      std::getline(comm, name);
      things.insert("child process " + pid + " (" + name + ")");
    }
  }
}

// Only shared mappings: private ones come and go with the allocator and with lazily loaded libraries.
void add_mappings(std::multiset<std::string>& things) {
  std::ifstream maps{"/proc/self/maps"};
  for (std::string line; std::getline(maps, line);) {
    std::istringstream words{line};
    std::string range, permissions, offset, device, inode, path;
    words >> range >> permissions >> offset >> device >> inode;
    std::getline(words >> std::ws, path);
    if (permissions.size() == 4 && permissions[3] == 's') things.insert("shared mapping " + path + " " + range);
  }
}

}  // namespace

Census Census::take() {
  Census census;
  add_descriptors(census.things_);
  add_children(census.things_);
  add_mappings(census.things_);
  for (const std::string& name : names_in("/dev/shm")) census.things_.insert("/dev/shm/" + name);
  return census;
}

std::vector<std::string> Census::differences(const Census& after) const {
  std::vector<std::string> more;
  std::vector<std::string> fewer;
  std::set_difference(after.things_.begin(), after.things_.end(), things_.begin(), things_.end(),
                      std::back_inserter(more));
  std::set_difference(things_.begin(), things_.end(), after.things_.begin(), after.things_.end(),
                      std::back_inserter(fewer));
  std::vector<std::string> sentences;
  for (const std::string& thing : more) sentences.push_back("left behind: " + thing);
  for (const std::string& thing : fewer) sentences.push_back("gone: " + thing);
  return sentences;
}

}  // namespace prong::testing

#include "prong/os/oom_kills.hpp"

#include <charconv>
#include <fstream>
#include <optional>
#include <sstream>
#include <vector>

namespace prong::os {
namespace {

Result<std::string> read_file(const std::string& path) {
  std::ifstream file{path};
  std::ostringstream text;
  text << file.rdbuf();
  if (!file || !text) return fail(Errc::system, path + " cannot be read");
  return std::move(text).str();
}

std::vector<std::string_view> split(std::string_view text, char separator) {
  std::vector<std::string_view> parts;
  while (true) {
    const auto end = text.find(separator);
    parts.push_back(text.substr(0, end));
    if (end == text.npos) return parts;
    text.remove_prefix(end + 1);
  }
}

bool contains(std::string_view list, std::string_view word) {
  for (const std::string_view one : split(list, ','))
    if (one == word) return true;
  return false;
}

// The hierarchy of control groups that accounts for memory.
struct Group {
  std::string path;  // within the hierarchy
  bool unified = false;
};

// Lines are "number:controllers:path"; the unified hierarchy has no controllers there. Source: cgroups(7).
std::optional<Group> memory_group(std::string_view membership) {
  std::optional<Group> found;
  for (const std::string_view line : split(membership, '\n')) {
    const auto first = line.find(':');
    const auto second = first == line.npos ? line.npos : line.find(':', first + 1);
    if (second == line.npos) continue;
    const std::string_view controllers = line.substr(first + 1, second - first - 1);
    const std::string path{line.substr(second + 1)};
    if (contains(controllers, "memory")) return Group{path, false};
    if (controllers.empty()) found = Group{path, true};
  }
  return found;
}

// Fields 4 and 5 are the directory of the hierarchy that is mounted and the place where; behind " - " come the type,
// the source and the options. Source: proc(5), mountinfo.
std::optional<std::string> directory_of(const Group& group, std::string_view mounts) {
  for (const std::string_view line : split(mounts, '\n')) {
    const auto dash = line.find(" - ");
    if (dash == line.npos) continue;
    const auto fields = split(line.substr(0, dash), ' ');
    const auto types = split(line.substr(dash + 3), ' ');
    if (fields.size() < 5 || types.size() < 3) continue;
    const bool is_it = group.unified ? types[0] == "cgroup2" : types[0] == "cgroup" && contains(types[2], "memory");
    if (!is_it) continue;
    std::string_view root = fields[3];
    if (root == "/") root = {};
    // What is mounted may be a part of the hierarchy that the group is not in.
    if (!group.path.starts_with(root)) continue;
    std::string below = group.path.substr(root.size());
    if (!below.empty() && below.front() != '/') continue;
    if (below == "/") below.clear();
    return std::string{fields[4]} + below;
  }
  return std::nullopt;
}

}  // namespace

Result<std::uint64_t> parse_oom_kills(std::string_view text) {
  for (const std::string_view line : split(text, '\n')) {
    constexpr std::string_view key = "oom_kill ";
    if (!line.starts_with(key)) continue;
    std::uint64_t count = 0;
    const auto [end, error] = std::from_chars(line.data() + key.size(), line.data() + line.size(), count);
    if (error == std::errc{}) return count;
  }
  return fail(Errc::not_supported, "no count of out-of-memory kills");
}

Result<OomKillCounter> OomKillCounter::of(pid_t pid, const std::string& root) {
  PRONG_TRY_ASSIGN(const std::string membership, read_file(root + "/proc/" + std::to_string(pid) + "/cgroup"));
  std::vector<std::string> candidates;
  if (const auto group = memory_group(membership)) {
    PRONG_TRY_ASSIGN(const std::string mounts, read_file(root + "/proc/self/mountinfo"));
    if (const auto directory = directory_of(*group, mounts)) {
      // The local one does not count what was killed in groups below this one.
      if (group->unified)
        candidates = {*directory + "/memory.events.local", *directory + "/memory.events"};
      else
        candidates = {*directory + "/memory.oom_control"};
    }
  }
  candidates.emplace_back("/proc/vmstat");
  for (const std::string& candidate : candidates) {
    OomKillCounter counter{root + candidate};
    if (counter.read()) return counter;
  }
  return fail(Errc::not_supported, "this kernel does not count out-of-memory kills");
}

Result<std::uint64_t> OomKillCounter::read() const {
  PRONG_TRY_ASSIGN(const std::string text, read_file(file_));
  return parse_oom_kills(text);
}

}  // namespace prong::os

#include "prong/process/detail/process_registry.hpp"

#include <map>
#include <mutex>

namespace prong::detail {
namespace {

struct Registry {
  std::mutex mutex;
  std::uint64_t last = 0;
  std::map<std::uint64_t, MessageProcess*> processes;
};

// Never destroyed: processes of static storage may still unregister at exit.
Registry& registry() {
  static Registry* const instance = new Registry;
  return *instance;
}

}  // namespace

std::uint64_t register_process(MessageProcess& process) {
  Registry& all = registry();
  const std::lock_guard lock{all.mutex};
  all.processes.emplace(++all.last, &process);
  return all.last;
}

void unregister_process(std::uint64_t serial) noexcept {
  Registry& all = registry();
  const std::lock_guard lock{all.mutex};
  all.processes.erase(serial);
}

MessageProcess* find_process(std::uint64_t serial) noexcept {
  Registry& all = registry();
  const std::lock_guard lock{all.mutex};
  const auto found = all.processes.find(serial);
  return found == all.processes.end() ? nullptr : found->second;
}

std::vector<MessageProcess*> registered_processes() {
  Registry& all = registry();
  const std::lock_guard lock{all.mutex};
  std::vector<MessageProcess*> list;
  for (const auto& [serial, process] : all.processes) list.push_back(process);
  return list;
}

std::uint64_t last_process_serial() noexcept {
  Registry& all = registry();
  const std::lock_guard lock{all.mutex};
  return all.last;
}

}  // namespace prong::detail

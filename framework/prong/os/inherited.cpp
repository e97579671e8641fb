#include "prong/os/inherited.hpp"

#include <unistd.h>

#include <algorithm>
#include <mutex>
#include <vector>

namespace prong::os {
namespace {

struct Registry {
  std::mutex mutex;
  std::vector<int> descriptors;
};

// Never destroyed: objects of static storage may still unregister at exit.
Registry& registry() {
  static Registry* const instance = new Registry;
  return *instance;
}

void unregister(int descriptor) noexcept {
  Registry& list = registry();
  const std::lock_guard lock{list.mutex};
  const auto found = std::find(list.descriptors.begin(), list.descriptors.end(), descriptor);
  if (found != list.descriptors.end()) list.descriptors.erase(found);
}

}  // namespace

InheritedDescriptor::InheritedDescriptor(int descriptor) : descriptor_{descriptor} {
  Registry& list = registry();
  const std::lock_guard lock{list.mutex};
  list.descriptors.push_back(descriptor);
}

InheritedDescriptor& InheritedDescriptor::operator=(InheritedDescriptor&& other) noexcept {
  if (this != &other) {
    if (descriptor_ >= 0) unregister(descriptor_);
    descriptor_ = std::exchange(other.descriptor_, -1);
  }
  return *this;
}

InheritedDescriptor::~InheritedDescriptor() {
  if (descriptor_ >= 0) unregister(descriptor_);
}

Result<void> close_all_but_inherited(std::span<const int> also) {
  Registry& list = registry();
  std::vector<int> keep;
  {
    // The fork that came before was of a process with one thread: nobody held the lock.
    const std::lock_guard lock{list.mutex};
    keep = list.descriptors;
  }
  keep.insert(keep.end(), also.begin(), also.end());
  std::sort(keep.begin(), keep.end());
  unsigned next = STDERR_FILENO + 1;
  for (const int descriptor : keep) {
    if (descriptor < static_cast<int>(next)) continue;
    const auto number = static_cast<unsigned>(descriptor);
    if (number > next && ::close_range(next, number - 1, 0) != 0) return Error::from_errno("close_range");
    next = number + 1;
  }
  if (::close_range(next, ~0U, 0) != 0) return Error::from_errno("close_range");
  return {};
}

}  // namespace prong::os

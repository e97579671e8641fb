#include "prong/process/detail/oom_watch.hpp"

#include <map>
#include <mutex>

namespace prong::detail {
namespace {

// How many kills of each counter have explained a death.
struct Claims {
  std::mutex mutex;
  std::map<std::string, std::uint64_t> of;
};

// Never destroyed: processes of static storage may still end at exit.
Claims& claims() {
  static Claims* const instance = new Claims;
  return *instance;
}

std::uint64_t unclaimed(Claims& all, const std::string& file, std::uint64_t count) {
  std::uint64_t& claimed = all.of[file];
  // A counter that has gone back is that of another group under the same name.
  if (claimed > count) claimed = 0;
  return count - claimed;
}

}  // namespace

OomWatch::OomWatch(pid_t pid, const std::string& root) {
  follow(pid, root);
}

void OomWatch::follow(pid_t pid, const std::string& root) {
  auto counter = os::OomKillCounter::of(pid, root);
  if (!counter || (counter_ && counter_->file() == counter->file())) return;
  const auto count = counter->read();
  if (!count) return;
  Claims& all = claims();
  const std::lock_guard lock{all.mutex};
  unclaimed_before_ = unclaimed(all, counter->file(), *count);
  counter_ = std::move(*counter);
}

std::string OomWatch::claim() const {
  if (!counter_) return {};
  Claims& all = claims();
  const std::lock_guard lock{all.mutex};
  const auto count = counter_->read();
  if (!count || unclaimed(all, counter_->file(), *count) <= unclaimed_before_) return {};
  ++all.of[counter_->file()];
  return counter_->file();
}

}  // namespace prong::detail

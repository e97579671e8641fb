// The life of a backend as its frontend sees it: where it was forked makes no difference to the rest.
#pragma once

#include "prong/os/child_process.hpp"
#include "prong/process/served_process.hpp"

#include <functional>
#include <memory>

namespace prong::detail {

/// The life of a backend.
///
/// Thread safety: signal() from any thread; collect() from one thread at a time.
class BackendLife {
 public:
  virtual ~BackendLife() = default;
  /// Returns the descriptor that is readable once the backend has ended.
  [[nodiscard]] virtual int descriptor() const noexcept = 0;
  [[nodiscard]] virtual int pid() const noexcept = 0;
  /// Reaps the backend, and ends what it had started. Requires: descriptor() is readable. Fails with: system.
  [[nodiscard]] virtual Result<os::ExitStatus> collect() = 0;
  virtual void signal(int number) noexcept = 0;
  /// Tells whether it was ended because the process that had forked it died. Requires: collect() came before.
  [[nodiscard]] virtual bool parent_died() const noexcept { return false; }
  [[nodiscard]] virtual os::ResourceUsage usage() const = 0;
};

/// Returns the life of a process that this one has forked.
[[nodiscard]] std::unique_ptr<BackendLife> life_of(os::ChildProcess child);
/// Returns the life of a process that the fork server has forked.
[[nodiscard]] std::unique_ptr<BackendLife> life_of(ServedProcess child);
/// Runs a backend in a thread of this process. It cannot be killed; it can only be asked to stop.
[[nodiscard]] std::unique_ptr<BackendLife> life_of_thread(std::function<int()> main);

}  // namespace prong::detail

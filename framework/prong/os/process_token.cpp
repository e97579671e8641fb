#include "prong/os/process_token.hpp"

#include <pthread.h>
#include <unistd.h>

#include <atomic>

namespace prong::os {
namespace {

std::atomic<std::uint64_t> token{0};

std::uint64_t initialise() noexcept {
  static const bool registered = [] {
    ::pthread_atfork(nullptr, nullptr,
                     [] { token.store(static_cast<std::uint64_t>(::getpid()), std::memory_order_relaxed); });
    return true;
  }();
  static_cast<void>(registered);
  const auto pid = static_cast<std::uint64_t>(::getpid());
  token.store(pid, std::memory_order_relaxed);
  return pid;
}

}  // namespace

std::uint64_t process_token() noexcept {
  const std::uint64_t known = token.load(std::memory_order_relaxed);
  return known != 0 ? known : initialise();
}

}  // namespace prong::os

// Which MessageProcess objects there are: how a copy of the program finds the one it is to be.
#pragma once

#include <cstdint>
#include <vector>

namespace prong {
class MessageProcess;
}

namespace prong::detail {

/// Lists an object and returns its number, which is never used again. Thread safety: any thread.
std::uint64_t register_process(MessageProcess& process);
void unregister_process(std::uint64_t serial) noexcept;
/// Returns the object with this number, or null.
[[nodiscard]] MessageProcess* find_process(std::uint64_t serial) noexcept;
[[nodiscard]] std::vector<MessageProcess*> registered_processes();
/// Returns the highest number given so far.
[[nodiscard]] std::uint64_t last_process_serial() noexcept;

}  // namespace prong::detail

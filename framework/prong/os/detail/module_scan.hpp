// Which files the code of a process came from, by /proc alone.
//
// Everything here may run in a signal handler: it allocates nothing, takes no lock and reads foreign memory by system
// calls that fail where nothing is mapped.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

namespace prong::os::detail {

/// The mappings of one file that holds code, or the kernel's "[vdso]".
struct MappedModule {
  std::uint64_t begin = 0;
  std::uint64_t end = 0;
  std::uint64_t file_offset = 0;  ///< Of `begin`.
  std::uint64_t device = 0;
  std::uint64_t inode = 0;
  std::string_view path;  ///< Only until the visitor returns.
};

/// The mark by which the linker tells one build of a file from another.
struct BuildId {
  std::uint8_t bytes[32] = {};
  std::size_t size = 0;  ///< 0 if there is none.
};

/// Calls `visit` for each module of process `pid`, in the order of addresses, until it returns false.
///
/// Returns false if the list cannot be read to its end. Source: proc(5), maps.
bool visit_modules(pid_t pid, bool (*visit)(void* argument, const MappedModule& module), void* argument) noexcept;

/// Reads the build ID out of the memory of process `pid`. Source: elf(5), NT_GNU_BUILD_ID.
[[nodiscard]] BuildId read_build_id(pid_t pid, const MappedModule& module) noexcept;

/// Finds the build ID in the notes of an ELF file.
[[nodiscard]] BuildId find_build_id(std::span<const std::byte> notes) noexcept;

/// Copies memory of process `pid`; tells whether all of it was there. Source: process_vm_readv(2).
bool read_memory(pid_t pid, std::uint64_t address, std::span<std::byte> into) noexcept;

}  // namespace prong::os::detail

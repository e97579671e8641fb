// The file that a module's code came from, opened only if it is safe to open and still the same.
#pragma once

#include "prong/os/stack_capture.hpp"
#include "prong/os/unique_fd.hpp"

struct Elf;

namespace prong::os::detail {

/// An ELF file, read by system calls where it is looked at: it is not mapped, so nobody who shortens it can make the
/// reader fault.
struct ModuleFile {
  UniqueFd descriptor;
  std::vector<char> memory;  ///< Of the kernel's module, which is in no file.
  Elf* elf = nullptr;        ///< To be ended by elf_end, before the members above are gone.
  bool is_own = false;       ///< This process runs it, too.
};

/// Opens the files of modules.
class ModuleFiles {
 public:
  ModuleFiles();

  /// Opens the file of `module`, if it is a regular file and the build that was mapped.
  ///
  /// Opens no device, pipe or file of the kernel, whatever the path. Returns no elf where it is not to be opened.
  [[nodiscard]] ModuleFile open(const CapturedModule& module) const;
  /// As open(), for who reads no more of the file than a symbol table: is_own is not looked for.
  [[nodiscard]] static ModuleFile open_for_symbols(const CapturedModule& module);

 private:
  // What this process runs itself: what these files say is as good as what they do.
  struct Own {
    std::string path;
    std::vector<std::uint8_t> build_id;
    std::uint64_t begin = 0;
    std::uint64_t end = 0;
  };

  std::vector<Own> own_;
};

/// Opens the separate debug information for a build ID, as packages install it below /usr/lib/debug.
/// Returns nothing unless root alone can write it.
[[nodiscard]] UniqueFd open_debug_file(const std::vector<std::uint8_t>& build_id);

}  // namespace prong::os::detail

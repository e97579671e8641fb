#include "prong/os/detail/module_file.hpp"

#include "prong/os/detail/module_scan.hpp"

#include <elfutils/libdwelf.h>
#include <fcntl.h>
#include <gelf.h>
#include <libelf.h>
#include <linux/magic.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <string_view>

namespace prong::os::detail {
namespace {

constexpr off_t largest_file = off_t{4} << 30;
// What libdw reads into memory to find a line.
constexpr std::uint64_t most_debug_bytes = std::uint64_t{512} << 20;
constexpr std::size_t most_sections = 100'000;

// The kernel's own files may wait, or do something; those of a file system in a process do what that process likes.
bool may_wait(int descriptor, bool is_own) noexcept {
  struct statfs info {};
  if (::fstatfs(descriptor, &info) != 0) return true;
  if (!is_own && static_cast<unsigned long>(info.f_type) == FUSE_SUPER_MAGIC) return true;
  static constexpr unsigned long kernels[] = {PROC_SUPER_MAGIC,   SYSFS_MAGIC,         DEBUGFS_MAGIC, TRACEFS_MAGIC,
                                              CGROUP_SUPER_MAGIC, CGROUP2_SUPER_MAGIC, BPF_FS_MAGIC,  SECURITYFS_MAGIC,
                                              SELINUX_MAGIC,      PSTOREFS_MAGIC,      EFIVARFS_MAGIC};
  return std::find(std::begin(kernels), std::end(kernels), static_cast<unsigned long>(info.f_type)) !=
         std::end(kernels);
}

// Opens a file for reading once it is known to be one: a pipe would wait for a writer, a device would do whatever it
// does when it is opened.
UniqueFd open_regular(const std::string& path, bool is_own, struct stat& status) {
  if (path.empty() || path.front() != '/' || path.find('\0') != path.npos) return {};
  const UniqueFd place{::open(path.c_str(), O_PATH | O_CLOEXEC)};
  if (!place || ::fstat(place.get(), &status) != 0) return {};
  if (!S_ISREG(status.st_mode) || status.st_size < EI_NIDENT || status.st_size > largest_file) return {};
  if (may_wait(place.get(), is_own)) return {};
  const std::string same = "/proc/self/fd/" + std::to_string(place.get());
  return UniqueFd{::open(same.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK)};
}

bool has_id(Elf* elf, const std::vector<std::uint8_t>& wanted) {
  const void* id = nullptr;
  const ssize_t size = ::dwelf_elf_gnu_build_id(elf, &id);
  if (size <= 0) return wanted.empty();
  return wanted.size() == static_cast<std::size_t>(size) && std::memcmp(id, wanted.data(), wanted.size()) == 0;
}

bool is_of_this_machine(Elf* elf) noexcept {
  GElf_Ehdr header;
  if (::elf_kind(elf) != ELF_K_ELF || ::gelf_getehdr(elf, &header) == nullptr) return false;
#if defined(__x86_64__)
  constexpr auto machine = EM_X86_64;
#else
  constexpr auto machine = EM_AARCH64;
#endif
  return header.e_ident[EI_CLASS] == ELFCLASS64 && header.e_ident[EI_DATA] == ELFDATA2LSB &&
         header.e_machine == machine && (header.e_type == ET_EXEC || header.e_type == ET_DYN);
}

// Tells whether libdw would read more of the file than is good. A file that this process does not run itself must not
// lead to further files, nor hold a compressed symbol table, whose size nobody tells beforehand.
bool is_too_much(Elf* elf, bool is_own) {
  std::size_t names = 0;
  std::size_t sections = 0;
  if (::elf_getshdrstrndx(elf, &names) != 0 || ::elf_getshdrnum(elf, &sections) != 0) return false;
  if (sections > most_sections) return true;
  std::uint64_t total = 0;
  for (Elf_Scn* section = ::elf_nextscn(elf, nullptr); section != nullptr; section = ::elf_nextscn(elf, section)) {
    GElf_Shdr header;
    if (::gelf_getshdr(section, &header) == nullptr || header.sh_type == SHT_NOBITS) continue;
    const char* const text = ::elf_strptr(elf, names, header.sh_name);
    const std::string_view name = text != nullptr ? text : "";
    if (!is_own && (name == ".gnu_debugdata" || name == ".gnu_debugaltlink")) return true;
    if ((header.sh_flags & SHF_ALLOC) != 0) continue;
    GElf_Chdr compressed;
    const bool is_compressed =
        (header.sh_flags & SHF_COMPRESSED) != 0 && ::gelf_getchdr(section, &compressed) != nullptr;
    const std::uint64_t size = is_compressed ? compressed.ch_size : header.sh_size;
    if (size > most_debug_bytes || (total += size) > most_debug_bytes) return true;
    if (!is_own && name.starts_with(".zdebug")) return true;
  }
  return false;
}

enum class Use { debug_information, symbol_table };

ModuleFile open_file(const std::string& path, const CapturedModule& module, bool is_own, Use use) {
  ModuleFile file;
  file.is_own = is_own;
  struct stat status {};
  file.descriptor = open_regular(path, is_own, status);
  if (!file.descriptor) return file;
  // Without a build ID, the file must at least be the one that was mapped.
  if (module.build_id.empty() && status.st_ino != module.inode) return file;
  Elf* const elf = ::elf_begin(file.descriptor.get(), ELF_C_READ, nullptr);
  if (elf == nullptr) return file;
  if (is_of_this_machine(elf) && has_id(elf, module.build_id) &&
      (use == Use::symbol_table || !is_too_much(elf, is_own)))
    file.elf = elf;
  else
    ::elf_end(elf);
  return file;
}

}  // namespace

ModuleFiles::ModuleFiles() {
  ::elf_version(EV_CURRENT);
  const auto add = [](void* argument, const MappedModule& module) {
    const BuildId id = read_build_id(::getpid(), module);
    static_cast<std::vector<Own>*>(argument)->push_back(
        {std::string{module.path}, {id.bytes, id.bytes + id.size}, module.begin, module.end});
    return true;
  };
  visit_modules(::getpid(), add, &own_);
}

ModuleFile ModuleFiles::open(const CapturedModule& module) const {
  const auto own = std::find_if(own_.begin(), own_.end(), [&](const Own& one) {
    return !one.build_id.empty() && one.build_id == module.build_id;
  });
  if (own == own_.end()) return open_file(module.path, module, false, Use::debug_information);
  // Whatever the page calls it: this is where the file of that build is.
  if (own->path != "[vdso]") return open_file(own->path, module, true, Use::debug_information);
  ModuleFile file;
  file.is_own = true;
  file.memory.resize(own->end - own->begin);
  std::memcpy(file.memory.data(), reinterpret_cast<const void*>(own->begin), file.memory.size());
  file.elf = ::elf_memory(file.memory.data(), file.memory.size());
  return file;
}

ModuleFile ModuleFiles::open_for_symbols(const CapturedModule& module) {
  ::elf_version(EV_CURRENT);
  return open_file(module.path, module, false, Use::symbol_table);
}

UniqueFd open_debug_file(const std::vector<std::uint8_t>& build_id) {
  if (build_id.size() < 2) return {};
  static constexpr char digits[] = "0123456789abcdef";
  std::string name;
  for (const std::uint8_t byte : build_id) {
    name += digits[byte >> 4];
    name += digits[byte & 15];
  }
  struct stat status {};
  UniqueFd file =
      open_regular("/usr/lib/debug/.build-id/" + name.substr(0, 2) + "/" + name.substr(2) + ".debug", true, status);
  const bool is_roots = status.st_uid == 0 && (status.st_mode & (S_IWGRP | S_IWOTH)) == 0;
  if (!file || !is_roots || static_cast<std::uint64_t>(status.st_size) > most_debug_bytes) return {};
  return file;
}

}  // namespace prong::os::detail

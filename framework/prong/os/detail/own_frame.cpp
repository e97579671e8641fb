#include "prong/os/detail/module_file.hpp"
#include "prong/os/detail/safe_text.hpp"
#include "prong/os/detail/stack_symbols.hpp"

#include <gelf.h>
#include <libelf.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <limits>
#include <map>
#include <memory>
#include <span>

namespace prong::os::detail {
namespace {

// A larger table takes milliseconds to read; its functions go without names here.
constexpr std::uint64_t most_symbol_bytes = std::uint64_t{8} << 20;
constexpr std::size_t most_files = 4;
constexpr std::size_t most_names = 8;
constexpr std::size_t longest_name = 1024;

struct EndElf {
  void operator()(Elf* elf) const noexcept { ::elf_end(elf); }
};

// The functions of one file, as its symbol table has them. Reads the table in pieces and one name: libelf would read
// all names, a megabyte in an ordinary program.
class FunctionTable {
 public:
  explicit FunctionTable(const CapturedModule& module) : file_{ModuleFiles::open_for_symbols(module)}, elf_{file_.elf} {
    if (elf_ == nullptr) return;
    find_tables();
    find_bias(module);
  }

  [[nodiscard]] bool exists() const noexcept { return elf_ != nullptr; }
  /// Returns the address as the file counts.
  [[nodiscard]] std::uint64_t in_file(std::uint64_t address) const noexcept { return address - bias_; }
  [[nodiscard]] std::string name_at(std::uint64_t address) const {
    constexpr std::size_t piece = 2048;
    std::array<Elf64_Sym, piece> symbols;
    const std::uint64_t count = symbols_.sh_size / sizeof(Elf64_Sym);
    for (std::uint64_t first = 0; first < count; first += piece) {
      const std::size_t wanted = std::min<std::uint64_t>(piece, count - first) * sizeof(Elf64_Sym);
      if (read(symbols_.sh_offset + first * sizeof(Elf64_Sym), symbols.data(), wanted) != wanted) break;
      for (const Elf64_Sym& symbol : std::span{symbols}.first(wanted / sizeof(Elf64_Sym))) {
        if (ELF64_ST_TYPE(symbol.st_info) != STT_FUNC || symbol.st_shndx == SHN_UNDEF) continue;
        if (address >= symbol.st_value && address - symbol.st_value < symbol.st_size) return name(symbol.st_name);
      }
    }
    return {};
  }

 private:
  void find_tables() {
    Elf_Scn* section = nullptr;
    while ((section = ::elf_nextscn(elf_.get(), section)) != nullptr) {
      GElf_Shdr header;
      if (::gelf_getshdr(section, &header) == nullptr || header.sh_size > most_symbol_bytes) continue;
      // The table for the dynamic linker has the exported functions only.
      if (header.sh_type != SHT_SYMTAB && (header.sh_type != SHT_DYNSYM || symbols_.sh_type == SHT_SYMTAB)) continue;
      Elf_Scn* const names = ::elf_getscn(elf_.get(), header.sh_link);
      if (names == nullptr || ::gelf_getshdr(names, &names_) == nullptr) continue;
      symbols_ = header;
    }
  }
  void find_bias(const CapturedModule& module) {
    std::size_t count = 0;
    if (::elf_getphdrnum(elf_.get(), &count) != 0) return;
    for (std::size_t i = 0; i < count; ++i) {
      GElf_Phdr segment;
      if (::gelf_getphdr(elf_.get(), static_cast<int>(i), &segment) == nullptr || segment.p_type != PT_LOAD) continue;
      bias_ = module.begin - module.file_offset - (segment.p_vaddr - segment.p_offset);
      return;
    }
  }
  std::size_t read(std::uint64_t offset, void* into, std::size_t size) const noexcept {
    if (offset > static_cast<std::uint64_t>(std::numeric_limits<off_t>::max())) return 0;
    const ssize_t got = ::pread(file_.descriptor.get(), into, size, static_cast<off_t>(offset));
    return got > 0 ? static_cast<std::size_t>(got) : 0;
  }
  [[nodiscard]] std::string name(std::uint64_t offset) const {
    char text[longest_name];
    if (offset >= names_.sh_size) return {};
    const std::size_t got =
        read(names_.sh_offset + offset, text, std::min<std::uint64_t>(sizeof text, names_.sh_size - offset));
    return demangled(until_zero(text, got), NameTrust::foreign);
  }

  ModuleFile file_;
  std::unique_ptr<Elf, EndElf> elf_;
  GElf_Shdr symbols_{};
  GElf_Shdr names_{};
  std::uint64_t bias_ = 0;
};

}  // namespace

StackFrame find_own_frame(const StackCapture& capture) {
  StackFrame innermost;
  if (capture.threads.empty()) return innermost;
  const CapturedThread& thread = capture.threads.front();
  std::vector<CapturedFrame> frames = thread.frames;
  if (frames.empty() && thread.image.pc != 0) frames.push_back({.address = thread.image.pc, .exact = true});
  std::map<const CapturedModule*, FunctionTable> tables;
  std::size_t names = 0;
  for (const CapturedFrame& captured : frames) {
    StackFrame frame;
    frame.address = captured.address;
    const std::uint64_t address = captured.exact || captured.address == 0 ? captured.address : captured.address - 1;
    const auto module = std::find_if(capture.modules.begin(), capture.modules.end(), [&](const CapturedModule& one) {
      return address >= one.begin && address < one.end;
    });
    if (module != capture.modules.end()) {
      frame.module = printable(module->path);
      frame.offset = captured.address - module->begin + module->file_offset;
      // Files of the system are not worth opening: their frames are not looked for.
      if (is_own(frame) && tables.size() < most_files && names++ < most_names) {
        const FunctionTable& table = tables.try_emplace(&*module, *module).first->second;
        if (table.exists()) {
          frame.offset = table.in_file(captured.address);
          frame.function = table.name_at(table.in_file(address));
        }
        if (is_own(frame)) return frame;
      }
    }
    if (innermost.address == 0) innermost = frame;
  }
  return innermost;
}

}  // namespace prong::os::detail

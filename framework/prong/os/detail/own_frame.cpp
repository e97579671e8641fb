#include "prong/os/detail/module_file.hpp"
#include "prong/os/detail/safe_text.hpp"
#include "prong/os/detail/stack_symbols.hpp"

#include <gelf.h>
#include <libelf.h>

#include <algorithm>
#include <map>
#include <memory>
#include <optional>

namespace prong::os::detail {
namespace {

// A larger table takes milliseconds to read; its functions go without names here.
constexpr std::uint64_t most_symbol_bytes = std::uint64_t{8} << 20;
constexpr std::size_t most_files = 4;
constexpr std::size_t longest_name = 4096;

struct EndElf {
  void operator()(Elf* elf) const noexcept { ::elf_end(elf); }
};

// The functions of one file, as its symbol table has them.
class FunctionTable {
 public:
  explicit FunctionTable(const CapturedModule& module) : file_{ModuleFiles::open_foreign(module)}, elf_{file_.elf} {
    if (elf_ == nullptr) return;
    Elf_Scn* section = nullptr;
    while ((section = ::elf_nextscn(elf_.get(), section)) != nullptr) {
      GElf_Shdr header;
      if (::gelf_getshdr(section, &header) == nullptr || header.sh_size > most_symbol_bytes) continue;
      // The table for the dynamic linker has the exported functions only.
      if (header.sh_type != SHT_SYMTAB && (header.sh_type != SHT_DYNSYM || symbols_ != nullptr)) continue;
      symbols_ = ::elf_getdata(section, nullptr);
      names_ = header.sh_link;
    }
    place(module);
  }

  [[nodiscard]] bool exists() const noexcept { return elf_ != nullptr; }
  /// Returns the address as the file counts.
  [[nodiscard]] std::uint64_t in_file(std::uint64_t address) const noexcept { return address - bias_; }
  [[nodiscard]] std::string name_at(std::uint64_t address) const {
    GElf_Sym symbol;
    for (int i = 0; symbols_ != nullptr && ::gelf_getsym(symbols_, i, &symbol) != nullptr; ++i) {
      if (GELF_ST_TYPE(symbol.st_info) != STT_FUNC || symbol.st_shndx == SHN_UNDEF) continue;
      if (address < symbol.st_value || address - symbol.st_value >= symbol.st_size) continue;
      const char* const name = ::elf_strptr(elf_.get(), names_, symbol.st_name);
      return name == nullptr ? std::string{} : demangled(until_zero(name, longest_name), NameTrust::foreign);
    }
    return {};
  }

 private:
  void place(const CapturedModule& module) {
    std::size_t count = 0;
    if (::elf_getphdrnum(elf_.get(), &count) != 0) return;
    for (std::size_t i = 0; i < count; ++i) {
      GElf_Phdr segment;
      if (::gelf_getphdr(elf_.get(), static_cast<int>(i), &segment) == nullptr || segment.p_type != PT_LOAD) continue;
      bias_ = module.begin - module.file_offset - (segment.p_vaddr - segment.p_offset);
      return;
    }
  }

  ModuleFile file_;
  std::unique_ptr<Elf, EndElf> elf_;
  Elf_Data* symbols_ = nullptr;
  std::size_t names_ = 0;
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
      if (is_own(frame) && tables.size() < most_files) {
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

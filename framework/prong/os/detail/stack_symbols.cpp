#include "prong/os/detail/stack_symbols.hpp"

#include "prong/os/detail/module_file.hpp"
#include "prong/os/detail/safe_text.hpp"
#include "prong/os/shared_memory.hpp"

#include <dwarf.h>
#include <elfutils/libdwfl.h>
#include <libelf.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <memory>
#include <mutex>
#include <utility>

namespace prong::os::detail {
namespace {

constexpr std::size_t most_unwound_frames = 256;
constexpr std::size_t most_inlined = 32;  // at one address
constexpr std::size_t longest_text = 1024;
// What takes longer is left without lines, then without names.
constexpr std::chrono::seconds patience{5};

std::string text_of(const char* text) {
  return text == nullptr ? std::string{} : printable(until_zero(text, longest_text));
}

class Symbols;

// One module of the capture, opened when its first address is looked for.
struct Module {
  Symbols* symbols = nullptr;
  const CapturedModule* captured = nullptr;
  ModuleFile file;
  bool debug_asked = false;
};

class Symbols {
 public:
  explicit Symbols(const StackCapture& capture);
  ~Symbols();
  Symbols(const Symbols&) = delete;
  Symbols& operator=(const Symbols&) = delete;

  ThreadStack name_thread(const CapturedThread& thread);

  // What libdwfl asks.
  [[nodiscard]] int open(Module& module, char** name, Elf** elf);
  [[nodiscard]] const StackImage& image() const noexcept { return *image_; }

 private:
  void report_modules();
  void unwind(const CapturedThread& thread, std::vector<CapturedFrame>& frames, std::string& remark);
  void name_frame(const CapturedFrame& frame, std::vector<StackFrame>& into);
  bool add_lines(Dwfl_Module* handle, std::uint64_t address, const StackFrame& whole, std::vector<StackFrame>& into);
  Dwarf_Die* unit_of(Dwfl_Module* handle, std::uint64_t address, Dwarf_Addr& bias);
  [[nodiscard]] bool is_late() const { return std::chrono::steady_clock::now() > end_; }

  ModuleFiles files_;
  std::vector<Module> modules_;  // in the order of addresses, none inside another
  Dwfl* dwfl_ = nullptr;
  const StackImage* image_ = nullptr;  // of the thread that is being unwound
  bool attached_ = false;
  std::chrono::steady_clock::time_point end_ = std::chrono::steady_clock::now() + patience;
};

// --- What libdwfl calls: no exception may pass through it
// --------------------------------------------------------------

Module& module_of(void** user) noexcept {
  return *static_cast<Module*>(*user);
}

int find_elf(Dwfl_Module*, void** user, const char*, Dwarf_Addr, char** name, Elf** elf) {
  try {
    Module& module = module_of(user);
    return module.symbols->open(module, name, elf);
  } catch (const std::exception&) {
    return -1;
  }
}

int find_debug(Dwfl_Module*, void** user, const char*, Dwarf_Addr, const char*, const char*, GElf_Word, char**) {
  Module& module = module_of(user);
  // Asked a second time, it is for the debug information that several files share: they are named without it.
  if (std::exchange(module.debug_asked, true)) return -1;
  try {
    return open_debug_file(module.captured->build_id).release();
  } catch (const std::exception&) {
    return -1;
  }
}

bool read_word(Dwfl*, Dwarf_Addr address, Dwarf_Word* word, void* argument) {
  const StackImage& image = static_cast<const Symbols*>(argument)->image();
  if (address < image.begin || image.memory.size() < sizeof *word) return false;
  const std::uint64_t offset = address - image.begin;
  if (offset > image.memory.size() - sizeof *word) return false;
  std::memcpy(word, image.memory.data() + offset, sizeof *word);
  return true;
}

bool set_registers(Dwfl_Thread* thread, void* argument) {
  const StackImage& image = static_cast<const Symbols*>(argument)->image();
#if defined(__x86_64__)
  constexpr unsigned count = 17;
#else
  constexpr unsigned count = 32;
#endif
  ::dwfl_thread_state_register_pc(thread, image.pc);
  return ::dwfl_thread_state_registers(thread, 0, count, image.registers.data());
}

pid_t next_thread(Dwfl*, void*, void**) {
  return 0;
}

bool get_thread(Dwfl*, pid_t, void* argument, void** thread) {
  *thread = argument;
  return true;
}

constexpr Dwfl_Callbacks module_callbacks{
    .find_elf = find_elf, .find_debuginfo = find_debug, .section_address = nullptr, .debuginfo_path = nullptr};
constexpr Dwfl_Thread_Callbacks thread_callbacks{.next_thread = next_thread,
                                                 .get_thread = get_thread,
                                                 .memory_read = read_word,
                                                 .set_initial_registers = set_registers,
                                                 .detach = nullptr,
                                                 .thread_detach = nullptr};

int note_frame(Dwfl_Frame* state, void* argument) {
  auto& frames = *static_cast<std::vector<CapturedFrame>*>(argument);
  Dwarf_Addr pc = 0;
  bool exact = false;
  if (!::dwfl_frame_pc(state, &pc, &exact) || (pc == 0 && !frames.empty())) return DWARF_CB_ABORT;
  frames.push_back({.address = pc, .exact = exact});
  return frames.size() < most_unwound_frames ? DWARF_CB_OK : DWARF_CB_ABORT;
}

// --- Modules ---------------------------------------------------------------------------------------------------------

Symbols::Symbols(const StackCapture& capture) : dwfl_{::dwfl_begin(&module_callbacks)} {
  constexpr std::uint64_t end_of_user_memory = std::uint64_t{1} << 56;
  for (const CapturedModule& one : capture.modules)
    if (one.begin < one.end && one.end <= end_of_user_memory && one.begin % page_size() == 0)
      modules_.push_back({.symbols = this, .captured = &one, .file = {}});
  std::sort(modules_.begin(), modules_.end(),
            [](const Module& a, const Module& b) { return a.captured->begin < b.captured->begin; });
  // What lies inside another is a lie.
  std::uint64_t end = 0;
  std::erase_if(modules_, [&](const Module& module) {
    if (module.captured->begin < end) return true;
    end = module.captured->end;
    return false;
  });
  if (dwfl_ != nullptr) report_modules();
}

Symbols::~Symbols() {
  if (dwfl_ != nullptr) ::dwfl_end(dwfl_);  // ends the Elfs, too
}

void Symbols::report_modules() {
  ::dwfl_report_begin(dwfl_);
  for (Module& module : modules_) {
    // libdwfl takes the first byte of the mapping for the first of the file.
    if (module.captured->file_offset != 0) continue;
    Dwfl_Module* const handle = ::dwfl_report_module(dwfl_, printable(module.captured->path).c_str(),
                                                     module.captured->begin, module.captured->end);
    void** user = nullptr;
    if (handle == nullptr) continue;
    ::dwfl_module_info(handle, &user, nullptr, nullptr, nullptr, nullptr, nullptr, nullptr);
    *user = &module;
  }
  ::dwfl_report_end(dwfl_, nullptr, nullptr);
}

int Symbols::open(Module& module, char** name, Elf** elf) {
  if (is_late()) return -1;
  module.file = files_.open(*module.captured);
  if (module.file.elf == nullptr) return -1;
  *name = ::strdup(module.captured->path.c_str());
  *elf = module.file.elf;
  return module.file.descriptor.release();
}

// --- Frames ----------------------------------------------------------------------------------------------------------

void Symbols::unwind(const CapturedThread& thread, std::vector<CapturedFrame>& frames, std::string& remark) {
  image_ = &thread.image;
  frames.reserve(most_unwound_frames);
  if (dwfl_ != nullptr && !attached_) attached_ = ::dwfl_attach_state(dwfl_, nullptr, 1, &thread_callbacks, this);
  if (attached_) ::dwfl_getthread_frames(dwfl_, std::max(thread.id, 1), note_frame, &frames);
  if (frames.empty()) frames.push_back({.address = thread.image.pc, .exact = true});
  if (frames.size() == most_unwound_frames)
    remark = "only the innermost frames are shown";
  else if (thread.image.memory.size() == most_captured_stack)
    remark = "only the innermost " + std::to_string(most_captured_stack / 1024) + " KiB of the stack were kept";
}

Dwarf_Die* Symbols::unit_of(Dwfl_Module* handle, std::uint64_t address, Dwarf_Addr& bias) {
  if (Dwarf_Die* const unit = ::dwfl_module_addrdie(handle, address, &bias)) return unit;
  // Some compilers write no table of addresses: look into each unit.
  Dwarf_Die* unit = nullptr;
  while (!is_late() && (unit = ::dwfl_module_nextcu(handle, unit, &bias)) != nullptr)
    if (::dwarf_haspc(unit, address - bias) > 0) return unit;
  return nullptr;
}

std::string name_of(Dwarf_Die* die, NameTrust trust) {
  Dwarf_Attribute attribute;
  for (const unsigned wanted : {DW_AT_linkage_name, DW_AT_MIPS_linkage_name})
    if (::dwarf_attr_integrate(die, wanted, &attribute) != nullptr)
      if (const char* const name = ::dwarf_formstring(&attribute)) return demangled(until_zero(name, 16 * 1024), trust);
  return text_of(::dwarf_diename(die));
}

std::uint64_t number_of(Dwarf_Die* die, unsigned wanted) {
  Dwarf_Attribute attribute;
  Dwarf_Word number = 0;
  if (::dwarf_attr(die, wanted, &attribute) == nullptr || ::dwarf_formudata(&attribute, &number) != 0) return 0;
  return number;
}

std::string file_of_call(Dwarf_Die* unit, Dwarf_Die* call) {
  Dwarf_Files* files = nullptr;
  std::size_t count = 0;
  const std::uint64_t index = number_of(call, DW_AT_call_file);
  if (::dwarf_getsrcfiles(unit, &files, &count) != 0 || index >= count) return {};
  return text_of(::dwarf_filesrc(files, index, nullptr, nullptr));
}

// Adds a frame for each function that was inlined at the address, and `whole` for the one they are in.
bool Symbols::add_lines(Dwfl_Module* handle, std::uint64_t address, const StackFrame& whole,
                        std::vector<StackFrame>& into) {
  void** user = nullptr;
  ::dwfl_module_info(handle, &user, nullptr, nullptr, nullptr, nullptr, nullptr, nullptr);
  const NameTrust trust = module_of(user).file.is_own ? NameTrust::own : NameTrust::foreign;
  Dwarf_Addr bias = 0;
  Dwarf_Die* const unit = unit_of(handle, address, bias);
  if (unit == nullptr) return false;
  // Its debug information is in yet another file, which a file that this process does not run must not name.
  if (trust == NameTrust::foreign &&
      (::dwarf_hasattr(unit, DW_AT_dwo_name) != 0 || ::dwarf_hasattr(unit, DW_AT_GNU_dwo_name) != 0))
    return false;
  StackFrame frame = whole;
  if (Dwarf_Line* const line = ::dwarf_getsrc_die(unit, address - bias)) {
    frame.file = text_of(::dwarf_linesrc(line, nullptr, nullptr));
    int number = 0;
    if (::dwarf_lineno(line, &number) == 0) frame.line = number;
  }
  Dwarf_Die* scopes = nullptr;
  const int count = ::dwarf_getscopes(unit, address - bias, &scopes);
  const std::unique_ptr<Dwarf_Die, void (*)(void*)> owner{count > 0 ? scopes : nullptr, std::free};
  std::size_t inlined = 0;
  for (int i = 0; i < count; ++i) {
    Dwarf_Die* const scope = &scopes[i];
    const int tag = ::dwarf_tag(scope);
    if (tag == DW_TAG_inlined_subroutine && inlined++ < most_inlined) {
      frame.inlined = true;
      frame.function = name_of(scope, trust);
      into.push_back(frame);
      frame.file = file_of_call(unit, scope);
      frame.line = static_cast<std::int32_t>(number_of(scope, DW_AT_call_line));
    }
    if (tag != DW_TAG_subprogram) continue;
    if (whole.function.empty()) frame.function = name_of(scope, trust);
    break;
  }
  frame.inlined = false;
  if (!whole.function.empty()) frame.function = whole.function;
  into.push_back(std::move(frame));
  return true;
}

void Symbols::name_frame(const CapturedFrame& captured, std::vector<StackFrame>& into) {
  StackFrame frame;
  frame.address = captured.address;
  // A return address may be that of the next line, or of the next function.
  const std::uint64_t address = captured.exact || captured.address == 0 ? captured.address : captured.address - 1;
  const auto module = std::find_if(modules_.begin(), modules_.end(), [&](const Module& one) {
    return address >= one.captured->begin && address < one.captured->end;
  });
  if (module == modules_.end()) {
    into.push_back(std::move(frame));
    return;
  }
  frame.module = printable(module->captured->path);
  frame.offset = captured.address - module->captured->begin + module->captured->file_offset;
  Dwfl_Module* const handle =
      dwfl_ != nullptr && module->captured->file_offset == 0 ? ::dwfl_addrmodule(dwfl_, address) : nullptr;
  GElf_Addr bias = 0;
  if (handle == nullptr || is_late() || ::dwfl_module_getelf(handle, &bias) == nullptr) {
    into.push_back(std::move(frame));
    return;
  }
  frame.offset = captured.address - bias;
  GElf_Off distance = 0;
  GElf_Sym symbol;
  if (const char* const name = ::dwfl_module_addrinfo(handle, address, &distance, &symbol, nullptr, nullptr, nullptr))
    frame.function = demangled(until_zero(name, 16 * 1024), module->file.is_own ? NameTrust::own : NameTrust::foreign);
  if (is_late() || !add_lines(handle, address, frame, into)) into.push_back(std::move(frame));
}

ThreadStack Symbols::name_thread(const CapturedThread& thread) {
  ThreadStack stack;
  stack.id = thread.id;
  stack.name = thread.name;
  stack.frames_left_out = thread.frames_left_out;
  stack.remark = thread.remark;
  std::vector<CapturedFrame> unwound;
  const bool has_image = !thread.image.memory.empty();
  if (has_image) unwind(thread, unwound, stack.remark);
  const std::vector<CapturedFrame>& frames = has_image ? unwound : thread.frames;
  for (std::size_t i = 0; i < frames.size(); ++i) {
    if (i == thread.gap_position) stack.gap_position = stack.frames.size();
    name_frame(frames[i], stack.frames);
  }
  return stack;
}

}  // namespace

std::vector<ThreadStack> name_stacks(const StackCapture& capture) {
  static std::mutex one_at_a_time;
  const std::lock_guard lock{one_at_a_time};
  Symbols symbols{capture};
  std::vector<ThreadStack> stacks;
  for (const CapturedThread& thread : capture.threads) stacks.push_back(symbols.name_thread(thread));
  return stacks;
}

}  // namespace prong::os::detail

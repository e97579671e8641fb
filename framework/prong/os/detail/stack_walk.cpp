#include "prong/os/detail/stack_walk.hpp"

#include "prong/os/detail/module_scan.hpp"

#include <dlfcn.h>
#include <link.h>
#include <unistd.h>
#include <unwind.h>

#include <algorithm>
#include <cstring>
#include <span>
#include <string_view>

// Of libgcc; returns null where no table tells how to leave the function that `pc` lies in.
extern "C" const void* _Unwind_Find_FDE(void* pc, void* bases);

namespace prong::os::detail {
namespace {

// A stack that overflowed has a hundred thousand frames and is walked to its end; one that leads nowhere is not.
constexpr std::uint64_t most_frames = 1'000'000;
constexpr std::size_t longest_path = 1024;
constexpr std::size_t page_bytes = 4096;  // or a multiple of it

#if defined(__x86_64__)
auto& pc_of(ucontext_t& context) noexcept {
  return context.uc_mcontext.gregs[REG_RIP];
}
#elif defined(__aarch64__)
auto& pc_of(ucontext_t& context) noexcept {
  return context.uc_mcontext.pc;
}
#else
#error "Say here where this machine keeps the program counter in a signal context."
#endif

bool has_table(std::uint64_t pc) noexcept {
  void* bases[3];
  return pc != 0 && _Unwind_Find_FDE(reinterpret_cast<void*>(pc), bases) != nullptr;
}

// Lets the interrupted code look as if it were back behind the call of a function that is none: a null pointer called,
// or one to data. Returns false where that cannot be.
bool step_out_of_bad_call(ucontext_t& context) noexcept {
#if defined(__x86_64__)
  auto& stack = context.uc_mcontext.gregs[REG_RSP];
  std::uint64_t back = 0;
  if (!read_memory(::getpid(), static_cast<std::uint64_t>(stack), std::as_writable_bytes(std::span{&back, 1})))
    return false;
  if (!has_table(back - 1)) return false;
  stack += static_cast<greg_t>(sizeof back);
  pc_of(context) = static_cast<greg_t>(back);
#else
  const auto back = context.uc_mcontext.regs[30];
  if (!has_table(back - 1)) return false;
  pc_of(context) = back;
#endif
  return true;
}

struct Walk {
  CrashRecord& record;
  std::uint64_t begin;  ///< The frames of the handler itself come before this address.
  bool begun = false;

  void add(std::uint64_t address, bool exact) const noexcept {
    const std::uint64_t number = record.frame_count.load(std::memory_order_relaxed);
    const std::uint64_t frame = (address & ~exact_address) | (exact ? exact_address : 0);
    if (number < record_end_frames)
      record.first_frames[number] = frame;
    else
      record.last_frames[number % record_end_frames] = frame;
    record.frame_count.store(number + 1, std::memory_order_release);
  }
};

_Unwind_Reason_Code note_frame(_Unwind_Context* context, void* argument) {
  Walk& walk = *static_cast<Walk*>(argument);
  int exact = 0;
  const std::uint64_t address = _Unwind_GetIPInfo(context, &exact);
  if (!walk.begun) {
    walk.begun = address == walk.begin;
    return _URC_NO_REASON;
  }
  if (address == 0) return _URC_END_OF_STACK;
  walk.add(address, exact != 0);
  return walk.record.frame_count.load(std::memory_order_relaxed) < most_frames ? _URC_NO_REASON : _URC_END_OF_STACK;
}

// Fills the record's list of modules.
class ModuleWriter {
 public:
  explicit ModuleWriter(CrashRecord& record) noexcept : record_{record} {}

  [[nodiscard]] bool has(std::uint64_t address) const noexcept {
    return std::any_of(record_.modules, record_.modules + count_,
                       [&](const RecordedModule& one) { return address >= one.begin && address < one.end; });
  }
  // Returns false if there is no room for it.
  bool add(const MappedModule& module, const BuildId& id) noexcept {
    if (count_ == record_modules || path_bytes_ + module.path.size() > sizeof record_.paths) return false;
    RecordedModule& entry = record_.modules[count_];
    entry.begin = module.begin;
    entry.end = module.end;
    entry.file_offset = module.file_offset;
    entry.device = module.device;
    entry.inode = module.inode;
    entry.path_offset = static_cast<std::uint16_t>(path_bytes_);
    entry.path_size = static_cast<std::uint16_t>(module.path.size());
    std::memcpy(record_.paths + path_bytes_, module.path.data(), module.path.size());
    path_bytes_ += module.path.size();
    std::memcpy(entry.build_id, id.bytes, sizeof entry.build_id);
    entry.build_id_size = static_cast<std::uint32_t>(id.size);
    record_.module_count.store(static_cast<std::uint32_t>(++count_), std::memory_order_release);
    return true;
  }
  // Calls `work` with the address that each frame is looked up by.
  template <class Work>
  void for_each_frame(Work work) const noexcept {
    const std::uint64_t frames = record_.frame_count.load(std::memory_order_relaxed);
    const auto each = [&](const std::uint64_t(&list)[record_end_frames], std::uint64_t filled) {
      for (std::uint64_t i = 0; i < std::min<std::uint64_t>(filled, record_end_frames); ++i) {
        const std::uint64_t address = list[i] & ~exact_address;
        work((list[i] & exact_address) != 0 || address == 0 ? address : address - 1);
      }
    };
    each(record_.first_frames, frames);
    if (frames > record_end_frames) each(record_.last_frames, frames - record_end_frames);
  }

 private:
  CrashRecord& record_;
  std::size_t count_ = 0;
  std::size_t path_bytes_ = 0;
};

// The path of a module as the dynamic linker knows it, or nothing where that is not the whole truth.
std::string_view path_of(const link_map& map, char (&into)[longest_path]) noexcept {
  link_map copy;
  if (!read_memory(::getpid(), reinterpret_cast<std::uint64_t>(&map), std::as_writable_bytes(std::span{&copy, 1})))
    return {};
  std::size_t size = 0;
  // A heap that was written over may hold anything here, so it is read piece by piece and not by strlen.
  for (constexpr std::size_t piece = 64; size + piece <= longest_path; size += piece) {
    const auto address = reinterpret_cast<std::uint64_t>(copy.l_name) + size;
    const std::size_t here = std::min<std::size_t>(piece, page_bytes - address % page_bytes);
    if (!read_memory(::getpid(), address, std::as_writable_bytes(std::span{into + size, here}))) return {};
    if (const void* const end = std::memchr(into + size, 0, here))
      return {into, static_cast<std::size_t>(static_cast<const char*>(end) - into)};
    size -= piece - here;
  }
  return {};
}

// Asks the dynamic linker for the modules: it answers without a lock and in a tenth of the time that reading
// /proc/self/maps takes. Returns false where somebody else has to say more.
bool ask_linker(ModuleWriter& writer) noexcept {
  bool whole = true;
  writer.for_each_frame([&](std::uint64_t address) {
    dl_find_object found;
    if (writer.has(address)) return;
    if (::_dl_find_object(reinterpret_cast<void*>(address), &found) != 0) {
      whole = false;
      return;
    }
    char path[longest_path];
    MappedModule module;
    module.begin = reinterpret_cast<std::uint64_t>(found.dlfo_map_start);
    module.end = reinterpret_cast<std::uint64_t>(found.dlfo_map_end);
    module.path = path_of(*found.dlfo_link_map, path);
    if (module.path.empty()) {  // the program itself
      const ssize_t size = ::readlink("/proc/self/exe", path, sizeof path);
      if (size > 0) module.path = {path, static_cast<std::size_t>(size)};
    }
    // Without a build ID the inode is what a file is known by.
    const BuildId id = read_build_id(::getpid(), module);
    if (id.size == 0 || module.path.empty() || module.path.front() != '/' || !writer.add(module, id)) whole = false;
  });
  return whole;
}

}  // namespace

void walk_interrupted(CrashRecord& record, ucontext_t& context) noexcept {
  const std::uint64_t pc = static_cast<std::uint64_t>(pc_of(context));
  Walk walk{.record = record, .begin = pc};
  walk.add(pc, true);
  const mcontext_t as_it_was = context.uc_mcontext;
  if (!has_table(pc)) {
    if (!step_out_of_bad_call(context)) return;
    walk.begin = static_cast<std::uint64_t>(pc_of(context));
    walk.add(walk.begin, false);
  }
  _Unwind_Backtrace(&note_frame, &walk);
  context.uc_mcontext = as_it_was;
}

void write_modules(CrashRecord& record) noexcept {
  ModuleWriter writer{record};
  if (ask_linker(writer)) return;
  const auto add_missing = [](void* argument, const MappedModule& module) {
    auto& into = *static_cast<ModuleWriter*>(argument);
    bool is_missing = false;
    into.for_each_frame([&](std::uint64_t address) {
      is_missing = is_missing || (address >= module.begin && address < module.end && !into.has(address));
    });
    return !is_missing || into.add(module, read_build_id(::getpid(), module));
  };
  visit_modules(::getpid(), add_missing, &writer);
}

void prepare_walks() noexcept {
  static CrashRecord scratch;
  ucontext_t here;
  ::getcontext(&here);
  walk_interrupted(scratch, here);
  Walk walk{.record = scratch, .begin = 0, .begun = true};
  _Unwind_Backtrace(&note_frame, &walk);
  write_modules(scratch);
}

}  // namespace prong::os::detail

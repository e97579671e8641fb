#include "prong/os/detail/stack_walk.hpp"

#include "prong/os/detail/module_scan.hpp"

#include <unistd.h>
#include <unwind.h>

#include <algorithm>
#include <cstring>

// Of libgcc; returns null where no table tells how to leave the function that `pc` lies in.
extern "C" const void* _Unwind_Find_FDE(void* pc, void* bases);

namespace prong::os::detail {
namespace {

// A stack that overflowed has a hundred thousand frames and is walked to its end; one that leads nowhere is not.
constexpr std::uint64_t most_frames = 1'000'000;

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
struct ModuleWriter {
  CrashRecord& record;
  std::size_t count = 0;
  std::size_t path_bytes = 0;

  [[nodiscard]] bool holds_a_frame(const MappedModule& module) const noexcept {
    const std::uint64_t frames = record.frame_count.load(std::memory_order_relaxed);
    const auto is_inside = [&](std::uint64_t frame) {
      const std::uint64_t address = frame & ~exact_address;
      return address >= module.begin && address <= module.end;
    };
    const auto any = [&](const std::uint64_t(&list)[record_end_frames], std::uint64_t filled) {
      return std::any_of(list, list + std::min<std::uint64_t>(filled, record_end_frames), is_inside);
    };
    return any(record.first_frames, frames) ||
           (frames > record_end_frames && any(record.last_frames, record_end_frames));
  }

  bool add(const MappedModule& module) noexcept {
    if (!holds_a_frame(module)) return true;
    if (count == record_modules || path_bytes + module.path.size() > sizeof record.paths) return false;
    RecordedModule& entry = record.modules[count];
    entry.begin = module.begin;
    entry.end = module.end;
    entry.file_offset = module.file_offset;
    entry.device = module.device;
    entry.inode = module.inode;
    entry.path_offset = static_cast<std::uint16_t>(path_bytes);
    entry.path_size = static_cast<std::uint16_t>(module.path.size());
    std::memcpy(record.paths + path_bytes, module.path.data(), module.path.size());
    path_bytes += module.path.size();
    const BuildId id = read_build_id(::getpid(), module);
    std::memcpy(entry.build_id, id.bytes, sizeof entry.build_id);
    entry.build_id_size = static_cast<std::uint32_t>(id.size);
    record.module_count.store(static_cast<std::uint32_t>(++count), std::memory_order_release);
    return true;
  }
};

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
  visit_modules(
      ::getpid(),
      [](void* argument, const MappedModule& module) { return static_cast<ModuleWriter*>(argument)->add(module); },
      &writer);
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

#include "prong/os/stack_capture.hpp"

#include "prong/os/detail/module_scan.hpp"
#include "prong/os/detail/thread_list.hpp"
#include "prong/os/poll.hpp"

#include <elf.h>
#include <sched.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <new>
#include <optional>
#include <system_error>
#include <thread>

namespace prong::os {
namespace {

constexpr std::size_t most_modules = 1024;

using MachineRegisters = user_regs_struct;

#if defined(__x86_64__)
std::uint64_t stack_pointer(const MachineRegisters& machine) noexcept {
  return machine.rsp;
}
void name_registers(const MachineRegisters& machine, StackImage& image) noexcept {
  // By their DWARF numbers. Source: System V ABI, AMD64 supplement, figure 3.36.
  const std::uint64_t numbered[] = {machine.rax, machine.rdx, machine.rcx, machine.rbx, machine.rsi, machine.rdi,
                                    machine.rbp, machine.rsp, machine.r8,  machine.r9,  machine.r10, machine.r11,
                                    machine.r12, machine.r13, machine.r14, machine.r15, machine.rip};
  std::copy(std::begin(numbered), std::end(numbered), image.registers.begin());
  image.pc = machine.rip;
}
#elif defined(__aarch64__)
std::uint64_t stack_pointer(const MachineRegisters& machine) noexcept {
  return machine.sp;
}
void name_registers(const MachineRegisters& machine, StackImage& image) noexcept {
  // Source: DWARF for the Arm 64-bit Architecture, 4.1.
  std::copy(std::begin(machine.regs), std::end(machine.regs), image.registers.begin());
  image.registers[31] = machine.sp;
  image.pc = machine.pc;
}
#else
#error "Say here how this machine's registers are numbered by DWARF."
#endif

bool read_registers(pid_t thread, MachineRegisters& registers) noexcept {
  iovec into{&registers, sizeof registers};
  return ::ptrace(PTRACE_GETREGSET, thread, NT_PRSTATUS, &into) == 0;
}

// The memory from the stack pointer on, as far as there is any, up to the most that is kept.
void copy_stack(pid_t pid, std::uint64_t pointer, StackImage& image) {
  constexpr std::uint64_t red_zone = 128;
  const std::size_t page = static_cast<std::size_t>(::getpagesize());
  image.begin = pointer - std::min(pointer, red_zone);
  image.memory.resize(most_captured_stack);
  // A piece is copied whole or not at all, so each is a page.
  std::vector<iovec> pieces;
  std::uint64_t address = image.begin;
  for (const std::uint64_t end = image.begin + most_captured_stack; address < end;) {
    const std::uint64_t size = std::min<std::uint64_t>(page - address % page, end - address);
    pieces.push_back({reinterpret_cast<void*>(address), size});
    address += size;
  }
  const iovec into{image.memory.data(), image.memory.size()};
  const ssize_t got = ::process_vm_readv(pid, &into, 1, pieces.data(), pieces.size(), 0);
  image.memory.resize(got > 0 ? static_cast<std::size_t>(got) : 0);
  image.memory.shrink_to_fit();
}

// Asks a thread to stop wherever it is. Fails with errno.
bool seize(pid_t thread) noexcept {
  return ::ptrace(PTRACE_SEIZE, thread, nullptr, nullptr) == 0 &&
         ::ptrace(PTRACE_INTERRUPT, thread, nullptr, nullptr) == 0;
}

// Whether a thread has stopped is seen by its registers: they can be read from then on. Waiting for it by wait(2) would
// compete with a program that waits for any child.
bool wait_stopped(pid_t pid, pid_t thread, MachineRegisters& registers, Deadline deadline) {
  for (long pause = 10'000; !read_registers(thread, registers); pause = std::min(2 * pause, 500'000L)) {
    if (errno != ESRCH || deadline.has_passed() || detail::thread_state(pid, thread) == 'Z') return false;
    const timespec moment{.tv_sec = 0, .tv_nsec = pause};
    ::nanosleep(&moment, nullptr);
  }
  return true;
}

std::vector<CapturedModule> list_modules(pid_t pid) {
  std::vector<CapturedModule> modules;
  const auto add = [](void* argument, const detail::MappedModule& module) {
    auto& list = *static_cast<std::vector<CapturedModule>*>(argument);
    list.push_back({.begin = module.begin,
                    .end = module.end,
                    .file_offset = module.file_offset,
                    .device = module.device,
                    .inode = module.inode,
                    .path = std::string{module.path},
                    .build_id = {}});
    return list.size() < most_modules;
  };
  detail::visit_modules(pid, add, &modules);
  for (CapturedModule& module : modules) {
    detail::MappedModule mapped;
    mapped.begin = module.begin;
    mapped.file_offset = module.file_offset;
    const detail::BuildId id = detail::read_build_id(pid, mapped);
    module.build_id.assign(id.bytes, id.bytes + id.size);
  }
  return modules;
}

Result<StackCapture> capture_in_this_thread(pid_t pid, int pidfd, Deadline deadline) {
  PRONG_TRY_ASSIGN(const auto threads, detail::list_threads(pid));
  StackCapture capture;
  std::optional<Error> first_failure;
  std::vector<std::size_t> traced;
  for (const ThreadInfo& thread : threads) {
    CapturedThread& captured = capture.threads.emplace_back();
    captured.id = thread.id;
    captured.name = thread.name;
    if (seize(thread.id)) {
      traced.push_back(capture.threads.size() - 1);
      continue;
    }
    const Error why = Error::from_errno("tracing is refused");
    captured.remark = why.message();
    if (!first_failure) first_failure = why;
    // What is refused for the main thread is refused for all.
    if (traced.empty()) break;
  }
  if (traced.empty()) return first_failure.value_or(Error{Errc::system, "the process has no threads"});
  // While it is traced its number stays its own: if it has not ended until now, it is the one that was meant.
  if (wait_readable(pidfd, Deadline::now())) return fail(Errc::process_expired, "the process has ended");
  std::size_t stopped = 0;
  for (const std::size_t index : traced) {
    CapturedThread& thread = capture.threads[index];
    MachineRegisters registers;
    if (!wait_stopped(pid, thread.id, registers, deadline)) {
      thread.remark = detail::why_no_answer(pid, thread.id);
      continue;
    }
    ++stopped;
    name_registers(registers, thread.image);
    copy_stack(pid, stack_pointer(registers), thread.image);
  }
  if (stopped == 0) return fail(Errc::deadline_exceeded, "the main thread " + capture.threads.front().remark);
  capture.modules = list_modules(pid);
  return capture;
}

// Runs `work` in a thread that is gone when this returns, and that no signal of the program reaches.
//
// A tracer can let go only of what has stopped; of everything else the kernel lets go when the tracer's thread ends. A
// thread that stayed traced would keep the end of its process from being told.
template <class Work>
Result<void> run_in_a_thread_that_ends(Work work) {
  sigset_t all;
  sigset_t before;
  ::sigfillset(&all);
  ::pthread_sigmask(SIG_SETMASK, &all, &before);
  std::atomic<pid_t> id{0};
  std::optional<std::thread> thread;
  try {
    thread.emplace([&] {
      id.store(::gettid(), std::memory_order_relaxed);
      work();
    });
  } catch (const std::system_error& error) {
    ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
    return Error::from_errno("a thread to trace with", error.code().value());
  }
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
  thread->join();
  // It is joined a moment before it has let go, and before it stops counting as a thread that forbids a fork.
  while (::syscall(SYS_tgkill, ::getpid(), id.load(std::memory_order_relaxed), 0) == 0) ::sched_yield();
  return {};
}

}  // namespace

Result<StackCapture> capture_by_trace(pid_t pid, int pidfd, Deadline deadline) {
  Result<StackCapture> capture = fail(Errc::system, "out of memory");
  PRONG_TRY(run_in_a_thread_that_ends([&] {
    try {
      capture = capture_in_this_thread(pid, pidfd, deadline);
    } catch (const std::bad_alloc&) {
      return;  // as initialised
    }
  }));
  return capture;
}

}  // namespace prong::os

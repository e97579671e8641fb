#include "prong/os/crash_handler.hpp"

#include "prong/os/detail/crash_record.hpp"
#include "prong/os/detail/stack_walk.hpp"

#include <cxxabi.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <ucontext.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <span>
#include <typeinfo>
#include <utility>

namespace prong::os {
namespace detail {

constinit RunningWords running_words;

}  // namespace detail

namespace {

using detail::CrashRecord;
using detail::CrashWords;
using detail::ExceptionState;
using detail::RecordKind;
using detail::RecordState;

constexpr int fatal_signals[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGSYS, SIGTRAP};
constexpr std::size_t signal_stack_size = std::size_t{64} * 1024;
constexpr timeval patience{.tv_sec = 0, .tv_usec = 500'000};

enum class Stage { idle, walking, listing, ending };

// What the handlers know. Written before they are installed, then by the thread that owns the record.
struct Handlers {
  std::atomic<CrashWords*> words{nullptr};
  pid_t process = 0;
  std::terminate_handler next_terminate = nullptr;
  std::atomic<pid_t> owner{0};  ///< The thread that writes the record.
  std::atomic<int> signal{0};   ///< By which the process ends.
  std::atomic<Stage> stage{Stage::idle};
};
constinit Handlers handlers;

static_assert(std::atomic<pid_t>::is_always_lock_free && std::atomic<Stage>::is_always_lock_free);

void set_action(int number, void (*action)(int)) noexcept {
  struct sigaction plain {};
  plain.sa_handler = action;
  ::sigaction(number, &plain, nullptr);
}

void change_mask(int how, int number) noexcept {
  sigset_t set;
  ::sigemptyset(&set);
  ::sigaddset(&set, number);
  ::sigprocmask(how, &set, nullptr);
}

// Ends the process by `number`, here and now.
[[noreturn]] void end_by(int number) noexcept {
  set_action(number, SIG_DFL);
  change_mask(SIG_UNBLOCK, number);
  ::syscall(SYS_tgkill, ::getpid(), ::gettid(), number);
  ::_exit(128 + number);
}

// Has the signal come again, with all it told, once the handler has returned: where it came first, so that a core dump
// shows that place. Blocked until then.
void send_again(int number, siginfo_t& info, ucontext_t& context) noexcept {
  set_action(number, SIG_DFL);
  change_mask(SIG_BLOCK, number);
  ::sigdelset(&context.uc_sigmask, number);
  if (::syscall(SYS_rt_tgsigqueueinfo, ::getpid(), ::gettid(), number, &info) != 0) end_by(number);
}

void describe(CrashRecord& record, RecordKind kind, const siginfo_t& info) noexcept {
  record.state.store(static_cast<std::uint32_t>(RecordState::empty), std::memory_order_release);
  record.kind = static_cast<std::uint32_t>(kind);
  record.signal = info.si_signo;
  record.signal_code = info.si_code;
  const bool was_sent = info.si_code <= 0;
  record.fault_address = was_sent ? 0 : reinterpret_cast<std::uint64_t>(info.si_addr);
  record.sender_pid = was_sent ? info.si_pid : 0;
  record.thread = ::gettid();
  ::prctl(PR_GET_NAME, record.thread_name);
  record.frame_count.store(0, std::memory_order_relaxed);
  record.module_count.store(0, std::memory_order_relaxed);
  record.state.store(static_cast<std::uint32_t>(RecordState::begun), std::memory_order_release);
}

void list_modules(CrashRecord& record) noexcept {
  record.state.store(static_cast<std::uint32_t>(RecordState::walked), std::memory_order_release);
  detail::write_modules(record);
  // SYNC POINT with state load in CrashPage::capture_by_signal.
  record.state.store(static_cast<std::uint32_t>(RecordState::complete), std::memory_order_release);
}

void capture(CrashRecord& record, RecordKind kind, const siginfo_t& info, ucontext_t& context) noexcept {
  handlers.stage.store(Stage::walking, std::memory_order_relaxed);
  describe(record, kind, info);
  detail::walk_interrupted(record, context);
  handlers.stage.store(Stage::listing, std::memory_order_relaxed);
  list_modules(record);
}

// The walk came upon memory that is not there, or does not end: what it found is kept, and the process ends.
[[noreturn]] void give_up() noexcept {
  Stage stage = Stage::walking;
  if (handlers.stage.compare_exchange_strong(stage, Stage::listing, std::memory_order_relaxed))
    list_modules(handlers.words.load(std::memory_order_relaxed)->record);
  handlers.stage.store(Stage::ending, std::memory_order_relaxed);
  end_by(handlers.signal.load(std::memory_order_relaxed));
}

void on_watchdog(int) {
  give_up();
}

sigset_t all_but_fatal() noexcept {
  sigset_t set;
  ::sigfillset(&set);
  for (const int number : fatal_signals) ::sigdelset(&set, number);
  ::sigdelset(&set, SIGALRM);
  return set;
}

void start_watchdog() noexcept {
  struct sigaction action {};
  action.sa_handler = on_watchdog;
  action.sa_flags = SA_ONSTACK;
  action.sa_mask = all_but_fatal();
  ::sigaction(SIGALRM, &action, nullptr);
  change_mask(SIG_UNBLOCK, SIGALRM);
  const itimerval timer{.it_interval = {}, .it_value = patience};
  ::setitimer(ITIMER_REAL, &timer, nullptr);
}

// Takes the record for this thread; returns false if this thread has it already. Another thread that crashes at the
// same time ends the process, and with it this wait; one that was only asked for its stack gives the record back.
bool take_record() noexcept {
  const pid_t self = ::gettid();
  pid_t owner = 0;
  while (!handlers.owner.compare_exchange_strong(owner, self, std::memory_order_acquire)) {
    if (owner == self) return false;
    owner = 0;
    constexpr timespec moment{.tv_sec = 0, .tv_nsec = 1'000'000};
    ::nanosleep(&moment, nullptr);
  }
  return true;
}

void on_crash(int number, siginfo_t* info, void* context) {
  ucontext_t& interrupted = *static_cast<ucontext_t*>(context);
  CrashWords* const words = handlers.words.load(std::memory_order_relaxed);
  // A child of the backend has the handler and the page, but its end is not the backend's.
  if (::getpid() == handlers.process) {
    if (!take_record()) {
      int none = 0;  // asked, not crashed, until now: then it ends by this one
      handlers.signal.compare_exchange_strong(none, number, std::memory_order_relaxed);
      give_up();
    }
    handlers.signal.store(number, std::memory_order_relaxed);
    start_watchdog();
    capture(words->record, RecordKind::crash, *info, interrupted);
    handlers.stage.store(Stage::ending, std::memory_order_relaxed);
  }
  send_again(number, *info, interrupted);
}

void on_question(int, siginfo_t* info, void* context) {
  const int error = errno;
  CrashWords& words = *handlers.words.load(std::memory_order_relaxed);
  const std::uint64_t question = words.asked.load(std::memory_order_acquire);
  const bool is_new = question != words.answered.load(std::memory_order_relaxed);
  if (is_new && static_cast<pid_t>(question) == ::gettid() && ::getpid() == handlers.process) {
    pid_t nobody = 0;
    if (handlers.owner.compare_exchange_strong(nobody, ::gettid(), std::memory_order_acquire)) {
      capture(words.record, RecordKind::asked, *info, *static_cast<ucontext_t*>(context));
      // SYNC POINT with answered load in CrashPage::capture_by_signal.
      words.answered.store(question, std::memory_order_release);
      handlers.stage.store(Stage::idle, std::memory_order_relaxed);
      handlers.owner.store(0, std::memory_order_release);
    }
  }
  errno = error;
}

template <std::size_t size>
void copy_text(char (&into)[size], const char* text) noexcept {
  const std::size_t length = std::min(std::strlen(text), size - 1);
  std::memcpy(into, text, length);
  into[length] = '\0';
}

void note_exception(CrashRecord& record) noexcept {
  std::uint32_t none = static_cast<std::uint32_t>(ExceptionState::none);
  if (!record.exception.compare_exchange_strong(none, static_cast<std::uint32_t>(ExceptionState::terminate))) return;
  const std::type_info* const type = abi::__cxa_current_exception_type();
  if (type == nullptr) return;
  copy_text(record.exception_type, type->name());
  record.exception.store(static_cast<std::uint32_t>(ExceptionState::typed), std::memory_order_release);
  try {
    throw;
  } catch (const std::exception& error) {
    copy_text(record.exception_what, error.what());
  } catch (...) {
    return;  // its type is all that is known
  }
}

[[noreturn]] void on_terminate() {
  if (::getpid() == handlers.process) note_exception(handlers.words.load(std::memory_order_relaxed)->record);
  if (handlers.next_terminate != nullptr) handlers.next_terminate();
  std::abort();
}

void install(std::span<const int> numbers, void (*handler)(int, siginfo_t*, void*), int flags) noexcept {
  struct sigaction action {};
  action.sa_sigaction = handler;
  action.sa_flags = SA_SIGINFO | SA_ONSTACK | flags;
  action.sa_mask = all_but_fatal();
  for (const int number : numbers) ::sigaction(number, &action, nullptr);
}

}  // namespace

Result<void> report_crashes_to(const SharedMemory& page) {
  // Both stay until the process ends: a crash may come while it leaves by exit().
  PRONG_TRY_ASSIGN(auto mapping, page.map(Access::read_write));
  PRONG_TRY_ASSIGN(auto stack, SignalStack::create());
  auto* const words = reinterpret_cast<CrashWords*>((new Mapping{std::move(mapping)})->data());
  new SignalStack{std::move(stack)};
  handlers.words.store(words, std::memory_order_relaxed);
  handlers.process = ::getpid();
  detail::running_words.running = &words->running;
  detail::running_words.request = &words->request;
  // A second fault comes through at once: no fatal signal is blocked while one is handled.
  install(fatal_signals, on_crash, SA_NODEFER);
  const int question[] = {SIGURG};
  install(question, on_question, SA_RESTART);
  handlers.next_terminate = std::set_terminate(on_terminate);
  return {};
}

Result<SignalStack> SignalStack::create() {
  const std::size_t guard = page_size();
  const std::size_t size = signal_stack_size + guard;
  void* const memory = ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK, -1, 0);
  if (memory == MAP_FAILED) return Error::from_errno("mmap");
  SignalStack made{static_cast<std::byte*>(memory), size};
  if (::mprotect(memory, guard, PROT_NONE) != 0) return Error::from_errno("mprotect");
  stack_t stack{};
  stack.ss_sp = made.memory_ + guard;
  stack.ss_size = signal_stack_size;
  if (::sigaltstack(&stack, nullptr) != 0) return Error::from_errno("sigaltstack");
  return made;
}

SignalStack::SignalStack(SignalStack&& other) noexcept
    : memory_{std::exchange(other.memory_, nullptr)}, size_{std::exchange(other.size_, 0)} {}

SignalStack::~SignalStack() {
  if (memory_ == nullptr) return;
  stack_t present{};
  // Only if it is still this one: the thread may have been given another since.
  if (::sigaltstack(nullptr, &present) == 0 && present.ss_sp == memory_ + page_size()) {
    stack_t none{};
    none.ss_flags = SS_DISABLE;
    ::sigaltstack(&none, nullptr);
  }
  ::munmap(memory_, size_);
}

}  // namespace prong::os

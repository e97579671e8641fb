#include "prong/base/crash_report.hpp"

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <initializer_list>
#include <string_view>

namespace prong {
namespace {

constexpr std::size_t most_text = std::size_t{256} * 1024;
constexpr std::size_t most_function = 400;

std::string hexadecimal(std::uint64_t number) {
  char text[2 + 16 + 1];
  std::snprintf(text, sizeof text, "0x%llx", static_cast<unsigned long long>(number));
  return text;
}

std::string signal_name(int number) {
  const char* const name = ::sigabbrev_np(number);
  return name != nullptr ? std::string{"SIG"} + name : "signal " + std::to_string(number);
}

// Source: sigaction(2), the values of si_code.
const char* meaning(int number, int code) {
  struct Meaning {
    int number;
    int code;
    const char* text;
  };
  static constexpr Meaning meanings[] = {
      {SIGSEGV, SEGV_MAPERR, "nothing is mapped there"},
      {SIGSEGV, SEGV_ACCERR, "the memory there does not allow it"},
      {SIGSEGV, SI_KERNEL, "no address that a program can have"},
      {SIGBUS, BUS_ADRALN, "wrong alignment"},
      {SIGBUS, BUS_ADRERR, "nothing behind the mapping: the file is too short, or memory has run out"},
      {SIGBUS, BUS_OBJERR, "the hardware failed"},
      {SIGFPE, FPE_INTDIV, "integer division by zero"},
      {SIGFPE, FPE_INTOVF, "integer overflow"},
      {SIGFPE, FPE_FLTDIV, "floating-point division by zero"},
      {SIGFPE, FPE_FLTOVF, "floating-point overflow"},
      {SIGFPE, FPE_FLTINV, "invalid floating-point operation"},
      {SIGILL, ILL_ILLOPC, "an instruction that does not exist"},
      {SIGILL, ILL_ILLOPN, "an instruction that does not exist"},
      {SIGILL, ILL_PRVOPC, "a privileged instruction"},
      {SIGTRAP, TRAP_BRKPT, "a breakpoint"},
      {SIGTRAP, SI_KERNEL, "a breakpoint"},
      {SIGSYS, 1 /* SYS_SECCOMP */, "a system call that the sandbox forbids"},
  };
  for (const Meaning& one : meanings)
    if (one.number == number && one.code == code) return one.text;
  return nullptr;
}

bool has_fault_address(const CrashReport& report) {
  if (report.signal_code <= 0 || report.signal_code == SI_KERNEL) return false;
  return report.signal == SIGSEGV || report.signal == SIGBUS || report.signal == SIGFPE || report.signal == SIGILL;
}

std::string cause_of(const CrashReport& report) {
  switch (report.cause) {
    case DeathCause::exception: {
      if (report.exception_type.empty()) return "called std::terminate";
      std::string text = "ended by an exception of type " + report.exception_type;
      if (!report.exception_what.empty()) text += ": " + report.exception_what;
      return text;
    }
    default: break;
  }
  if (report.signal == 0) return "left with exit code " + std::to_string(report.exit_code);
  std::string text = "ended by " + signal_name(report.signal);
  if (has_fault_address(report)) text += " at address " + hexadecimal(report.fault_address);
  if (const char* const why = meaning(report.signal, report.signal_code)) text += std::string{": "} + why;
  if (report.sender_pid != 0 && report.sender_pid != report.pid)
    text += ", sent by process " + std::to_string(report.sender_pid);
  return text;
}

// A page has a beginning, where the crash is, and ends where it gets too long.
class Page {
 public:
  bool add(std::string_view line) {
    if (text_.size() + line.size() + 1 > most_text - 64) {
      if (!full_) text_ += "... the rest was left out, the report is too long\n";
      full_ = true;
    }
    if (!full_) text_.append(line).push_back('\n');
    return !full_;
  }
  std::string take() && { return std::move(text_); }

 private:
  std::string text_;
  bool full_ = false;
};

void add_stack(Page& page, const ThreadStack& thread) {
  page.add("");
  page.add("thread " + std::to_string(thread.id) + " '" + thread.name + "':");
  const auto add_gap = [&] {
    page.add("       ... " + std::to_string(thread.frames_left_out) + " frames that are left out ...");
  };
  const auto line = [](std::uint64_t number, const StackFrame& frame) {
    char head[32];
    std::snprintf(head, sizeof head, "  #%-3llu ", static_cast<unsigned long long>(number));
    return head + to_string(frame);
  };
  const auto same = [](const StackFrame& a, const StackFrame& b) {
    return a.address == b.address && a.function == b.function && a.line == b.line;
  };
  std::uint64_t number = 0;
  for (std::size_t i = 0; i < thread.frames.size(); ++i, ++number) {
    if (i == thread.gap_position && thread.frames_left_out != 0) {
      add_gap();
      number += thread.frames_left_out;
    }
    if (!page.add(line(number, thread.frames[i]))) return;
    // A recursion is one line and a number.
    std::size_t again = 0;
    while (i + again + 1 < thread.frames.size() && i + again + 1 != thread.gap_position &&
           same(thread.frames[i], thread.frames[i + again + 1]))
      ++again;
    if (again < 2) continue;
    page.add("       ... " + std::to_string(again) + " more like that ...");
    i += again;
    number += again;
  }
  if (thread.frames_left_out != 0 && thread.gap_position >= thread.frames.size()) add_gap();
  if (!thread.remark.empty()) page.add("       (" + thread.remark + ")");
}

// Returns what is left of a demangled function behind its return type, which that of a template has.
std::string_view name_in(std::string_view function) noexcept {
  int depth = 0;
  std::size_t begin = 0;
  for (std::size_t i = 0; i < function.size(); ++i) {
    const char c = function[i];
    if (c == '<')
      ++depth;
    else if (c == '>')
      --depth;
    else if (c == '(' && depth == 0 && function.substr(i).starts_with("(anonymous namespace)"))
      i += std::string_view{"(anonymous namespace"}.size();
    else if (c == '(' && depth == 0)
      break;
    else if (c == ' ' && depth == 0)
      begin = i + 1;
  }
  return function.substr(begin);
}

bool starts_with_any(std::string_view text, std::initializer_list<std::string_view> beginnings) {
  return std::any_of(beginnings.begin(), beginnings.end(), [&](std::string_view one) { return text.starts_with(one); });
}

}  // namespace

std::string to_string(const StackFrame& frame) {
  std::string text;
  if (frame.function.empty())
    text = frame.module.empty() ? "at " + hexadecimal(frame.address) : std::string{"in"};
  else if (frame.function.size() > most_function)
    text = frame.function.substr(0, most_function) + "...";
  else
    text = frame.function;
  if (frame.inlined) text += " [inlined]";
  if (!frame.file.empty()) text += " at " + frame.file + ":" + std::to_string(frame.line);
  if (frame.module.empty() || frame.inlined) return text;
  const auto slash = frame.module.rfind('/');
  const std::string place =
      (slash == std::string::npos ? frame.module : frame.module.substr(slash + 1)) + "+" + hexadecimal(frame.offset);
  return frame.function.empty() ? text + " " + place : text + " (" + place + ")";
}

std::string to_string(const CrashReport& report) {
  Page page;
  page.add("backend '" + report.process + "' (pid " + std::to_string(report.pid) + ") " + cause_of(report));
  if (!report.explanation.empty()) page.add(std::string{name_of(report.cause)} + ": " + report.explanation);
  if (!report.command.empty()) {
    std::string text = "while it ran the command '" + report.command + "'";
    if (report.request != 0) text += ", request " + std::to_string(report.request);
    page.add(text);
  }
  if (report.threads.empty()) page.add("no stack: " + report.no_stack);
  for (const ThreadStack& thread : report.threads) add_stack(page, thread);
  return std::move(page).take();
}

bool is_own(const StackFrame& frame) noexcept {
  if (frame.module.empty() || frame.module.front() != '/') return false;
  if (starts_with_any(frame.module, {"/lib/", "/lib64/", "/usr/lib/", "/usr/lib64/"})) return false;
  if (starts_with_any(frame.file, {"/usr/include/"})) return false;
  const std::string_view name = name_in(frame.function);
  // Where a compiler has put a handler into what calls it.
  if (name.starts_with("prong::actor::detail::Calls<")) return true;
  // What stands in a program because a library was compiled into it.
  return !starts_with_any(name, {"prong::actor::", "prong::detail::", "prong::link::", "prong::loop::", "prong::os::",
                                 "prong::transport::", "prong::MessageProcess::", "caf::", "std::", "__gnu_cxx::",
                                 "boost::", "operator new", "__asan", "__interceptor"});
}

const StackFrame* own_frame(const CrashReport& report) noexcept {
  if (report.threads.empty() || report.threads.front().frames.empty()) return nullptr;
  const std::vector<StackFrame>& frames = report.threads.front().frames;
  const auto own = std::find_if(frames.begin(), frames.end(), is_own);
  return own == frames.end() ? &frames.front() : &*own;
}

}  // namespace prong

#include "prong/os/crash_page.hpp"

#include "prong/base/untrusted.hpp"
#include "prong/os/detail/crash_record.hpp"
#include "prong/os/detail/safe_text.hpp"
#include "prong/os/detail/stack_walk.hpp"
#include "prong/os/detail/thread_list.hpp"

#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstring>

namespace prong::os {
namespace {

using detail::CrashRecord;
using detail::CrashWords;
using detail::RecordedModule;
using detail::RecordState;

CrashWords& words_of(const Mapping& mapping) noexcept {
  return *reinterpret_cast<CrashWords*>(mapping.data());
}

// A page as plain bytes: once copied, nobody changes it.
template <class T>
T field(Bytes page, std::size_t offset) noexcept {
  T value;
  std::memcpy(&value, page.data() + offset, sizeof value);
  return value;
}

constexpr std::size_t record_offset = offsetof(CrashWords, record);

template <class T>
T record_field(Bytes page, std::size_t offset) noexcept {
  return field<T>(page, record_offset + offset);
}

std::string text_field(Bytes page, std::size_t offset, std::size_t size) {
  const auto* const begin = reinterpret_cast<const char*>(page.data()) + record_offset + offset;
  return std::string{detail::until_zero(begin, size)};
}

std::vector<CapturedModule> read_modules(Bytes page) {
  const auto count = record_field<std::uint32_t>(page, offsetof(CrashRecord, module_count));
  std::vector<CapturedModule> modules;
  for (std::size_t i = 0; i < std::min<std::size_t>(count, detail::record_modules); ++i) {
    const auto entry = record_field<RecordedModule>(page, offsetof(CrashRecord, modules) + i * sizeof(RecordedModule));
    if (entry.begin >= entry.end || entry.path_offset + std::size_t{entry.path_size} > sizeof(CrashRecord::paths) ||
        entry.build_id_size > sizeof entry.build_id)
      continue;
    const auto* const path =
        reinterpret_cast<const char*>(page.data()) + record_offset + offsetof(CrashRecord, paths) + entry.path_offset;
    modules.push_back({.begin = entry.begin,
                       .end = entry.end,
                       .file_offset = entry.file_offset,
                       .device = entry.device,
                       .inode = entry.inode,
                       .path = std::string{path, entry.path_size},
                       .build_id = {entry.build_id, entry.build_id + entry.build_id_size}});
  }
  return modules;
}

CapturedThread read_thread(Bytes page) {
  CapturedThread thread;
  thread.id = record_field<std::int32_t>(page, offsetof(CrashRecord, thread));
  thread.name = detail::printable(text_field(page, offsetof(CrashRecord, thread_name), 16));
  const auto count = record_field<std::uint64_t>(page, offsetof(CrashRecord, frame_count));
  const auto add = [&](std::size_t list, std::uint64_t index) {
    const auto frame = record_field<std::uint64_t>(page, list + index * sizeof(std::uint64_t));
    thread.frames.push_back({.address = frame & ~detail::exact_address, .exact = (frame & detail::exact_address) != 0});
  };
  constexpr std::uint64_t end_frames = detail::record_end_frames;
  for (std::uint64_t i = 0; i < std::min(count, end_frames); ++i) add(offsetof(CrashRecord, first_frames), i);
  thread.gap_position = thread.frames.size();
  if (count > end_frames) {
    const std::uint64_t last = std::min(count - end_frames, end_frames);
    thread.frames_left_out = count - end_frames - last;
    for (std::uint64_t i = count - last; i < count; ++i) add(offsetof(CrashRecord, last_frames), i % end_frames);
  }
  const auto state = record_field<std::uint32_t>(page, offsetof(CrashRecord, state));
  if (state < static_cast<std::uint32_t>(RecordState::walked))
    thread.remark = "the stack is destroyed from here on: walking it faulted or did not end";
  else if (state < static_cast<std::uint32_t>(RecordState::complete))
    thread.remark = "the process was killed while it wrote this";
  return thread;
}

}  // namespace

Result<CrashNote> parse_crash_page(Bytes page) {
  if (page.size() < sizeof(CrashWords)) return fail(Errc::bad_message, "a crash page that is too short");
  CrashNote note;
  const auto exception = record_field<std::uint32_t>(page, offsetof(CrashRecord, exception));
  note.terminated = exception != static_cast<std::uint32_t>(detail::ExceptionState::none);
  if (exception == static_cast<std::uint32_t>(detail::ExceptionState::typed)) {
    note.exception_type = detail::demangled_type(
        text_field(page, offsetof(CrashRecord, exception_type), sizeof(CrashRecord::exception_type)));
    note.exception_what =
        detail::printable(text_field(page, offsetof(CrashRecord, exception_what), sizeof(CrashRecord::exception_what)));
  }
  const auto state = record_field<std::uint32_t>(page, offsetof(CrashRecord, state));
  if (state == static_cast<std::uint32_t>(RecordState::empty)) return note;
  if (state > static_cast<std::uint32_t>(RecordState::complete))
    return fail(Errc::bad_message, "a crash page in a state that does not exist");
  note.written = record_field<std::uint32_t>(page, offsetof(CrashRecord, kind)) ==
                 static_cast<std::uint32_t>(detail::RecordKind::crash);
  note.signal = record_field<std::int32_t>(page, offsetof(CrashRecord, signal));
  note.signal_code = record_field<std::int32_t>(page, offsetof(CrashRecord, signal_code));
  note.fault_address = record_field<std::uint64_t>(page, offsetof(CrashRecord, fault_address));
  note.sender_pid = record_field<std::int32_t>(page, offsetof(CrashRecord, sender_pid));
  note.capture.threads.push_back(read_thread(page));
  note.capture.modules = read_modules(page);
  return note;
}

Result<CrashPage> CrashPage::create() {
  // Once per program, before the fork: its backends find everything bound and initialised.
  static const bool prepared = (detail::prepare_walks(), true);
  static_cast<void>(prepared);
  PRONG_TRY_ASSIGN(auto memory, SharedMemory::create("prong-crash-page", sizeof(CrashWords)));
  PRONG_TRY_ASSIGN(auto mapping, memory.map(Access::read_write));
  PRONG_TRY(mapping.keep_from_children());
  return CrashPage{std::move(memory), std::move(mapping)};
}

std::optional<RunningCommand> CrashPage::running() const noexcept {
  const CrashWords& words = words_of(mapping_);
  constexpr int most_tries = 100;  // an honest writer changes the words a few times in that time at most
  for (int i = 0; i < most_tries; ++i) {
    // SYNC POINT with running and request store in RunningWords::note.
    const std::uint64_t running = words.running.load(std::memory_order_acquire);
    const std::uint64_t request = words.request.load(std::memory_order_acquire);
    if (words.running.load(std::memory_order_relaxed) != running) continue;
    const std::uint64_t command = running & 0xffff;
    if (command == 0) return std::nullopt;
    return RunningCommand{.command = static_cast<std::uint16_t>(command - 1), .request = request};
  }
  return std::nullopt;
}

Result<CrashNote> CrashPage::read() const {
  std::vector<std::byte> copy(sizeof(CrashWords));
  std::memcpy(copy.data(), mapping_.data(), copy.size());
  return parse_crash_page(copy);
}

Result<StackCapture> CrashPage::ask(pid_t pid, pid_t thread, Deadline deadline) {
  CrashWords& words = words_of(mapping_);
  const std::uint64_t question = std::uint64_t{++questions_} << 32 | static_cast<std::uint32_t>(thread);
  words.asked.store(question, std::memory_order_release);
  if (::syscall(SYS_tgkill, pid, thread, SIGURG) != 0) return Error::from_errno("tgkill");
  // SYNC POINT with answered store in on_question.
  while (words.answered.load(std::memory_order_acquire) != question) {
    if (deadline.has_passed()) return fail(Errc::deadline_exceeded, detail::why_no_answer(pid, thread));
    constexpr timespec moment{.tv_sec = 0, .tv_nsec = 100'000};
    ::nanosleep(&moment, nullptr);
  }
  PRONG_TRY_ASSIGN(auto note, read());
  if (note.capture.threads.empty()) return fail(Errc::bad_message, "left an empty answer");
  return std::move(note.capture);
}

Result<StackCapture> CrashPage::capture_by_signal(pid_t pid, Deadline deadline) {
  PRONG_TRY_ASSIGN(const auto threads, detail::list_threads(pid));
  StackCapture capture;
  std::optional<Error> first_failure;
  std::size_t answers = 0;
  for (std::size_t i = 0; i < threads.size(); ++i) {
    // One that does not answer leaves the others their share of the time.
    const Deadline share = Deadline::after(deadline.remaining() / (threads.size() - i));
    auto answer = ask(pid, threads[i].id, Deadline::earlier(share, deadline));
    CapturedThread thread;
    if (answer) {
      ++answers;
      thread = std::move(answer->threads.front());
      for (CapturedModule& module : answer->modules) {
        const bool is_known = std::any_of(capture.modules.begin(), capture.modules.end(),
                                          [&](const CapturedModule& one) { return one.begin == module.begin; });
        if (!is_known) capture.modules.push_back(std::move(module));
      }
    } else {
      thread.remark = answer.error().message();
      if (!first_failure) first_failure = std::move(answer).error();
    }
    thread.id = threads[i].id;
    thread.name = threads[i].name;
    capture.threads.push_back(std::move(thread));
  }
  if (answers == 0) return first_failure.value_or(Error{Errc::system, "the process has no threads"});
  return capture;
}

}  // namespace prong::os

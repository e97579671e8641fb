#include "prong/process/detail/crash_watch.hpp"

#include "prong/os/crash_evidence.hpp"

#include <unistd.h>

#include <csignal>
#include <exception>

namespace prong::detail {
namespace {

// Why a backend that ended has left no stack.
std::string why_no_stack(const os::ExitStatus& status) {
  if (status.signal == 0) return "it left by itself";
  if (status.signal == SIGKILL)
    return "SIGKILL gives a process no time to leave one; the kernel sends it, too, when memory runs out";
  return "its handler did not run: the signal is none of those that a backend reports, a handler of its own took it, "
         "or a "
         "thread without an alternate stack overflowed its stack";
}

}  // namespace

Result<std::shared_ptr<CrashWatch>> CrashWatch::create() {
  PRONG_TRY_ASSIGN(auto page, os::CrashPage::create());
  return std::shared_ptr<CrashWatch>{new CrashWatch{std::move(page)}};
}

void CrashWatch::note_hang(const BackendLife& life, Deadline deadline) noexcept {
  if (life.pid() == ::getpid()) return;  // a test's backend, in a thread of this process
  try {
    const std::lock_guard lock{mutex_};
    if (std::exchange(hung_, true)) return;
    hang_ = os::capture_by_trace(life.pid(), life.descriptor(), deadline);
    if (*hang_ || hang_->error().code() != Errc::system) return;
    auto answer = page_.capture_by_signal(life.pid(), deadline);
    if (answer)
      hang_ = std::move(answer);
    else
      hang_ =
          Error{answer.error().code(), hang_->error().message() + "; asked by a signal, " + answer.error().message()};
  } catch (const std::exception&) {
    return;  // out of memory: then there is no stack
  }
}

void CrashWatch::begins(int pid, const os::ResourceLimits& limits) {
  if (pid == ::getpid()) return;  // a test's backend, in a thread of this process
  const std::lock_guard lock{mutex_};
  limits_ = limits;
  oom_ = OomWatch{pid};
}

void CrashWatch::has_settled(int pid) {
  const std::lock_guard lock{mutex_};
  oom_.follow(pid);
}

void CrashWatch::note_order(int number, DeathCause cause, std::string why) {
  const std::lock_guard lock{mutex_};
  // What is wrong with it says more than who wanted it to end.
  if (!ordered_ || (cause == DeathCause::bad_message && ordered_->cause != cause))
    ordered_ = OrderedEnd{.cause = cause, .why = std::move(why), .kill_sent = ordered_ && ordered_->kill_sent};
  ordered_->kill_sent = ordered_->kill_sent || number == SIGKILL;
}

bool CrashWatch::broke_protocol() const {
  const std::lock_guard lock{mutex_};
  return ordered_ && ordered_->cause == DeathCause::bad_message;
}

void CrashWatch::judge(KnownEnd end, CrashReport& known) const {
  end.ordered = ordered_;
  end.limits = limits_;
  if (is_foreign_kill(end)) end.oom_counter = oom_.claim();
  DeathVerdict verdict = detail::judge(end);
  known.cause = verdict.cause;
  known.explanation = std::move(verdict.explanation);
}

void CrashWatch::describe(const EndedBackend& ended, CrashReport& known, os::StackCapture& capture) {
  known.process = ended.process;
  known.pid = ended.pid;
  known.exit_code = ended.status.code;
  known.signal = ended.status.signal;
  auto note = page_.read();
  const bool was_ended = hung_ && (ended.status.signal == SIGTERM || ended.status.signal == SIGKILL);
  if (note && note->written && !was_ended) {
    known.signal_code = note->signal_code;
    known.fault_address = note->fault_address;
    known.sender_pid = note->sender_pid;
    capture = std::move(note->capture);
  }
  const bool terminated = note && note->terminated && ended.status.signal == SIGABRT;
  if (terminated) {
    known.exception_type = note->exception_type;
    known.exception_what = note->exception_what;
  }
  judge({.status = ended.status,
         .parent_died = ended.parent_died,
         .terminated = terminated,
         .exception_type = known.exception_type,
         .cpu_time = ended.cpu_time},
        known);
  if (was_ended && hang_ && *hang_) capture = std::move(**hang_);
  if (!capture.threads.empty()) return;
  if (!note)
    known.no_stack = "what it left makes no sense: " + note.error().message();
  else if (was_ended)
    known.no_stack = hang_ ? hang_->error().message() : "there was no memory to copy it to";
  else
    known.no_stack = why_no_stack(ended.status);
}

Error CrashWatch::death(const EndedBackend& ended, const actor::CommandTable& commands) {
  ProcessDeath death{.process = ended.process,
                     .pid = ended.pid,
                     .exit_code = ended.status.code,
                     .signal = ended.status.signal,
                     .command = {}};
  const std::lock_guard lock{mutex_};
  if (const auto running = page_.running()) {
    // The number is what the backend says: a command that this process does not have is none.
    if (const actor::Command* const command = commands.find(running->command)) {
      death.command = command->name;
      death.request = running->request;
    }
  }
  CrashReport known;
  os::StackCapture capture;
  describe(ended, known, capture);
  death.cause = known.cause;
  death.explanation = known.explanation;
  known.command = death.command;
  known.request = death.request;
  place_ = os::own_place(capture);
  evidence_ = os::make_evidence(std::move(known), std::move(capture));
  death.evidence = evidence_;
  return Error::from_death(std::move(death));
}

std::shared_ptr<const CrashEvidence> CrashWatch::evidence() const {
  const std::lock_guard lock{mutex_};
  return evidence_;
}

std::string CrashWatch::place() const {
  const std::lock_guard lock{mutex_};
  return place_;
}

}  // namespace prong::detail

#include "prong/supervise/supervised_process.hpp"

#include "prong/base/contract.hpp"
#include "prong/base/exception.hpp"
#include "prong/supervise/detail/process_memory.hpp"
#include "prong/supervise/supervisor.hpp"

#include <algorithm>
#include <utility>

namespace prong {
namespace {

using namespace std::chrono_literals;

constexpr auto fork_deadline = 5s;
constexpr std::chrono::nanoseconds term_grace = 200ms;

}  // namespace

SupervisedProcess::~SupervisedProcess() {
  forget_term();
  if (!attached_) return;
  process_.observe({});
  process_.detach();
}

Result<void> SupervisedProcess::start(ChildReport report) {
  forget_term();
  try {
    process_.attach(loop_);
    attached_ = true;
    report_ = std::move(report);
    observe();
    sent_before_ = process_.statistics().messages_sent;
    switch (process_.state()) {
      case ProcessState::created: process_.start(); return {};
      case ProcessState::ended: return process_.restart(Deadline::after(fork_deadline));
      case ProcessState::running: return {};
    }
  } catch (const Exception& exception) {
    return exception.error();
  }
  return {};
}

// By copies of the report: what one backend does is not told of the next. By posts: a process is not restarted by what
// tells of its end.
void SupervisedProcess::observe() {
  const auto tell = [loop = &loop_, report = report_](auto what) { loop->post([report, what] { what(report); }); };
  process_.observe(
      {.ready = [tell] { tell([](const ChildReport& to) { to.ready(); }); },
       .alive = [tell] { tell([](const ChildReport& to) { to.alive(); }); },
       .ended =
           [tell](const Error& why) {
             const bool in_order = why.code() == Errc::stopped;
             tell([how = in_order ? Result<void>{} : Result<void>{why}](const ChildReport& to) { to.ended(how); });
           }});
}

void SupervisedProcess::ask_ready() {
  // One that ran before it was looked after has said so long ago.
  if (process_.wait_ready(Deadline::now())) report_.ready();
}

void SupervisedProcess::ping(Time) {
  // One that cannot even be asked gives no answer.
  static_cast<void>(process_.ask_alive());
}

void SupervisedProcess::request_stop(Time deadline) {
  process_.attach(loop_);  // its context may have let go of it
  process_.request_stop();
  forget_term();
  if (deadline == Time::max()) return;
  const auto left = Deadline::at(deadline).remaining();
  term_ = loop_.add_timer(Deadline::after(left - std::min(term_grace, left / 2)), [this] {
    term_ = 0;
    process_.terminate();
  });
}

void SupervisedProcess::kill() {
  forget_term();
  process_.kill();
}

ChildUsage SupervisedProcess::usage() {
  return {.tasks = process_.statistics().messages_sent - sent_before_,
          .memory_bytes = supervise::detail::own_memory_of(process_.pid())};
}

void SupervisedProcess::forget_term() noexcept {
  loop_.cancel_timer(std::exchange(term_, 0));
}

void Supervisor::add(MessageProcess& process, ChildSpec spec) {
  PRONG_EXPECT(loop_ != nullptr, "a process is looked after in a loop");
  if (spec.name.empty()) spec.name = process.name();
  auto child = std::make_unique<SupervisedProcess>(process, *loop_);
  add(std::move(spec), *child);
  owned_.push_back(std::move(child));
  looks_after_processes_ = true;
}

}  // namespace prong

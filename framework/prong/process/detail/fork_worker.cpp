#include "prong/process/detail/fork_worker.hpp"

#include "prong/base/exception.hpp"
#include "prong/os/process_tree.hpp"
#include "prong/os/shared_memory.hpp"
#include "prong/os/signals.hpp"

#include <link.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>

namespace prong::detail {
namespace {

using transport::DescriptorSocket;
using transport::Packet;

// Whoever is killed goes soon; a process in an uninterruptible sleep does not hold up the others.
constexpr std::chrono::seconds patience{1};

std::vector<std::pair<std::uintptr_t, std::uintptr_t>> executable_ranges() {
  std::vector<std::pair<std::uintptr_t, std::uintptr_t>> ranges;
  ::dl_iterate_phdr(
      [](dl_phdr_info* module, std::size_t, void* context) {
        for (int i = 0; i < module->dlpi_phnum; ++i) {
          const auto& part = module->dlpi_phdr[i];
          if (part.p_type != PT_LOAD || (part.p_flags & PF_X) == 0) continue;
          const std::uintptr_t begin = module->dlpi_addr + part.p_vaddr;
          static_cast<decltype(ranges)*>(context)->emplace_back(begin, begin + part.p_memsz);
        }
        return 0;
      },
      &ranges);
  return ranges;
}

std::vector<int> numbers_of(const std::vector<os::UniqueFd>& descriptors, std::size_t first) {
  std::vector<int> numbers;
  for (std::size_t i = first; i < descriptors.size(); ++i) numbers.push_back(descriptors[i].get());
  return numbers;
}

}  // namespace

ForkWorker::ForkWorker(const DescriptorSocket& requests)
    : worker_{::getpid()}, requests_{requests}, loop_{loop::EventLoop::create().value()}, code_{executable_ranges()} {
  requests_watch_ = loop_->watch(requests_.descriptor(), loop::Trigger::level, [this] { take_requests(); }).value();
}

int ForkWorker::run() {
  return loop_->run() ? 0 : 1;
}

bool ForkWorker::is_of_snapshot(ServedMain main) const noexcept {
  const auto address = reinterpret_cast<std::uintptr_t>(main);
  return std::any_of(code_.begin(), code_.end(),
                     [&](const auto& range) { return range.first <= address && address < range.second; });
}

void ForkWorker::take_requests() {
  for (;;) {
    const auto packet = requests_.receive(Deadline::now());
    if (packet) {
      start(*packet);
      continue;
    }
    if (packet.error().code() == Errc::closed) loop_->stop();
    return;  // one that came without its descriptors was for a lifeline that is closed now, which says so
  }
}

void ForkWorker::start(const Packet& packet) {
  const auto request = message_in<StartRequest>(packet.bytes);
  if (!request || packet.descriptors.empty()) return;
  auto line = packet.descriptors.front().duplicate();
  if (!line) return;
  DescriptorSocket lifeline{std::move(*line)};
  const auto refuse = [&](int error) {
    const LifeReport report{.kind = LifeReport::Kind::refused, .error = error};
    static_cast<void>(lifeline.send(bytes_of(report), {}, Deadline::now()));
  };
  if (!is_of_snapshot(request->main)) return refuse(0);
  const pid_t pid = ::fork();
  if (pid < 0) return refuse(errno);
  if (pid == 0) {
    os::die_with_parent(worker_);
    run_child(*request, packet);
  }
  auto pidfd = os::open_pidfd(pid);
  if (!pidfd) {
    const int error = errno;
    ::kill(pid, SIGKILL);
    static_cast<void>(
        os::end_children([this](pid_t child) { return children_.contains(child); }, Deadline::after(patience)));
    return refuse(error);
  }
  // Done by the child, too: whoever comes first. So the group exists before anybody hears of the process.
  ::setpgid(pid, pid);
  const LifeReport report{.kind = LifeReport::Kind::started, .pid = pid};
  const int number = pidfd->get();
  static_cast<void>(lifeline.send(bytes_of(report), {&number, 1}, Deadline::now()));
  watch_child(pid, std::move(*pidfd), std::move(lifeline));
}

// In the new process. Nothing of the worker is destroyed here: its epoll is shared with the worker itself.
void ForkWorker::run_child(const StartRequest& request, const Packet& packet) {
  int code = 1;
  try {
    os::reset_signals({});
    os::lead_process_group();
    const std::vector<int> numbers = numbers_of(packet.descriptors, request.payload_is_elsewhere != 0 ? 2 : 1);
    os::Mapping mapping;
    Bytes payload = Bytes{packet.bytes}.subspan(sizeof(StartRequest));
    if (request.payload_is_elsewhere != 0) {
      mapping = os::SharedMemory::open(packet.descriptors.at(1).duplicate().value())
                    .value()
                    .map(os::Access::read_only)
                    .value();
      payload = mapping.bytes();
    }
    code = request.main(payload.first(request.payload_size), numbers);
  } catch (...) {
    // Whoever wants an exception reported catches it in `main`: only code 1 can leave from here.
    code = 1;
  }
  ::_exit(code);
}

void ForkWorker::watch_child(pid_t pid, os::UniqueFd pidfd, DescriptorSocket lifeline) {
  Child& child = children_[pid];
  child.pidfd = std::move(pidfd);
  child.lifeline = std::move(lifeline);
  child.end = loop_->watch(child.pidfd.get(), loop::Trigger::level, [this, pid] { child_ended(pid); }).value();
  child.lifeline_end =
      loop_->watch(child.lifeline.descriptor(), loop::Trigger::level, [this, pid] { lifeline_closed(pid); }).value();
}

void ForkWorker::lifeline_closed(pid_t pid) {
  children_.at(pid).lifeline_end = {};
  os::kill_group(pid);
  ::kill(pid, SIGKILL);
}

void ForkWorker::child_ended(pid_t pid) {
  const auto found = children_.find(pid);
  // Before it is reaped its number is its own, and so is that of its group.
  os::kill_group(pid);
  const auto ended = os::reap(found->second.pidfd.get());
  auto child = children_.extract(found);
  // A backend is the subreaper of what it starts. So whoever is a child of this process and was not forked by it was
  // left behind by a backend that is gone.
  static_cast<void>(
      os::end_children([this](pid_t other) { return children_.contains(other); }, Deadline::after(patience)));
  LifeReport report{.kind = LifeReport::Kind::ended, .pid = pid};
  if (ended) {
    report.exit_code = ended->status.code;
    report.signal = ended->status.signal;
    report.cpu_nanoseconds = ended->usage.cpu_time.count();
    report.memory_peak_bytes = ended->usage.memory_peak_bytes;
  }
  static_cast<void>(child.mapped().lifeline.send(bytes_of(report), {}, Deadline::now()));
}

}  // namespace prong::detail

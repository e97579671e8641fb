// What takes a Deadline ends at it; one that has passed does not wait at all.
//
// Each function is called where what it waits for never happens. One that waited all the same would wait for ever, and
// the watchdog of the fixture would name it.
#include "prong/base/deadline.hpp"

#include "process_test.hpp"
#include "prong/context/main_context.hpp"
#include "prong/context/safe_select.hpp"
#include "prong/frame/frame_ring.hpp"
#include "prong/loop/event_loop.hpp"
#include "prong/os/child_process.hpp"
#include "prong/os/event_fd.hpp"
#include "prong/os/futex.hpp"
#include "prong/os/poll.hpp"
#include "prong/process/message_process.hpp"
#include "prong/sync/event_group.hpp"
#include "prong/sync/shared_event.hpp"
#include "prong/sync/sync_index.hpp"
#include "prong/transport/descriptor_socket.hpp"
#include "test_peer.hpp"

#include <unistd.h>

#include <csignal>
#include <functional>
#include <memory>

namespace prong {
namespace {

using namespace std::chrono_literals;

// A function that waits, and the error that it ends with.
struct Wait {
  std::string name;
  /// Makes the place where nothing ever happens, and returns the call.
  std::function<std::function<Errc(Deadline)>()> prepare;
  Errc expected = Errc::deadline_exceeded;
  Errc expected_at_once = Errc::deadline_exceeded;  // where a deadline that has passed has a code of its own
};

std::ostream& operator<<(std::ostream& out, const Wait& wait) {
  return out << wait.name;
}

template <class T>
Errc code_of(const Result<T>& result) {
  return result ? Errc{} : result.error().code();
}

constexpr Errc success{};

// A frontend whose backend is stopped by the kernel: nothing more comes from it.
class Frozen {
 public:
  explicit Frozen(ProcessOptions options = {}) : process{options} {
    process.start();
    freeze();
  }
  Frozen(const Frozen&) = delete;
  Frozen& operator=(const Frozen&) = delete;
  ~Frozen() { process.kill(); }

  class Process : public MessageProcess {
   public:
    explicit Process(ProcessOptions options) : MessageProcess{"frozen", options} {
      command<&Process::c__nothing>("nothing");
    }
    Future<void> nothing(Deadline deadline) { return call<&Process::c__nothing>(deadline); }

   private:
    void c__nothing() {}
  };
  Process process;

 private:
  void freeze() {
    const int pid = process.pid();
    EXPECT_EQ(::kill(pid, SIGSTOP), 0);
    // It is stopped only when its parent is told so.
    siginfo_t info{};
    EXPECT_EQ(::waitid(P_PID, static_cast<id_t>(pid), &info, WSTOPPED | WNOWAIT), 0);
  }
};

// A pipe into which nobody writes.
class SilentPipe {
 public:
  SilentPipe() {
    int ends[2];
    EXPECT_EQ(::pipe(ends), 0);
    read_ = os::UniqueFd{ends[0]};
    write_ = os::UniqueFd{ends[1]};
  }
  [[nodiscard]] int descriptor() const noexcept { return read_.get(); }

 private:
  os::UniqueFd read_;
  os::UniqueFd write_;
};

// Waits that need nothing but this process.
std::vector<Wait> plain_waits() {
  return {
      {"os::poll",
       [] {
         return [pipe = std::make_shared<SilentPipe>()](Deadline deadline) {
           pollfd entry{pipe->descriptor(), POLLIN, 0};
           return os::poll({&entry, 1}, deadline).value() == 0 ? Errc::deadline_exceeded : success;
         };
       }},
      {"os::wait_readable",
       [] {
         return [pipe = std::make_shared<SilentPipe>()](Deadline deadline) {
           return code_of(os::wait_readable(pipe->descriptor(), deadline));
         };
       }},
      {"os::EventFd::wait",
       [] {
         return [event = std::make_shared<os::EventFd>(os::EventFd::create().value())](Deadline deadline) {
           return code_of(event->wait(deadline));
         };
       }},
      {"os::futex_wait",
       [] {
         return [](Deadline deadline) {
           std::atomic<std::uint32_t> word{7};
           return os::futex_wait(word, 7, deadline) == os::FutexWake::deadline ? Errc::deadline_exceeded : success;
         };
       }},
      {"os::ChildProcess::wait",
       [] {
         const auto child =
             std::make_shared<os::ChildProcess>(os::ChildProcess::fork([] { return ::pause(); }).value());
         return [child](Deadline deadline) { return code_of(child->wait(deadline)); };
       }},
      {"transport::DescriptorSocket::receive",
       [] {
         const auto ends = std::make_shared<std::pair<transport::DescriptorSocket, transport::DescriptorSocket>>(
             transport::DescriptorSocket::pair().value());
         return [ends](Deadline deadline) { return code_of(ends->first.receive(deadline)); };
       }},
      {"transport::DescriptorSocket::send",
       [] {
         const auto ends = std::make_shared<std::pair<transport::DescriptorSocket, transport::DescriptorSocket>>(
             transport::DescriptorSocket::pair().value());
         const std::vector<std::byte> packet(transport::DescriptorSocket::max_bytes);
         while (ends->first.send(packet, {}, Deadline::now())) {
         }
         return [ends, packet](Deadline deadline) { return code_of(ends->first.send(packet, {}, deadline)); };
       }},
      {"loop::EventLoop::run_once",
       [] {
         const std::shared_ptr<loop::EventLoop> loop = loop::EventLoop::create().value();
         return
             [loop](Deadline deadline) { return loop->run_once(deadline).value() ? success : Errc::deadline_exceeded; };
       }},
      {"safe_select",
       [] {
         return [pipe = std::make_shared<SilentPipe>()](Deadline deadline) {
           const int descriptors[] = {pipe->descriptor()};
           return safe_select(descriptors, {}, {}, deadline).value().readable.empty() ? Errc::deadline_exceeded
                                                                                      : success;
         };
       }},
      {"Future::wait",
       [] {
         const auto promise = std::make_shared<Promise<int>>();
         const auto future = std::make_shared<Future<int>>(promise->future());
         return [promise, future](Deadline deadline) {
           return future->wait(deadline) ? success : Errc::deadline_exceeded;
         };
       }},
      {"Future::result",
       [] {
         const auto promise = std::make_shared<Promise<int>>();
         const auto future = std::make_shared<Future<int>>(promise->future());
         return [promise, future](Deadline deadline) { return code_of(future->result(deadline)); };
       }},
  };
}

std::vector<Wait> sync_waits() {
  const auto shared_event = [] { return std::make_shared<SharedEvent>(SharedEvent::create().value()); };
  struct Group {
    EventGroup group{1};
    tests::ThreadPeer peer;
    ReservedEvent reserved = group.reserve().value();
  };
  return {
      {"SharedEvent::wait",
       [=] { return [event = shared_event()](Deadline deadline) { return code_of(event->wait(deadline)); }; }},
      {"SharedEvent::wait with a peer",
       [=] {
         return [event = shared_event(), peer = std::make_shared<tests::ThreadPeer>()](Deadline deadline) {
           return code_of(event->wait(*peer, deadline));
         };
       }},
      {"EventGroup::reserve",
       [] {
         return [all = std::make_shared<Group>()](Deadline deadline) { return code_of(all->group.reserve(deadline)); };
       },
       Errc::deadline_exceeded, Errc::no_free_event},
      {"Event::wait",
       [] {
         return [all = std::make_shared<Group>()](Deadline deadline) {
           return code_of(all->reserved.event.wait(deadline));
         };
       }},
      {"Event::wait with a peer",
       [] {
         return [all = std::make_shared<Group>()](Deadline deadline) {
           return code_of(all->reserved.event.wait(all->peer, deadline));
         };
       }},
      {"SyncIndex::reserve",
       [] {
         return [all = std::make_shared<Group>()](Deadline deadline) {
           return code_of(SyncIndex::reserve(all->group, deadline));
         };
       },
       Errc::deadline_exceeded, Errc::no_free_event},
      {"SyncIndex::wait",
       [] {
         const auto all = std::make_shared<Group>();
         static_cast<void>(all->group.release(all->reserved.index));
         const auto index = std::make_shared<SyncIndex>(all->group, all->peer);
         return [all, index](Deadline deadline) { return code_of(index->wait(deadline)); };
       }},
  };
}

std::vector<Wait> frame_waits() {
  struct Ends {
    tests::ThreadPeer peer;
    FrameRing ring{{.name = "test", .slots = 1, .slot_bytes = 64}};
    FrameProducer producer = ring.producer().value();
    FrameConsumer consumer = ring.consumer().value();
    // Takes the one slot, so that there is nothing to fill.
    void fill() { static_cast<void>(producer.acquire(Deadline::now()).value().publish({})); }
  };
  const auto full = [] {
    const auto ends = std::make_shared<Ends>();
    ends->fill();
    return ends;
  };
  return {
      {"FrameProducer::acquire",
       [=] { return [ends = full()](Deadline deadline) { return code_of(ends->producer.acquire(deadline)); }; },
       Errc::deadline_exceeded, Errc::no_free_slot},
      {"FrameProducer::acquire with a peer",
       [=] {
         return [ends = full()](Deadline deadline) { return code_of(ends->producer.acquire(ends->peer, deadline)); };
       },
       Errc::deadline_exceeded, Errc::no_free_slot},
      {"FrameConsumer::next",
       [] {
         return [ends = std::make_shared<Ends>()](Deadline deadline) { return code_of(ends->consumer.next(deadline)); };
       },
       Errc::deadline_exceeded, Errc::queue_empty},
      {"FrameConsumer::next with a peer",
       [] {
         return [ends = std::make_shared<Ends>()](Deadline deadline) {
           return code_of(ends->consumer.next(ends->peer, deadline));
         };
       },
       Errc::deadline_exceeded, Errc::queue_empty},
  };
}

std::vector<Wait> process_waits() {
  const auto frozen = [] { return std::make_shared<Frozen>(); };
  const auto full = [](QueuePolicy policy) {
    auto process = std::make_shared<Frozen>(ProcessOptions{.queue_bytes = 4096, .when_full = policy});
    while (process->process.try_send_message_to_back({"nothing"}, Deadline::now())) {
    }
    return process;
  };
  const auto waits_for = [=](auto&& ask) {
    return [=] { return [process = frozen(), ask](Deadline deadline) { return ask(process->process, deadline); }; };
  };
  using P = Frozen::Process;
  return {
      {"MessageProcess::call",
       waits_for([](P& process, Deadline deadline) { return code_of(process.nothing(deadline).result()); })},
      {"MessageProcess::request", waits_for([](P& process, Deadline deadline) {
         return code_of(process.request({"nothing"}, deadline).result());
       })},
      {"Future::result of a call", waits_for([](P& process, Deadline deadline) {
         return code_of(process.nothing(Deadline::never()).result(deadline));
       })},
      {"MessageProcess::ping",
       waits_for([](P& process, Deadline deadline) { return code_of(process.ping(deadline)); })},
      {"Pipe::receive",
       waits_for([](P& process, Deadline deadline) { return code_of(process.pipe().receive(deadline)); })},
      {"MessageProcess::return_from_back",
       waits_for([](P& process, Deadline deadline) { return code_of(process.return_from_back(deadline)); })},
      {"MessageProcess::wait_stop",
       waits_for([](P& process, Deadline deadline) { return code_of(process.wait_stop(deadline)); })},
      {"MessageProcess::wait_readable", waits_for([](P& process, Deadline deadline) {
         const SilentPipe pipe;
         return code_of(process.wait_readable(pipe.descriptor(), deadline));
       })},
      {"MessageProcess::try_send_message_to_back on a full queue that blocks",
       [=] {
         return [process = full(QueuePolicy::block)](Deadline deadline) {
           return code_of(process->process.try_send_message_to_back({"nothing"}, deadline));
         };
       }},
      {"MessageProcess::try_send_message_to_back on a full queue that rejects",
       [=] {
         return [process = full(QueuePolicy::reject)](Deadline deadline) {
           return code_of(process->process.try_send_message_to_back({"nothing"}, deadline));
         };
       },
       Errc::overloaded, Errc::overloaded},
      {"MessageProcess::call on a full queue that blocks",
       [=] {
         return [process = full(QueuePolicy::block)](Deadline deadline) {
           return code_of(process->process.nothing(deadline).result());
         };
       }},
      // It does wait for the kernel, which ends what was killed.
      {"MessageProcess::stop",
       waits_for([](P& process, Deadline deadline) { return code_of(process.stop(deadline)); })},
  };
}

// A process that never gets ready, and one that looks at what its backend's functions do.
class Late : public MessageProcess {
 public:
  Late() : MessageProcess{"late"} {}

 private:
  void pre_run() override {
    for (;;) ::pause();
  }
};

class Inside : public MessageProcess {
 public:
  Inside() : MessageProcess{"inside"} { command<&Inside::c__turn>("turn", "nanoseconds"_a); }
  Errc turn(Deadline deadline) {
    call<&Inside::c__turn>(deadline.nanoseconds(), Deadline::never()).get();
    return Errc::deadline_exceeded;  // it came back
  }

 private:
  void c__turn(std::int64_t nanoseconds) { read_pipes(Deadline::from_nanoseconds(nanoseconds)); }
};

class Context : public MainContext {
 public:
  explicit Context(Deadline deadline) : deadline_{deadline} {}
  bool held = true;

 private:
  void start_processes() override {}
  int main_loop() override {
    held = run_until([] { return false; }, deadline_);
    return 0;
  }
  Deadline deadline_;
};

std::vector<Wait> more_process_waits() {
  return {
      {"MessageProcess::wait_ready",
       [] {
         const auto late = std::make_shared<Late>();
         late->start();
         return [late](Deadline deadline) {
           const Errc code = code_of(late->wait_ready(deadline));
           late->kill();
           return code;
         };
       }},
      {"MessageProcess::read_pipes",
       [] {
         const auto inside = std::make_shared<Inside>();
         inside->start();
         return [inside](Deadline deadline) { return inside->turn(deadline); };
       }},
      {"MainContext::run_until",
       [] {
         return [](Deadline deadline) {
           Context context{deadline};
           EXPECT_EQ(context.run(), 0);
           return context.held ? success : Errc::deadline_exceeded;
         };
       }},
  };
}

std::vector<Wait> all_waits() {
  std::vector<Wait> all;
  for (auto& some : {plain_waits(), sync_waits(), frame_waits(), process_waits(), more_process_waits()})
    all.insert(all.end(), some.begin(), some.end());
  return all;
}

class DeadlineContract : public tests::ProcessTest, public ::testing::WithParamInterface<Wait> {};

TEST_P(DeadlineContract, one_that_has_passed_does_not_wait) {
  const auto call = GetParam().prepare();

  EXPECT_EQ(call(Deadline::now()), GetParam().expected_at_once);
}

TEST_P(DeadlineContract, zero_is_now_and_the_past_is_past) {
  EXPECT_EQ(GetParam().prepare()(Deadline::after(0s)), GetParam().expected_at_once);
  const Errc past = GetParam().prepare()(Deadline::from_nanoseconds(1));
  EXPECT_TRUE(past == GetParam().expected_at_once || past == GetParam().expected) << name_of(past);
}

TEST_P(DeadlineContract, one_that_passes_ends_the_wait) {
  const auto call = GetParam().prepare();

  EXPECT_EQ(call(Deadline::after(5ms)), GetParam().expected);
}

INSTANTIATE_TEST_SUITE_P(AllWaits, DeadlineContract, ::testing::ValuesIn(all_waits()), [](const auto& wait) {
  std::string name;
  for (const char character : wait.param.name) {
    const bool plain = std::isalnum(static_cast<unsigned char>(character)) != 0;
    if (plain || name.empty() || name.back() != '_') name += plain ? character : '_';
  }
  return name;
});

}  // namespace
}  // namespace prong

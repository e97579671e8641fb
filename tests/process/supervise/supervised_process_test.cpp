#include "prong/supervise/supervised_process.hpp"

#include "log_capture.hpp"
#include "process_test.hpp"
#include "prong/base/exception.hpp"
#include "prong/process/fork_server.hpp"
#include "prong/supervise/checkpoint.hpp"
#include "prong/supervise/supervisor.hpp"
#include "prong/supervise/supervisor_thread.hpp"
#include "prong/sync/shared_event.hpp"

#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <random>
#include <thread>

namespace prong {
namespace {

using namespace std::chrono_literals;
using supervise::ChildState;
using Kind = SupervisionEvent::Kind;

/// Counts, and does all that a supervisor is for.
class Worker : public MessageProcess {
 public:
  explicit Worker(std::string name = "worker", ProcessOptions options = {.default_deadline = 20s})
      : MessageProcess{std::move(name), options} {
    command<&Worker::c__count>("count");
    command<&Worker::c__pid>("pid");
    command<&Worker::c__raise>("raise", "number"_a);
    command<&Worker::c__spin>("spin");
    command<&Worker::c__hang>("hang");
    command<&Worker::c__leak>("leak", "bytes"_a);
    command<&Worker::c__leave>("leave");
    command<&Worker::c__ignore_terminate>("ignore_terminate");
  }
  Future<int> count() { return call<&Worker::c__count>(); }
  Future<int> backend_pid() { return call<&Worker::c__pid>(); }
  Future<void> raise(int number) { return call<&Worker::c__raise>(number); }
  Future<void> spin() { return call<&Worker::c__spin>(Deadline::never()); }
  Future<void> hang() { return call<&Worker::c__hang>(Deadline::never()); }
  Future<void> leak(std::uint64_t bytes) { return call<&Worker::c__leak>(bytes); }
  Future<void> leave() { return call<&Worker::c__leave>(); }
  Future<void> ignore_terminate() { return call<&Worker::c__ignore_terminate>(); }

 private:
  // [worker handlers]
  void pre_run() override {
    if (const auto last = total_.take().value()) count_ = last->value;
  }
  int c__count() {
    total_.save(++count_);
    return count_;
  }
  // [/worker handlers]
  int c__pid() { return ::getpid(); }
  void c__raise(int number) { ::raise(number); }
  void c__spin() {
    for (volatile bool go = true; go;) {
    }
  }
  void c__hang() {
    for (;;) ::pause();
  }
  void c__leak(std::uint64_t bytes) { leaked_.emplace_back(bytes, 'x'); }
  void c__leave() { stop_backend(); }
  void c__ignore_terminate() { ::signal(SIGTERM, SIG_IGN); }

  Checkpoint<int> total_{64};
  int count_ = 0;
  std::vector<std::string> leaked_;
};

class SupervisedProcess_ : public tests::ProcessTest {
 protected:
  static Deadline soon() { return Deadline::after(20s); }
  static SupervisorSpec patient(Strategy strategy = Strategy::one_for_one) {
    return {.strategy = strategy, .intensity = 1000, .backoff = {.initial = 1ms, .max = 5ms}};
  }
  void listen(Supervisor& supervisor) {
    supervisor.on_event([this](const SupervisionEvent& event) { events.push_back(event); });
  }
  void run_until(const std::function<bool()>& done) {
    while (!done()) ASSERT_TRUE(loop->run_once(Deadline::never()));
  }
  void run_until_ready(Supervisor& supervisor, std::string_view child, std::uint64_t incarnation) {
    run_until([&] {
      return supervisor.incarnation_of(child) >= incarnation && supervisor.state_of(child) == ChildState::ready;
    });
  }
  [[nodiscard]] std::size_t count(Kind kind) const {
    return static_cast<std::size_t>(
        std::count_if(events.begin(), events.end(), [&](const auto& event) { return event.kind == kind; }));
  }
  [[nodiscard]] Error cause_of(Kind kind) const {
    for (const SupervisionEvent& event : events)
      if (event.kind == kind && event.cause) return *event.cause;
    return {};
  }

  std::unique_ptr<loop::EventLoop> loop = loop::EventLoop::create().value();
  std::vector<SupervisionEvent> events;
  const tests::LogCapture log;
};

TEST_F(SupervisedProcess_, that_dies_has_a_successor_that_takes_the_later_calls) {
  Worker worker;
  // [supervise]
  Supervisor supervisor{{.name = "pipeline", .intensity = 3, .period = 5s, .backoff = {.initial = 1ms}}, *loop};
  supervisor.add(worker, {.name = "worker", .restart = RestartType::transient});
  supervisor.on_event([&](const SupervisionEvent& event) { events.push_back(event); });
  ASSERT_TRUE(supervisor.start());
  ASSERT_TRUE(supervisor.wait_ready(Deadline::after(20s)));
  // [/supervise]
  const int first = worker.backend_pid().get();

  EXPECT_THROW(worker.raise(SIGSEGV).get(), ProcessExpired);
  EXPECT_THROW(worker.count().get(), Exception);  // nobody is there: it fails at once
  run_until_ready(supervisor, "worker", 2);

  EXPECT_NE(worker.backend_pid().get(), first);
  std::string story;
  for (const SupervisionEvent& event : events) story += std::string{name_of(event.kind)} + " ";
  EXPECT_EQ(story, "started ready down restarting started ready ");
  EXPECT_EQ(cause_of(Kind::down).code(), Errc::process_expired);
  EXPECT_EQ(cause_of(Kind::down).death()->signal, SIGSEGV);
  EXPECT_TRUE(supervisor.stop(soon()));
  EXPECT_EQ(worker.state(), ProcessState::ended);
}

TEST_F(SupervisedProcess_, that_stops_by_itself_has_finished_if_it_is_transient) {
  Worker worker;
  Supervisor supervisor{patient(), *loop};
  supervisor.add(worker, {.restart = RestartType::transient});
  listen(supervisor);
  ASSERT_TRUE(supervisor.start());
  ASSERT_TRUE(supervisor.wait_ready(soon()));

  worker.leave().get();
  run_until([&] { return supervisor.state_of("worker") == ChildState::finished; });

  EXPECT_FALSE(events.back().cause);
  EXPECT_TRUE(supervisor.stop(soon()));
}

// --- Readiness -------------------------------------------------------------------------------------------------------

class SlowStarter : public MessageProcess {
 public:
  SlowStarter() : MessageProcess{"slow"} {}
  SharedEvent may_be_ready = SharedEvent::create().value();

 private:
  void pre_run() override { static_cast<void>(may_be_ready.wait(Deadline::never())); }
};

TEST_F(SupervisedProcess_, is_started_long_before_it_is_ready_and_those_behind_it_wait) {
  SlowStarter slow;
  Worker worker;
  Supervisor supervisor{patient(), *loop};
  supervisor.add(slow);
  supervisor.add(worker);
  listen(supervisor);
  ASSERT_TRUE(supervisor.start());
  EXPECT_EQ(supervisor.wait_ready(Deadline::after(20ms)).error().code(), Errc::deadline_exceeded);

  EXPECT_EQ(supervisor.state_of("slow"), ChildState::starting);
  EXPECT_EQ(worker.state(), ProcessState::created);
  slow.may_be_ready.set();

  EXPECT_TRUE(supervisor.wait_ready(soon()));
  EXPECT_TRUE(supervisor.stop(soon()));
}

TEST_F(SupervisedProcess_, that_does_not_get_ready_is_killed_and_tried_again) {
  SlowStarter slow;
  Supervisor supervisor{patient(), *loop};
  supervisor.add(slow, {.readiness_deadline = 20ms});
  listen(supervisor);
  ASSERT_TRUE(supervisor.start());

  run_until([&] { return supervisor.incarnation_of("slow") >= 3; });
  slow.may_be_ready.set();

  EXPECT_TRUE(supervisor.wait_ready(soon()));
  EXPECT_EQ(cause_of(Kind::down).code(), Errc::deadline_exceeded);
  EXPECT_TRUE(supervisor.stop(soon()));
}

class Unwilling : public MessageProcess {
 public:
  Unwilling() : MessageProcess{"unwilling"} {}

 private:
  void pre_run() override { throw std::runtime_error{"no camera"}; }
};

TEST_F(SupervisedProcess_, that_cannot_start_makes_the_supervisor_give_up_with_its_words) {
  Worker worker;
  Unwilling unwilling;
  Supervisor supervisor{{.intensity = 2, .backoff = {.initial = 1ms}}, *loop};
  supervisor.add(worker);
  supervisor.add(unwilling);
  listen(supervisor);
  ASSERT_TRUE(supervisor.start());

  const auto ready = supervisor.wait_ready(soon());

  ASSERT_FALSE(ready);
  EXPECT_EQ(ready.error().code(), Errc::handler_failed);
  EXPECT_NE(ready.error().message().find("gave up after 2 restarts"), std::string::npos);
  EXPECT_NE(ready.error().message().find("no camera"), std::string::npos);
  EXPECT_EQ(unwilling.incarnation(), 3U);
  EXPECT_EQ(count(Kind::gave_up), 1U);
  EXPECT_EQ(worker.state(), ProcessState::ended);
}

// --- Liveness --------------------------------------------------------------------------------------------------------

TEST_F(SupervisedProcess_, that_hangs_is_killed_and_replaced_and_its_caller_told) {
  for (const bool stopped : {false, true}) {
    events.clear();
    Worker worker;
    Supervisor supervisor{patient(), *loop};
    supervisor.add(worker, {.liveness = Liveness{.interval = 5ms, .deadline = 1500ms}});
    listen(supervisor);
    ASSERT_TRUE(supervisor.start());
    ASSERT_TRUE(supervisor.wait_ready(soon()));

    Future<void> spinning = stopped ? Future<void>{} : worker.spin();
    if (stopped) ::kill(worker.pid(), SIGSTOP);
    run_until_ready(supervisor, "worker", 2);

    EXPECT_EQ(count(Kind::hung), 1U);
    EXPECT_EQ(cause_of(Kind::down).message(), "'worker' did not answer a ping within 1500 ms and was killed");
    EXPECT_TRUE(!spinning.valid() || spinning.result().error().code() == Errc::process_expired);
    EXPECT_TRUE(worker.count().get() == 1);
    EXPECT_TRUE(supervisor.stop(soon()));
  }
}

TEST_F(SupervisedProcess_, that_only_has_much_to_do_is_not_taken_for_hung) {
  Worker worker{"worker", {.queue_bytes = 4096, .when_full = QueuePolicy::block, .default_deadline = 20s}};
  Supervisor supervisor{patient(), *loop};
  supervisor.add(worker, {.liveness = Liveness{.interval = 1ms, .deadline = 10s}});
  listen(supervisor);
  ASSERT_TRUE(supervisor.start());
  ASSERT_TRUE(supervisor.wait_ready(soon()));

  // More than the queue holds, all the time: a ping that waited behind them, or for room, would come late.
  for (int i = 0; i < 2000; ++i) {
    ASSERT_TRUE(worker.try_send_message_to_back({"count"}, soon()));
    ASSERT_TRUE(i % 100 != 0 || loop->run_once(Deadline::now()));
  }

  EXPECT_EQ(worker.count().get(), 2001);
  EXPECT_EQ(supervisor.incarnation_of("worker"), 1U);
  EXPECT_TRUE(supervisor.stop(soon()));
}

// --- Recycling -------------------------------------------------------------------------------------------------------

TEST_F(SupervisedProcess_, is_recycled_after_its_tasks_and_every_call_has_its_outcome) {
  Worker worker;
  SupervisorSpec spec = patient();
  spec.intensity = 0;  // recycling does not count
  Supervisor supervisor{spec, *loop};
  supervisor.add(worker, {.recycle = {.tasks = 50, .check_interval = 1ms}});
  listen(supervisor);
  ASSERT_TRUE(supervisor.start());
  ASSERT_TRUE(supervisor.wait_ready(soon()));
  int done = 0;
  int refused = 0;

  while (supervisor.incarnation_of("worker") < 4) {
    worker.count().then([&](const Result<int>& total) { ++(total ? done : refused); });
    ASSERT_TRUE(loop->run_once(Deadline::now()));
  }
  run_until_ready(supervisor, "worker", 4);

  EXPECT_GE(count(Kind::recycled), 3U);
  // The checkpoint has counted exactly what was answered: nothing that was accepted was lost when it drained.
  EXPECT_EQ(worker.count().get(), done + 1);
  EXPECT_TRUE(supervisor.stop(soon()));
}

TEST_F(SupervisedProcess_, is_recycled_when_its_memory_has_grown) {
  Worker worker;
  Supervisor supervisor{{.intensity = 0}, *loop};
  supervisor.add(worker, {.recycle = {.memory_growth_bytes = 8 << 20, .check_interval = 2ms}});
  listen(supervisor);
  ASSERT_TRUE(supervisor.start());
  ASSERT_TRUE(supervisor.wait_ready(soon()));
  worker.leak(1 << 20).get();

  worker.leak(16 << 20).get();
  run_until_ready(supervisor, "worker", 2);

  EXPECT_EQ(count(Kind::recycled), 1U);
  EXPECT_NE(cause_of(Kind::recycled).message().find("has grown by"), std::string::npos);
  EXPECT_FALSE(events[3].cause) << "it drained and stopped in order";
  EXPECT_TRUE(supervisor.stop(soon()));
}

TEST_F(SupervisedProcess_, is_recycled_when_it_uses_too_much_and_when_it_is_old) {
  Worker large{"large"};
  Worker old{"old"};
  Supervisor supervisor{{.intensity = 0}, *loop};
  supervisor.add(large, {.recycle = {.memory_bytes = 40 << 20, .check_interval = 2ms}});
  supervisor.add(old, {.recycle = {.age = 20ms}});
  ASSERT_TRUE(supervisor.start());
  ASSERT_TRUE(supervisor.wait_ready(soon()));

  large.leak(48 << 20).get();
  run_until_ready(supervisor, "large", 2);
  run_until_ready(supervisor, "old", 3);

  EXPECT_TRUE(supervisor.stop(soon()));
}

// --- Strategies and stops --------------------------------------------------------------------------------------------

TEST_F(SupervisedProcess_, takes_those_after_it_along_under_rest_for_one) {
  Worker a{"a"};
  Worker b{"b"};
  Worker c{"c"};
  Supervisor supervisor{patient(Strategy::rest_for_one), *loop};
  for (Worker* const worker : {&a, &b, &c}) supervisor.add(*worker);
  ASSERT_TRUE(supervisor.start());
  ASSERT_TRUE(supervisor.wait_ready(soon()));

  ::kill(b.pid(), SIGKILL);
  run_until_ready(supervisor, "c", 2);

  EXPECT_EQ(a.incarnation(), 1U);
  EXPECT_EQ(b.incarnation(), 2U);
  EXPECT_EQ(c.incarnation(), 2U);
  EXPECT_TRUE(supervisor.stop(soon()));
}

TEST_F(SupervisedProcess_, that_ignores_everything_is_killed_at_its_deadline_and_the_others_stop_in_order) {
  Worker a{"a"};
  Worker stubborn{"stubborn"};
  Supervisor supervisor{patient(), *loop};
  supervisor.add(a);
  supervisor.add(stubborn, {.shutdown_deadline = 50ms});
  listen(supervisor);
  ASSERT_TRUE(supervisor.start());
  ASSERT_TRUE(supervisor.wait_ready(soon()));
  stubborn.ignore_terminate().get();
  auto hanging = stubborn.hang();

  EXPECT_TRUE(supervisor.stop(soon()));

  ASSERT_GE(events.size(), 2U);
  const SupervisionEvent& last = events[events.size() - 1];
  const SupervisionEvent& before = events[events.size() - 2];
  EXPECT_EQ(before.cause->message(), "'stubborn' did not stop within 50 ms and was killed");
  EXPECT_EQ(last.child, "a");
  EXPECT_FALSE(last.cause);
}

TEST_F(SupervisedProcess_, twenty_that_ignore_everything_stop_in_the_time_of_one_where_the_order_is_together) {
  std::vector<std::unique_ptr<Worker>> workers;
  SupervisorSpec spec = patient();
  spec.order = Order::together;
  Supervisor supervisor{spec, *loop};
  for (int i = 0; i < 20; ++i) {
    workers.push_back(std::make_unique<Worker>("worker" + std::to_string(i)));
    supervisor.add(*workers.back(), {.shutdown_deadline = 300ms});
  }
  ASSERT_TRUE(supervisor.start());
  ASSERT_TRUE(supervisor.wait_ready(soon()));
  for (const auto& worker : workers) {
    worker->ignore_terminate().get();
    static_cast<void>(worker->hang());
  }
  int asked = 0;
  listen(supervisor);

  // Not by the clock: when the first is gone all of them have been asked, for their deadlines are the same.
  supervisor.request_stop();
  for (const auto& worker : workers) asked += supervisor.state_of(worker->name()) == ChildState::stopping ? 1 : 0;

  EXPECT_EQ(asked, 20);
  EXPECT_TRUE(supervisor.stop(soon()));
}

TEST_F(SupervisedProcess_, that_runs_already_is_looked_after_as_it_is) {
  Worker worker;
  worker.start();
  ASSERT_TRUE(worker.wait_ready(soon()));
  const int pid = worker.pid();
  Supervisor supervisor{patient(), *loop};
  supervisor.add(worker);

  ASSERT_TRUE(supervisor.start());
  ASSERT_TRUE(supervisor.wait_ready(soon()));
  EXPECT_EQ(worker.pid(), pid);
  ::kill(pid, SIGKILL);
  run_until_ready(supervisor, "worker", 2);

  EXPECT_TRUE(supervisor.stop(soon()));
}

// --- Checkpoints -----------------------------------------------------------------------------------------------------

TEST_F(SupervisedProcess_, gives_its_state_to_its_successor_however_it_dies) {
  Worker worker;
  const ForkServer server;  // successors are forked from this moment
  Supervisor supervisor{patient(), *loop};
  supervisor.add(worker);
  ASSERT_TRUE(supervisor.start());
  ASSERT_TRUE(supervisor.wait_ready(soon()));
  const std::uint64_t seed = std::random_device{}();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937_64 random{seed};
  int total = 0;

  for (std::uint64_t life = 1; life <= 20; ++life) {
    for (auto calls = random() % 20; calls > 0; --calls) ASSERT_EQ(worker.count().get(), ++total);
    // The last call may or may not have been counted when it died.
    auto last = worker.count();
    const Deadline moment = Deadline::after(std::chrono::microseconds{random() % 200});
    while (!moment.has_passed()) std::this_thread::yield();
    worker.kill();
    run_until_ready(supervisor, "worker", life + 1);
    const int now = worker.count().get();
    ASSERT_TRUE(now == total + 1 || now == total + 2) << now << " after " << total;
    total = now;
  }

  EXPECT_TRUE(supervisor.stop(soon()));
}

class Poisoned : public MessageProcess {
 public:
  Poisoned() : MessageProcess{"poisoned"} {
    command<&Poisoned::c__swallow>("swallow", "number"_a);
    command<&Poisoned::c__begun_with>("begun_with");
  }
  Future<void> swallow(int number) { return call<&Poisoned::c__swallow>(number); }
  Future<std::string> begun_with() { return call<&Poisoned::c__begun_with>(); }

 private:
  // [poisoned checkpoint]
  void pre_run() override {
    const auto last = state_.take().value();
    if (!last || last->attempt > 2) return;  // two successors have died of it: begin anew
    if (last->value == 13) ::raise(SIGSEGV);
    begun_with_ = std::to_string(last->value);
  }
  // [/poisoned checkpoint]
  void c__swallow(int number) {
    state_.save(number);
    ::raise(SIGSEGV);
  }
  std::string c__begun_with() { return begun_with_; }

  Checkpoint<int> state_{64};
  std::string begun_with_ = "nothing";
};

TEST_F(SupervisedProcess_, that_dies_of_its_checkpoint_can_do_without) {
  Poisoned process;
  Supervisor supervisor{patient(), *loop};
  supervisor.add(process);
  ASSERT_TRUE(supervisor.start());
  ASSERT_TRUE(supervisor.wait_ready(soon()));

  EXPECT_THROW(process.swallow(12).get(), ProcessExpired);
  run_until_ready(supervisor, "poisoned", 2);
  EXPECT_EQ(process.begun_with().get(), "12");
  EXPECT_THROW(process.swallow(13).get(), ProcessExpired);
  run_until_ready(supervisor, "poisoned", 5);

  EXPECT_EQ(process.begun_with().get(), "nothing");
  EXPECT_TRUE(supervisor.stop(soon()));
}

// --- Threads and trees -----------------------------------------------------------------------------------------------

TEST_F(SupervisedProcess_, is_looked_after_by_a_thread_while_others_call_it) {
  Worker a{"a"};
  Worker b{"b"};
  // [thread]
  SupervisorThread thread{{.intensity = 1000, .backoff = {.initial = 1ms, .max = 5ms}}};
  thread.supervisor().add(a);
  thread.supervisor().add(b);
  ASSERT_TRUE(thread.start(Deadline::after(20s)));
  // [/thread]

  for (std::uint64_t life = 1; life <= 20; ++life) {
    Worker& worker = life % 2 == 0 ? a : b;
    ::kill(worker.pid(), SIGKILL);
    // Until the successor is there calls fail at once; what is told by their outcome is all a caller needs.
    while (!worker.count().result()) std::this_thread::yield();
  }

  thread.run_there(
      [](Supervisor& supervisor) { EXPECT_EQ(supervisor.incarnation_of("a") + supervisor.incarnation_of("b"), 22U); });
  EXPECT_TRUE(thread.stop(soon()));
}

TEST_F(SupervisedProcess_, survives_a_hundred_random_kills_in_a_tree) {
  const std::uint64_t seed = std::random_device{}();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937_64 random{seed};
  Worker a{"a"};
  Worker b{"b"};
  Worker c{"c"};
  Worker d{"d"};
  const std::vector<Worker*> workers{&a, &b, &c, &d};
  const ForkServer server;
  Supervisor inner{patient(Strategy::one_for_all), *loop};
  Supervisor outer{patient(Strategy::rest_for_one), *loop};
  inner.add(b);
  inner.add(c);
  outer.add(a, {.liveness = Liveness{.interval = 5ms, .deadline = 5s}});
  outer.add({.name = "inner"}, inner);
  outer.add(d, {.recycle = {.age = 50ms}});
  ASSERT_TRUE(outer.start());

  for (int kills = 0; kills < 100;) {
    for (auto turns = random() % 20; turns > 0; --turns) ASSERT_TRUE(loop->run_once(Deadline::after(1ms)));
    Worker& victim = *workers[random() % workers.size()];
    if (victim.state() != ProcessState::running) continue;
    ::kill(victim.pid(), random() % 2 == 0 ? SIGKILL : SIGSEGV);
    ++kills;
  }
  run_until([&] {
    return outer.ready() && inner.ready() && outer.state_of("a") == ChildState::ready &&
           inner.state_of("b") == ChildState::ready && inner.state_of("c") == ChildState::ready &&
           outer.state_of("d") == ChildState::ready &&
           std::all_of(workers.begin(), workers.end(), [](Worker* w) { return w->count().result().has_value(); });
  });

  EXPECT_TRUE(outer.stop(soon()));
  EXPECT_FALSE(inner.running());
}

TEST_F(SupervisedProcess_, is_killed_and_let_go_of_by_a_supervisor_that_is_destroyed) {
  Worker worker;
  {
    Supervisor supervisor{patient(), *loop};
    supervisor.add(worker);
    ASSERT_TRUE(supervisor.start());
    ASSERT_TRUE(supervisor.wait_ready(soon()));
  }

  EXPECT_EQ(worker.wait_stop(soon()).error().code(), Errc::process_expired);
  EXPECT_TRUE(worker.restart(soon()));
  EXPECT_EQ(worker.count().get(), 1);
}

}  // namespace
}  // namespace prong

// Backends are killed at random, and restarted, while threads call them and frames flow through them.
//
// The backends keep a ledger in shared memory: which calls began and ended, and which frames were seen. In the end each
// call has been told one outcome that agrees with the ledger, and each frame has reached each reader, whole.
// More kills: PRONG_TEST_KILLS=10000; the same choices again: PRONG_TEST_SEED.
#include "frame_pattern.hpp"
#include "process_test.hpp"
#include "prong/base/exception.hpp"
#include "prong/frame/frame_ring.hpp"
#include "prong/process/fork_server.hpp"
#include "prong/process/message_process.hpp"
#include "random_rounds.hpp"

#include <sched.h>
#include <sys/mman.h>

#include <array>
#include <iostream>
#include <random>
#include <thread>

namespace prong {
namespace {

using namespace std::chrono_literals;
using Random = std::mt19937_64;

constexpr std::size_t backends = 4;
constexpr std::size_t callers = 8;
constexpr std::size_t max_calls = 1 << 22;
constexpr std::size_t max_frames = 1 << 20;

// What the backends note, as it happens. Pages that nobody touches cost nothing.
struct Ledger {
  struct Call {
    std::atomic<std::uint8_t> begun;
    std::atomic<std::uint8_t> ended;
  };
  std::array<Call, max_calls> calls;
  std::array<std::array<std::atomic<std::uint8_t>, max_frames>, backends> seen;
  std::atomic<std::uint64_t> ran_twice;
  std::atomic<std::uint64_t> torn;
};

class SharedLedger {
 public:
  SharedLedger() = default;
  SharedLedger(const SharedLedger&) = delete;
  SharedLedger& operator=(const SharedLedger&) = delete;
  ~SharedLedger() { ::munmap(memory_, sizeof(Ledger)); }
  // Fresh memory of zeros is a valid Ledger.
  Ledger* operator->() const noexcept { return static_cast<Ledger*>(memory_); }

 private:
  void* const memory_ =
      ::mmap(nullptr, sizeof(Ledger), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
};

class Worker : public MessageProcess {
 public:
  Worker(std::size_t number, const SharedLedger& ledger, const FrameRing& frames)
      : MessageProcess{"worker" + std::to_string(number), {.queue_bytes = 65'536, .when_full = QueuePolicy::block}},
        number_{number},
        ledger_{ledger},
        frames_{frames} {
    command<&Worker::c__work>("work", "call"_a, "text"_a);
  }
  Future<std::string> work(std::uint32_t call_number, const std::string& text, Deadline deadline) {
    return call<&Worker::c__work>(call_number, text, deadline);
  }

 private:
  void pre_run() override {
    consumer_.emplace(frames_.consumer(number_).value());
    watch(consumer_->descriptor(), [this] { read_frames(); });
  }
  void read_frames() {
    for (int i = 0; i < 16; ++i) {
      const auto lease = consumer_->next(Deadline::now());
      if (!lease) return;
      if (!tests::has_pattern(lease->bytes(), lease->sequence())) ++ledger_->torn;
      ++ledger_->seen[number_][lease->sequence()];
    }
  }
  std::string c__work(std::uint32_t call_number, const std::string& text) {
    Ledger::Call& entry = ledger_->calls[call_number];
    if (entry.begun.exchange(1) != 0) ++ledger_->ran_twice;
    std::string answer = "did " + text;
    entry.ended = 1;
    return answer;
  }

  const std::size_t number_;
  const SharedLedger& ledger_;
  const FrameRing& frames_;
  std::optional<FrameConsumer> consumer_;
};

class KillsUnderLoad : public tests::ProcessTest {
 protected:
  static int wanted_kills() {
    const char* const given = std::getenv("PRONG_TEST_KILLS");
    return given != nullptr ? std::atoi(given) : 500;
  }

  // Kills and restarts, one at a time, at random.
  void kill_and_restart(Random random) {
    for (kills_ = 0; kills_ < wanted_kills() && !HasFailure(); ++kills_) {
      restart_watchdog();
      Worker& victim = *workers_[random() % backends];
      const auto moment = Deadline::after(std::chrono::microseconds{random() % 5'000});
      while (!moment.has_passed()) ::sched_yield();
      victim.kill();
      static_cast<void>(victim.wait_stop(Deadline::after(20s)));
      const auto restarted = victim.restart(Deadline::after(20s));
      ASSERT_TRUE(restarted) << restarted.error().message();
    }
  }

  // Calls until the kills are over.
  void call_all(Random random) {
    while (!over_) {
      const std::uint32_t number = next_call_++;
      if (number >= max_calls) return;
      const std::string text(sizes_[random() % sizes_.size()], static_cast<char>('a' + number % 26));
      const auto deadline =
          random() % 8 == 0 ? Deadline::after(std::chrono::microseconds{random() % 2'000}) : Deadline::after(20s);
      const auto result = workers_[random() % backends]->work(number, text, deadline).result();
      check(number, text, result);
    }
  }
  void check(std::uint32_t number, const std::string& text, const Result<std::string>& result) {
    const Ledger::Call& entry = ledger_->calls[number];
    ++outcomes_[static_cast<std::size_t>(outcome_of(result))];
    if (result) {
      if (*result != "did " + text) ++wrong_values_;
      if (entry.ended == 0) ++contradictions_;
      return;
    }
    if (!result.error().may_have_run()) never_ran_[number] = true;
    switch (result.error().outcome()) {
      case Outcome::not_delivered:
      case Outcome::overloaded: contradictions_ += result.error().may_have_run() ? 1U : 0U; break;
      case Outcome::outcome_unknown: contradictions_ += result.error().may_have_run() ? 0U : 1U; break;
      case Outcome::deadline_exceeded: break;
      default: ++contradictions_; ADD_FAILURE() << "call " << number << ": " << to_string(result.error());
    }
  }

  void produce() {
    auto producer = frames_->producer().value();
    while (!over_ && producer.published() + 1 < max_frames) {
      auto writer = producer.acquire(Deadline::after(50ms));
      if (!writer) continue;  // a dead reader holds the stream up until its successor is there
      ASSERT_TRUE(writer->publish(tests::fill_pattern(writer->bytes(), producer.published() + 1)));
    }
    static_cast<void>(producer.finish());
  }

  void expect_every_frame_seen() {
    const std::uint64_t published = frames_->statistics().value().published;
    for (std::size_t reader = 0; reader < backends; ++reader) {
      std::uint64_t missing = 0;
      std::uint64_t twice = 0;
      for (std::uint64_t sequence = 1; sequence <= published; ++sequence) {
        const int times = ledger_->seen[reader][sequence];
        missing += times == 0 ? 1U : 0U;
        twice += times > 1 ? 1U : 0U;
      }
      EXPECT_EQ(missing, 0U) << "reader " << reader << " of " << published << " frames";
      EXPECT_LE(twice, static_cast<std::uint64_t>(kills_)) << "only what a dead reader held comes again";
    }
    std::cout << published << " frames to " << backends << " readers\n";
  }
  // Waits until the readers have worked off what is on its way.
  void drain() {
    for (std::size_t reader = 0; reader < backends; ++reader)
      while (frames_->statistics().value().readers[reader].queued > 0) ::sched_yield();
  }

  const std::array<std::size_t, 5> sizes_{0, 60, 900, 12'000, 90'000};
  SharedLedger ledger_;
  std::optional<FrameRing> frames_;  // made and destroyed between the two counts of what is there
  std::array<std::unique_ptr<Worker>, backends> workers_;
  std::vector<std::atomic<bool>> never_ran_ = std::vector<std::atomic<bool>>(max_calls);
  std::array<std::atomic<std::uint64_t>, 7> outcomes_{};
  std::atomic<std::uint32_t> next_call_{0};
  std::atomic<std::uint64_t> wrong_values_{0};
  std::atomic<std::uint64_t> contradictions_{0};
  std::atomic<bool> over_{false};
  int kills_ = 0;
};

TEST_F(KillsUnderLoad, lose_no_frame_tear_none_and_contradict_no_outcome) {
  const std::uint64_t seed = tests::random_seed();
  std::cout << "seed " << seed << ", " << wanted_kills() << " kills\n";
  Random random{seed};
  Logger::format_logger(LogLevel::off);  // each death is logged, and expected
  frames_.emplace(FrameRingOptions{.name = "load", .slots = 8, .slot_bytes = 8192, .readers = backends});
  for (std::size_t i = 0; i < backends; ++i) {
    workers_[i] = std::make_unique<Worker>(i, ledger_, *frames_);
    workers_[i]->start();
  }
  std::optional<ForkServer> server{std::in_place};
  std::vector<std::thread> threads;
  for (std::size_t i = 0; i < callers; ++i) threads.emplace_back([this, own = Random{random()}] { call_all(own); });
  threads.emplace_back([this] { produce(); });

  kill_and_restart(Random{random()});

  over_ = true;
  for (std::thread& thread : threads) thread.join();
  drain();
  for (auto& worker : workers_) EXPECT_TRUE(worker->stop(Deadline::after(20s)));
  EXPECT_EQ(wrong_values_, 0U);
  EXPECT_EQ(contradictions_, 0U);
  EXPECT_EQ(ledger_->ran_twice, 0U);
  EXPECT_EQ(ledger_->torn, 0U);
  for (std::size_t call = 0; call < std::min<std::size_t>(next_call_, max_calls); ++call)
    EXPECT_FALSE(never_ran_[call] && ledger_->calls[call].begun != 0) << "call " << call << " ran, and was said not to";
  expect_every_frame_seen();
  for (std::size_t i = 0; i < outcomes_.size(); ++i)
    std::cout << name_of(static_cast<Outcome>(i)) << ": " << outcomes_[i] << '\n';
  // Otherwise the test would prove nothing.
  for (const Outcome outcome : {Outcome::value, Outcome::not_delivered, Outcome::outcome_unknown})
    EXPECT_GT(outcomes_[static_cast<std::size_t>(outcome)], 0U) << name_of(outcome);
  workers_ = {};
  server.reset();
  frames_.reset();
  Logger::format_logger(LogLevel::info);
}

}  // namespace
}  // namespace prong

// Every call ends exactly once, and what its caller is told agrees with what the backend did.
//
// Each round forks a backend; threads call it with random deadlines, cancels and waits, and most backends are killed at
// a random moment. The backend keeps a ledger in shared memory: which calls began and which ended. When it is dead,
// each outcome is compared with the ledger. More rounds: PRONG_TEST_ROUNDS=500; the same again: PRONG_TEST_SEED.
#pragma once

#include "prong/base/exception.hpp"
#include "prong/process/message_process.hpp"
#include "random_rounds.hpp"

#include <gtest/gtest.h>

#include <sched.h>
#include <sys/mman.h>

#include <array>
#include <atomic>
#include <iostream>
#include <map>
#include <random>
#include <thread>

namespace prong::tests {

using namespace std::chrono_literals;
using Random = std::mt19937_64;

// What the backend notes of one call, as it happens.
struct Entry {
  std::atomic<std::uint8_t> begun{0};
  std::atomic<std::uint8_t> ended{0};
};

class SharedLedger {
 public:
  explicit SharedLedger(std::size_t calls)
      : size_{calls * sizeof(Entry)},
        memory_{::mmap(nullptr, size_, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0)} {}
  SharedLedger(const SharedLedger&) = delete;
  SharedLedger& operator=(const SharedLedger&) = delete;
  ~SharedLedger() { ::munmap(memory_, size_); }
  // Fresh memory of zeros is a valid Entry.
  Entry& operator[](std::size_t call) const noexcept { return static_cast<Entry*>(memory_)[call]; }

 private:
  std::size_t size_;
  void* memory_;
};

enum class Work : std::uint8_t { at_once, some_time, until_cancelled, fail, large_value };

// What a caller was told.
struct Told {
  std::atomic<int> times{0};
  Outcome outcome = Outcome::value;
  bool may_have_run = true;
  bool cancel_ended_it = false;

  void tell(const Result<std::string>& result) {
    outcome = outcome_of(result);
    may_have_run = result ? true : result.error().may_have_run();
    ++times;
  }
};

// One backend and its callers. `Worker` is a process of a ledger and options, with work() as its one command.
template <class Worker>
class Round {
 public:
  explicit Round(std::uint64_t seed) : random_{seed} {}

  void run() {
    constexpr std::size_t sizes[] = {4096, 16'384, 131'072};
    Worker worker{
        ledger_, {.queue_bytes = sizes[pick(3)], .when_full = pick(2) == 0 ? QueuePolicy::reject : QueuePolicy::block}};
    worker.start();
    const bool kill = pick(4) != 0;
    const std::size_t kill_at = pick(kill ? calls : 1);
    std::vector<std::thread> threads;
    for (std::size_t i = 0; i < callers; ++i)
      threads.emplace_back([this, &worker, i, seed = random_()] { make_calls(worker, i, seed); });
    if (kill) {
      while (made_ < kill_at) ::sched_yield();
      const auto moment = Deadline::after(std::chrono::microseconds{pick(3'000)});
      while (!moment.has_passed()) {
      }
      worker.kill();
    }
    if (pick(2) == 0) stop_.request_stop();
    for (std::thread& thread : threads) thread.join();
    EXPECT_EQ(static_cast<bool>(worker.stop(Deadline::after(20s))), !kill);
  }  // here the backend is dead, and calls whose continuations nobody waited for have ended

  void check(std::map<std::string, int>& totals) {
    for (std::size_t call = 0; call < calls; ++call) {
      const Told& told = told_[call];
      const bool begun = ledger_[call].begun != 0;
      const bool ended = ledger_[call].ended != 0;
      ASSERT_EQ(told.times, 1) << "call " << call;
      const std::string what = "call " + std::to_string(call) + " was told " + std::string{name_of(told.outcome)} +
                               (told.may_have_run ? ", may have run" : ", never ran");
      switch (told.outcome) {
        case Outcome::value:
        case Outcome::failed: EXPECT_TRUE(begun && ended) << what; break;
        case Outcome::not_delivered:
        case Outcome::overloaded: EXPECT_FALSE(told.may_have_run) << what; break;
        case Outcome::outcome_unknown: EXPECT_TRUE(told.may_have_run) << what; break;
        case Outcome::deadline_exceeded:
        case Outcome::cancelled: break;
      }
      EXPECT_TRUE(told.may_have_run || !begun) << what;
      EXPECT_TRUE(!told.cancel_ended_it || (told.outcome == Outcome::cancelled && !begun)) << what;
      ++totals[std::string{name_of(told.outcome)} + (begun ? "" : " without a run")];
    }
  }

 private:
  static constexpr std::size_t callers = 4;
  static constexpr std::size_t calls = 1'200;

  std::uint64_t pick(std::uint64_t bound) { return random_() % bound; }

  void make_calls(Worker& worker, std::size_t caller, std::uint64_t seed) {
    Random random{seed};
    const auto pick_one = [&random](std::uint64_t bound) { return random() % bound; };
    std::vector<std::pair<Told*, Future<std::string>>> open;
    const auto take_one = [&] {
      const std::size_t which = pick_one(open.size());
      open[which].first->tell(open[which].second.result());
      open.erase(open.begin() + static_cast<std::ptrdiff_t>(which));
    };
    for (std::size_t call = caller; call < calls; call += callers) {
      Told& told = told_[call];
      auto future = make_call(worker, static_cast<std::uint32_t>(call), random);
      ++made_;
      if (pick_one(4) == 0) future.cancel_on(stop_.get_token());
      if (pick_one(5) == 0) told.cancel_ended_it = future.cancel();
      if (pick_one(10) == 0) {
        std::move(future).then([&told](const Result<std::string>& result) { told.tell(result); });
        continue;
      }
      open.emplace_back(&told, std::move(future));
      while (open.size() > pick_one(30)) {
        auto& [other, waiting] = open[pick_one(open.size())];
        if (pick_one(8) == 0 && !waiting.ready()) other->cancel_ended_it = waiting.cancel() || other->cancel_ended_it;
        take_one();
      }
    }
    while (!open.empty()) take_one();
  }

  static Future<std::string> make_call(Worker& worker, std::uint32_t call, Random& random) {
    const auto kind = static_cast<Work>(random() % 5);
    const auto amount = static_cast<std::uint32_t>(kind == Work::large_value ? random() % 40'000 : random() % 400);
    switch (random() % 8) {
      case 0: return worker.work(call, kind, amount, Deadline::now());
      case 1: return worker.work(call, kind, amount, Deadline::never());
      case 2:
      case 3:
      case 4: return worker.work(call, kind, amount, Deadline::after(std::chrono::microseconds{random() % 3'000}));
      default: return worker.work(call, kind, amount, Deadline::after(20s));
    }
  }

  Random random_;
  SharedLedger ledger_{calls};
  std::array<Told, calls> told_;
  std::atomic<std::size_t> made_{0};
  std::stop_source stop_;
};

// Runs rounds; outcomes that must have occurred are given, for otherwise the test would prove nothing.
template <class Worker>
void run_rounds(int usual_rounds, std::initializer_list<const char*> expected) {
  const std::uint64_t seed = random_seed();
  const int rounds = random_rounds(usual_rounds);
  std::cout << "seed " << seed << ", " << rounds << " rounds\n";
  std::map<std::string, int> totals;

  for (int round = 0; round < rounds && !::testing::Test::HasFailure(); ++round) {
    SCOPED_TRACE("seed " + std::to_string(seed) + ", round " + std::to_string(round));
    const auto one = std::make_unique<Round<Worker>>(seed + static_cast<std::uint64_t>(round));
    one->run();
    one->check(totals);
  }

  for (const auto& [outcome, count] : totals) std::cout << outcome << ": " << count << '\n';
  for (const char* const outcome : expected) EXPECT_GT(totals[outcome], 0) << outcome;
}

}  // namespace prong::tests

// Runs a few actors over words of memory in every order there is, store buffers and sudden deaths included.
//
// Each load, store, read-modify-write and fence is a step. A store goes into the actor's buffer and reaches memory at
// some later step, as on a machine with total store order; a fence and a read-modify-write wait for it. Each step of
// each run is a choice, and every choice is tried. An actor can sleep on a word as on a futex; who never wakes has not
// ended. Source: "loom" of Tokio, and the store buffers of Owens, Sarkar, Sewell, "A better x86 memory model: x86-TSO"
// (2009).
#pragma once

#include <ucontext.h>

#include <array>
#include <atomic>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <utility>
#include <vector>

namespace prong::model {

/// A word of memory that all actors share.
class Word {
 public:
  void store(std::uint64_t value, std::memory_order) noexcept;
  [[nodiscard]] std::uint64_t load(std::memory_order) const noexcept;
  std::uint64_t exchange(std::uint64_t value, std::memory_order order) noexcept;
  std::uint64_t fetch_add(std::uint64_t value, std::memory_order order) noexcept;
  std::uint64_t fetch_or(std::uint64_t value, std::memory_order order) noexcept;
  bool compare_exchange_weak(std::uint64_t& expected, std::uint64_t desired, std::memory_order) noexcept;
  /// What memory holds. Requires: no actor runs.
  [[nodiscard]] std::uint64_t value() const noexcept { return value_; }

 private:
  friend class Interleavings;
  friend bool futex_wait(Word& word, std::uint64_t expected, bool may_expire) noexcept;
  std::uint64_t value_ = 0;
};

/// Sleeps while memory holds `expected`; false: the time is up, which may be at any step if it may be at all.
[[nodiscard]] bool futex_wait(Word& word, std::uint64_t expected, bool may_expire) noexcept;
/// Wakes who sleeps on `word`.
void futex_wake(Word& word) noexcept;

/// Waits until the actor's stores have reached memory.
void fence() noexcept;
/// Does nothing: the mistake that a model must find.
inline void no_fence() noexcept {}

/// Explores what up to three actors can do to each other.
class Interleavings {
 public:
  static constexpr std::size_t actor_count = 3;
  /// What one run consists of; made anew for each.
  struct Run {
    std::array<std::function<void()>, actor_count> actors;  ///< Those that are left out are none.
    std::function<void(bool killed)> check;                 ///< Called at the end of the run.
    bool may_kill_second = false;                           ///< The second actor may end between any two of its steps.
  };

  /// Calls `make` for each order of steps, runs what it made, and returns how many orders there were.
  static std::size_t explore(const std::function<Run()>& make) {
    Interleavings all;
    std::size_t count = 0;
    do {
      all.run_once(make());
      ++count;
    } while (all.next());
    return count;
  }

 private:
  friend class Word;
  friend void fence() noexcept;
  friend bool futex_wait(Word& word, std::uint64_t expected, bool may_expire) noexcept;
  friend void futex_wake(Word& word) noexcept;

  struct Actor {
    ucontext_t context{};
    std::unique_ptr<std::byte[]> stack = std::make_unique<std::byte[]>(stack_size);
    std::deque<std::pair<Word*, std::uint64_t>> stores;
    bool ended = false;
    bool at_fence = false;
    const Word* sleeps_on = nullptr;
    bool may_expire = false;

    [[nodiscard]] bool can_step() const noexcept {
      return !ended && !(at_fence && !stores.empty()) && (sleeps_on == nullptr || may_expire);
    }
  };
  struct Choice {
    std::size_t taken = 0;
    std::size_t count = 0;
  };
  static constexpr std::size_t stack_size = 64 * 1024;

  void run_once(const Run& run) {
    step_ = 0;
    bool killed = false;
    for (std::size_t i = 0; i < actor_count; ++i) begin(i, run.actors[i]);
    for (;;) {
      // Each possible next step is a number: an actor's step, the arrival of its oldest store, the death of the second.
      std::vector<std::function<void()>> possible;
      for (std::size_t i = 0; i < actor_count; ++i) {
        Actor& actor = actors_[i];
        if (actor.can_step()) possible.push_back([this, i] { resume(i); });
        if (!actor.stores.empty()) possible.push_back([&actor] { drain_one(actor); });
      }
      if (run.may_kill_second && !actors_[1].ended)
        possible.push_back([&] {
          actors_[1].ended = killed = true;  // its context is not resumed any more; what it had stored still arrives
        });
      if (possible.empty()) break;
      possible[choose(possible.size())]();
    }
    run.check(killed);
  }

  std::size_t choose(std::size_t count) {
    if (step_ == choices_.size()) choices_.push_back({0, count});
    return choices_[step_++].taken;
  }

  // Goes on to the next sequence of choices, as an odometer; false after the last.
  bool next() {
    while (!choices_.empty() && ++choices_.back().taken == choices_.back().count) choices_.pop_back();
    return !choices_.empty();
  }

  void begin(std::size_t number, const std::function<void()>& body) {
    Actor& actor = actors_[number];
    actor.ended = !body;
    actor.at_fence = false;
    actor.sleeps_on = nullptr;
    if (actor.ended) return;
    bodies_[number] = &body;
    ::getcontext(&actor.context);
    actor.context.uc_stack.ss_sp = actor.stack.get();
    actor.context.uc_stack.ss_size = stack_size;
    actor.context.uc_link = &main_;
    ::makecontext(&actor.context, &Interleavings::enter, 0);
  }
  void resume(std::size_t number) {
    present_ = this;
    running_ = number;
    ::swapcontext(&main_, &actors_[number].context);
  }
  static void enter() {
    Interleavings& self = *present_;
    const std::size_t number = self.running_;
    (*self.bodies_[number])();
    self.actors_[number].ended = true;
  }
  // Called inside an actor before each of its steps.
  void yield() { ::swapcontext(&actors_[running_].context, &main_); }
  static void drain_one(Actor& actor) {
    actor.stores.front().first->value_ = actor.stores.front().second;
    actor.stores.pop_front();
  }
  Actor& running() noexcept { return actors_[running_]; }

  inline static Interleavings* present_ = nullptr;
  std::array<Actor, actor_count> actors_;
  std::array<const std::function<void()>*, actor_count> bodies_{};
  std::size_t running_ = 0;
  ucontext_t main_{};
  std::vector<Choice> choices_;
  std::size_t step_ = 0;
};

inline void Word::store(std::uint64_t value, std::memory_order) noexcept {
  Interleavings::present_->yield();
  Interleavings::present_->running().stores.emplace_back(this, value);
}

inline std::uint64_t Word::load(std::memory_order) const noexcept {
  Interleavings::present_->yield();
  const auto& stores = Interleavings::present_->running().stores;
  for (auto store = stores.rbegin(); store != stores.rend(); ++store)
    if (store->first == this) return store->second;
  return value_;
}

inline void fence() noexcept {
  Interleavings::present_->running().at_fence = true;
  Interleavings::present_->yield();
  Interleavings::present_->running().at_fence = false;
}

inline std::uint64_t Word::exchange(std::uint64_t value, std::memory_order) noexcept {
  fence();
  return std::exchange(value_, value);
}

inline std::uint64_t Word::fetch_add(std::uint64_t value, std::memory_order) noexcept {
  fence();
  return std::exchange(value_, value_ + value);
}

inline std::uint64_t Word::fetch_or(std::uint64_t value, std::memory_order) noexcept {
  fence();
  return std::exchange(value_, value_ | value);
}

inline bool Word::compare_exchange_weak(std::uint64_t& expected, std::uint64_t desired, std::memory_order) noexcept {
  fence();
  if (value_ != expected) {
    expected = value_;
    return false;
  }
  value_ = desired;
  return true;
}

inline bool futex_wait(Word& word, std::uint64_t expected, bool may_expire) noexcept {
  fence();
  if (word.value_ != expected) return true;
  Interleavings::Actor& actor = Interleavings::present_->running();
  actor.sleeps_on = &word;
  actor.may_expire = may_expire;
  Interleavings::present_->yield();
  return std::exchange(actor.sleeps_on, nullptr) == nullptr;
}

inline void futex_wake(Word& word) noexcept {
  fence();
  for (auto& actor : Interleavings::present_->actors_)
    if (actor.sleeps_on == &word) actor.sleeps_on = nullptr;
}

}  // namespace prong::model

// Waiting for descriptors, timers and posted work in one thread.
#pragma once

#include "prong/base/deadline.hpp"
#include "prong/base/result.hpp"
#include "prong/os/unique_fd.hpp"

#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

namespace prong::loop {

class EventLoop;

/// Something that has work without a descriptor becoming readable for each piece of it, such as a ring in shared
/// memory.
///
/// Thread safety: every member is called by the loop's thread.
class Source {
 public:
  virtual ~Source() = default;
  /// Does what there is to do; tells whether there was anything.
  virtual bool work() = 0;
  /// Prepares to be woken through a watched descriptor. Returns false if there is work already.
  [[nodiscard]] virtual bool prepare_sleep() = 0;
  /// The loop is awake again.
  virtual void finish_sleep() = 0;
};

/// Another loop that sleeps in this one's place, so that one thread serves both.
///
/// Thread safety: called by the loop's thread.
class Blocker {
 public:
  virtual ~Blocker() = default;
  /// Runs the other loop's own work and sleeps until there is some, until the deadline, or until the outer loop's
  /// descriptor() is readable. Returns whether any own work was done.
  virtual bool block(Deadline deadline) = 0;
};

/// How a watched descriptor reports.
enum class Trigger : std::uint8_t {
  level,  ///< As long as it is readable.
  edge,   ///< Each time it becomes readable; for eventfds that nobody drains.
};

/// A watch on a descriptor; ends when destroyed. Must be destroyed before its loop.
class Watch {
 public:
  Watch() noexcept = default;
  Watch(Watch&& other) noexcept : loop_{std::exchange(other.loop_, nullptr)}, id_{other.id_} {}
  Watch& operator=(Watch&& other) noexcept;
  ~Watch();

 private:
  friend class EventLoop;
  Watch(EventLoop* loop, std::uint64_t id) noexcept : loop_{loop}, id_{id} {}

  EventLoop* loop_ = nullptr;
  std::uint64_t id_ = 0;
};

/// A number that names a timer of one loop. 0 names none.
using TimerId = std::uint64_t;

/// An event loop over epoll(7).
///
/// Thread safety: post() and stop() from any thread; everything else from the thread that runs the loop, or before it
/// runs. Handlers run in that thread; an exception from a handler leaves run_once() and the loop stays usable.
/// After fork: not usable in the child.
class EventLoop {
 public:
  [[nodiscard]] static Result<std::unique_ptr<EventLoop>> create();
  ~EventLoop();
  EventLoop(const EventLoop&) = delete;
  EventLoop& operator=(const EventLoop&) = delete;

  /// Calls `handler` when `descriptor` is readable or at its end. Fails with: system.
  [[nodiscard]] Result<Watch> watch(int descriptor, Trigger trigger, std::function<void()> handler);
  /// Adds a source; the caller removes it before it is destroyed.
  void add_source(Source& source);
  void remove_source(Source& source) noexcept;

  /// Has `blocker` sleep in this loop's place; null takes it away again.
  void set_blocker(Blocker* blocker) noexcept { blocker_ = blocker; }

  /// Calls `handler` once, at `when` or as soon after as the loop is free.
  TimerId add_timer(Deadline when, std::function<void()> handler);
  /// Forgets a timer; one that has run or was cancelled is no error.
  void cancel_timer(TimerId id) noexcept;
  /// Returns when the next timer is due; never, if there is none.
  [[nodiscard]] Deadline next_timer() const noexcept;

  /// Runs `work` in the loop's thread, after what was posted before. Blocks: never.
  void post(std::function<void()> work);

  /// Does what is to do, or sleeps until there is something or the deadline. Returns whether anything was done.
  /// Fails with: system.
  Result<bool> run_once(Deadline deadline);
  /// For those who sleep on descriptor() themselves: prepares the sources to be woken through it until the next
  /// run_once(). Returns false if there is something to do already.
  [[nodiscard]] bool arm();
  /// Has a loop that is armed look again: for who gives a source work, in the loop's thread, outside of a turn. Does
  /// nothing while the loop is not armed.
  void touch() noexcept;
  /// Runs until stop(); one that came before makes it return at once.
  Result<void> run();
  /// Makes run() return after the current turn.
  void stop();

  /// Returns a descriptor that is readable when a watched descriptor is; it can itself be watched or polled.
  [[nodiscard]] int descriptor() const noexcept { return epoll_.get(); }

 private:
  friend class Watch;
  struct Watched {
    std::uint32_t generation = 0;
    int descriptor = -1;
    std::function<void()> handler;
  };

  EventLoop(os::UniqueFd epoll, os::UniqueFd wake) noexcept : epoll_{std::move(epoll)}, wake_{std::move(wake)} {}
  Result<void> add_wake();
  void wake() noexcept;
  void unwatch(std::uint64_t id) noexcept;
  bool work_sources();
  bool run_posted();
  bool run_timers();
  bool prepare_sleep();
  void finish_sleep() noexcept;
  Result<bool> wait(Deadline deadline);
  Result<bool> wait_descriptors(Deadline deadline);
  void call(std::uint64_t id);

  os::UniqueFd epoll_;
  os::UniqueFd wake_;
  std::vector<Watched> watched_;
  std::vector<std::uint32_t> free_;
  std::vector<Source*> sources_;
  Blocker* blocker_ = nullptr;
  std::map<std::pair<std::int64_t, TimerId>, std::function<void()>> timers_;
  TimerId last_timer_ = 0;
  std::mutex posted_mutex_;
  std::vector<std::function<void()>> posted_;
  std::atomic<bool> has_posted_{false};
  std::atomic<bool> asleep_{false};
  bool armed_ = false;
  std::atomic<bool> stopped_{false};
};

}  // namespace prong::loop

#include "prong/loop/event_loop.hpp"

#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <ctime>

namespace prong::loop {
namespace {

// The wake-up eventfd is watch 0; it has no handler: being awake is all it is for.
constexpr std::uint64_t wake_id = 0;

constexpr std::uint64_t make_id(std::uint32_t slot, std::uint32_t generation) noexcept {
  return (std::uint64_t{generation} << 32) | (slot + 1);
}

}  // namespace

Watch& Watch::operator=(Watch&& other) noexcept {
  if (this != &other) {
    if (loop_ != nullptr) loop_->unwatch(id_);
    loop_ = std::exchange(other.loop_, nullptr);
    id_ = other.id_;
  }
  return *this;
}

Watch::~Watch() {
  if (loop_ != nullptr) loop_->unwatch(id_);
}

Result<std::unique_ptr<EventLoop>> EventLoop::create() {
  os::UniqueFd epoll{::epoll_create1(EPOLL_CLOEXEC)};
  if (!epoll) return Error::from_errno("epoll_create1");
  os::UniqueFd wake{::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)};
  if (!wake) return Error::from_errno("eventfd");
  std::unique_ptr<EventLoop> loop{new EventLoop{std::move(epoll), std::move(wake)}};
  PRONG_TRY(loop->add_wake());
  return loop;
}

EventLoop::~EventLoop() = default;

Result<void> EventLoop::add_wake() {
  epoll_event event{.events = EPOLLIN | EPOLLET, .data = {.u64 = wake_id}};
  if (::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, wake_.get(), &event) != 0) return Error::from_errno("epoll_ctl");
  return {};
}

Result<Watch> EventLoop::watch(int descriptor, Trigger trigger, std::function<void()> handler) {
  std::uint32_t slot = 0;
  if (free_.empty()) {
    slot = static_cast<std::uint32_t>(watched_.size());
    watched_.emplace_back();
  } else {
    slot = free_.back();
    free_.pop_back();
  }
  Watched& entry = watched_[slot];
  const std::uint64_t id = make_id(slot, ++entry.generation);
  epoll_event event{};
  event.events = trigger == Trigger::edge ? EPOLLIN | EPOLLRDHUP | EPOLLET : EPOLLIN | EPOLLRDHUP;
  event.data.u64 = id;
  if (::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, descriptor, &event) != 0) {
    const Error error = Error::from_errno("epoll_ctl of descriptor " + std::to_string(descriptor));
    free_.push_back(slot);
    return error;
  }
  entry.descriptor = descriptor;
  entry.handler = std::move(handler);
  return Watch{this, id};
}

void EventLoop::unwatch(std::uint64_t id) noexcept {
  const auto slot = static_cast<std::uint32_t>(id) - 1;
  Watched& entry = watched_[slot];
  // The descriptor may have been closed already: then the kernel has forgotten it by itself.
  ::epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, entry.descriptor, nullptr);
  ++entry.generation;
  entry.descriptor = -1;
  entry.handler = nullptr;
  free_.push_back(slot);
}

void EventLoop::add_source(Source& source) {
  sources_.push_back(&source);
  touch();
}

void EventLoop::remove_source(Source& source) noexcept {
  std::erase(sources_, &source);
}

TimerId EventLoop::add_timer(Deadline when, std::function<void()> handler) {
  const TimerId id = ++last_timer_;
  timers_.emplace(std::pair{when.nanoseconds(), id}, std::move(handler));
  if (timers_.begin()->first.second == id) touch();
  return id;
}

Deadline EventLoop::next_timer() const noexcept {
  return timers_.empty() ? Deadline::never() : Deadline::from_nanoseconds(timers_.begin()->first.first);
}

void EventLoop::cancel_timer(TimerId id) noexcept {
  const auto found =
      std::find_if(timers_.begin(), timers_.end(), [&](const auto& timer) { return timer.first.second == id; });
  if (found != timers_.end()) timers_.erase(found);
}

void EventLoop::post(std::function<void()> work) {
  {
    const std::lock_guard lock{posted_mutex_};
    posted_.push_back(std::move(work));
  }
  // SYNC POINT with asleep_ store in prepare_sleep: the loop sees the work or we see that it sleeps.
  has_posted_.store(true, std::memory_order_seq_cst);
  if (asleep_.load(std::memory_order_seq_cst)) wake();
}

void EventLoop::wake() noexcept {
  const std::uint64_t one = 1;
  [[maybe_unused]] const auto written = ::write(wake_.get(), &one, sizeof one);
}

void EventLoop::touch() noexcept {
  if (armed_) wake();
}

void EventLoop::stop() {
  stopped_.store(true, std::memory_order_release);
  post([] {});
}

Result<void> EventLoop::run() {
  while (!stopped_.exchange(false, std::memory_order_acq_rel)) {
    auto turn = run_once(Deadline::never());
    if (!turn) return std::move(turn).error();
  }
  return {};
}

bool EventLoop::arm() {
  armed_ = prepare_sleep();
  if (!armed_) finish_sleep();
  return armed_;
}

Result<bool> EventLoop::run_once(Deadline deadline) {
  if (std::exchange(armed_, false)) finish_sleep();
  bool done = work_sources();
  done = run_posted() || done;
  done = run_timers() || done;
  deadline = Deadline::earlier(deadline, next_timer());
  // Even a busy turn looks at the descriptors, without waiting: no source can starve them.
  if (done) deadline = Deadline::now();
  if (!done && !prepare_sleep()) deadline = Deadline::now();
  auto waited = wait(deadline);
  finish_sleep();
  if (!waited) return waited;
  done = *waited || done;
  return work_sources() || run_posted() || run_timers() || done;
}

bool EventLoop::work_sources() {
  bool done = false;
  // By index: a handler may add or remove sources.
  for (std::size_t i = 0; i < sources_.size(); ++i) done = sources_[i]->work() || done;
  return done;
}

bool EventLoop::run_posted() {
  if (!has_posted_.load(std::memory_order_acquire)) return false;
  std::vector<std::function<void()>> batch;
  {
    const std::lock_guard lock{posted_mutex_};
    batch.swap(posted_);
    has_posted_.store(false, std::memory_order_relaxed);
  }
  for (std::size_t i = 0; i < batch.size(); ++i) {
    try {
      batch[i]();
    } catch (...) {
      // What was posted behind it is not lost.
      const std::lock_guard lock{posted_mutex_};
      posted_.insert(posted_.begin(), std::make_move_iterator(batch.begin() + static_cast<std::ptrdiff_t>(i) + 1),
                     std::make_move_iterator(batch.end()));
      has_posted_.store(!posted_.empty(), std::memory_order_relaxed);
      throw;
    }
  }
  return !batch.empty();
}

bool EventLoop::run_timers() {
  bool done = false;
  const TimerId newest = last_timer_;  // a timer that sets the next one does not keep the loop here
  while (!timers_.empty()) {
    const auto first = timers_.begin();
    if (first->first.second > newest || !Deadline::from_nanoseconds(first->first.first).has_passed()) break;
    const auto handler = std::move(first->second);
    timers_.erase(first);
    handler();
    done = true;
  }
  return done;
}

bool EventLoop::prepare_sleep() {
  asleep_.store(true, std::memory_order_seq_cst);
  if (has_posted_.load(std::memory_order_seq_cst)) return false;
  for (Source* const source : sources_)
    if (!source->prepare_sleep()) return false;
  return true;
}

void EventLoop::finish_sleep() noexcept {
  asleep_.store(false, std::memory_order_relaxed);
  for (Source* const source : sources_) source->finish_sleep();
}

Result<bool> EventLoop::wait(Deadline deadline) {
  if (blocker_ == nullptr) return wait_descriptors(deadline);
  const bool done = blocker_->block(deadline);
  auto own = wait_descriptors(Deadline::now());
  if (!own) return own;
  return *own || done;
}

Result<bool> EventLoop::wait_descriptors(Deadline deadline) {
  timespec left{};
  const timespec* timeout = nullptr;
  if (!deadline.is_never()) {
    const auto nanoseconds = deadline.remaining().count();
    left.tv_sec = static_cast<time_t>(nanoseconds / 1'000'000'000);
    left.tv_nsec = static_cast<long>(nanoseconds % 1'000'000'000);
    timeout = &left;
  }
  epoll_event events[64];
  const int count = ::epoll_pwait2(epoll_.get(), events, 64, timeout, nullptr);
  if (count < 0) {
    if (errno == EINTR) return false;
    return Error::from_errno("epoll_pwait2");
  }
  finish_sleep();
  bool done = false;
  for (int i = 0; i < count; ++i) {
    if (events[i].data.u64 == wake_id) continue;
    call(events[i].data.u64);
    done = true;
  }
  return done;
}

void EventLoop::call(std::uint64_t id) {
  const auto slot = static_cast<std::uint32_t>(id) - 1;
  const auto generation = static_cast<std::uint32_t>(id >> 32);
  // An earlier handler of this batch may have ended this watch, and even given its slot away.
  if (slot >= watched_.size() || watched_[slot].generation != generation) return;
  auto handler = std::move(watched_[slot].handler);
  const auto put_back = [&]() noexcept {
    if (watched_[slot].generation == generation) watched_[slot].handler = std::move(handler);
  };
  try {
    if (handler) handler();
  } catch (...) {
    put_back();
    throw;
  }
  put_back();
}

}  // namespace prong::loop

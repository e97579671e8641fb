#include "prong/channel/ring_core.hpp"

#include "prong/base/contract.hpp"

#include <limits>

namespace prong::channel {
namespace {

std::uint32_t saturated(std::size_t count) noexcept {
  constexpr std::size_t most = std::numeric_limits<std::int32_t>::max();
  return static_cast<std::uint32_t>(std::min(count, most));
}

}  // namespace

RingCore::RingCore(std::size_t capacity) : capacity_{capacity} {
  PRONG_EXPECT(capacity > 0 && capacity <= max_capacity, "a channel holds between one item and 2^32");
}

void RingCore::lock_slowly(Side& side) noexcept {
  const auto try_lock = [&side] {
    // SYNC POINT with word exchange in unlock, which looks for sleepers after it.
    return (side.word.load(std::memory_order_seq_cst) & 1U) == 0 &&
           (side.word.fetch_or(1, std::memory_order_seq_cst) & 1U) == 0;
  };
  while (!side.patience.wait(side.cpu.load(std::memory_order_relaxed), try_lock)) {
    side.lock_queue.announce();
    if (try_lock()) {
      side.lock_queue.retract();
      return;
    }
    // Who holds the lock moves a few values and gives it back.
    [[maybe_unused]] const bool woken = side.lock_queue.sleep(Deadline::never());
  }
}

RingCore::Exchange RingCore::claim_exchange() noexcept {
  const std::uint64_t back = lock(back_);
  if (over_for_writers()) {
    unlock(back_, back);
    return {};
  }
  // The back before the front, here only; who holds the front asks for no second lock.
  const std::uint64_t front = lock(front_);
  front_.other = back;  // what a side remembers of the other must not fall behind its own position
  if (back - front == capacity_) {
    back_.other = front + 1;
    return {.room = {back, 1}, .oldest = {front, 1}};
  }
  back_.other = front;
  unlock(front_, front);
  return {.room = {back, 1}, .oldest = {}};
}

bool RingCore::has_items() const noexcept {
  // SYNC POINT with back_.word exchange in unlock.
  return back_.word.load(std::memory_order_seq_cst) >> 1U != front_.word.load(std::memory_order_seq_cst) >> 1U;
}

bool RingCore::has_room() const noexcept {
  // The front first: it never passes the back, so the difference is never negative.
  const std::uint64_t front = front_.word.load(std::memory_order_seq_cst) >> 1U;
  return (back_.word.load(std::memory_order_seq_cst) >> 1U) - front < capacity_;
}

template <class Ready>
bool RingCore::wait(const Side& other, Patience& patience, Parking& parking, Deadline deadline, Ready ready) noexcept {
  if (ready()) return true;
  if (deadline.has_passed()) return false;
  if (patience.wait(other.cpu.load(std::memory_order_relaxed), ready)) return true;
  parking.announce();
  if (ready()) {
    parking.retract();
    return true;
  }
  return parking.sleep(deadline);
}

bool RingCore::wait_for_items(Deadline deadline) noexcept {
  return wait(back_, read_patience_, readers_, deadline, [this] { return readable(); });
}

bool RingCore::wait_for_room(Deadline deadline) noexcept {
  return wait(front_, write_patience_, writers_, deadline, [this] { return writable(); });
}

void RingCore::end(std::uint32_t bit) noexcept {
  // SYNC POINT with state_ load in closed and over_for_writers.
  state_.fetch_or(bit, std::memory_order_seq_cst);
  if (readers_.wake_all()) read_observers_.tell();
  if (writers_.wake_all()) write_observers_.tell();
}

void RingCore::close(std::optional<Error> error) {
  // Whoever writes at this moment has written before it is closed; nobody writes after.
  const std::uint64_t position = lock(back_);
  if (!closed()) {
    error_ = std::move(error);
    state_.fetch_or(closed_bit, std::memory_order_seq_cst);
  }
  unlock(back_, position);
  end(closed_bit);
}

void RingCore::abandon() noexcept {
  end(abandoned_bit);
}

void RingCore::wake_readers(std::size_t count) noexcept {
  if (readers_.wake(saturated(count))) read_observers_.tell();
}

void RingCore::wake_writers(std::size_t count) noexcept {
  if (writers_.wake(saturated(count))) write_observers_.tell();
}

void RingCore::on_readable(std::function<void()> callback) {
  read_observers_.add(std::move(callback));
  readers_.post_observer();
  if (readable()) read_observers_.tell();
}

void RingCore::on_writable(std::function<void()> callback) {
  write_observers_.add(std::move(callback));
  writers_.post_observer();
  if (writable()) write_observers_.tell();
}

Result<int> RingCore::descriptor() {
  PRONG_TRY_ASSIGN(const int descriptor, read_observers_.descriptor());
  readers_.post_observer();
  if (readable()) read_observers_.tell();
  return descriptor;
}

void RingCore::watch_again() noexcept {
  readers_.post_observer();
  if (readable()) read_observers_.tell();
}

std::size_t RingCore::size() const noexcept {
  const std::uint64_t front = taken();  // first, so that the difference is never negative
  return std::min(static_cast<std::size_t>(written() - front), capacity_);
}

}  // namespace prong::channel

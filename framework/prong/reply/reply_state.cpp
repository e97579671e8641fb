#include "prong/reply/reply_state.hpp"

#include "prong/base/contract.hpp"

#include <memory>
#include <thread>

namespace prong {
namespace {

class RemoteReply final : public ReplyState {
 public:
  void prepare(Driver& driver, Deadline deadline) noexcept {
    reset(deadline);
    driver_ = &driver;
  }
  void wait(Deadline deadline) override {
    if (!ready()) driver_->drive(*this, deadline);
  }
  bool cancel() override { return !ready() && driver_->cancel(*this); }
  bool arrives_by_itself() const noexcept override { return driver_->attached(); }

 protected:
  void end_by_deadline() override { driver_->expire(*this); }
  void notify() noexcept override {}  // the driver wakes its waiting threads itself, once per batch
  void dispose() noexcept override;

 private:
  friend class Cache;
  ~RemoteReply() override = default;

  Driver* driver_ = nullptr;
};

// States that ended in this thread and wait for its next request.
class Cache {
 public:
  ~Cache() {
    for (RemoteReply* const state : states_) delete state;
  }
  RemoteReply* take() {
    if (states_.empty()) return new RemoteReply;
    RemoteReply* const state = states_.back();
    states_.pop_back();
    return state;
  }
  void give(RemoteReply* state) noexcept {
    if (states_.size() < limit && states_.capacity() >= limit)
      states_.push_back(state);
    else
      delete state;
  }
  Cache() { states_.reserve(limit); }

 private:
  static constexpr std::size_t limit = 256;
  std::vector<RemoteReply*> states_;
};

Cache& cache() {
  thread_local Cache instance;
  return instance;
}

void RemoteReply::dispose() noexcept {
  cache().give(this);
}

}  // namespace

bool ReplyState::claim() noexcept {
  Status status = status_.load(std::memory_order_relaxed);
  while (status == Status::pending || status == Status::has_handler) {
    if (status_.compare_exchange_weak(status, Status::ending, std::memory_order_acq_rel)) {
      claimed_with_handler_ = status == Status::has_handler;
      return true;
    }
  }
  return false;
}

std::function<void()> ReplyState::publish() {
  // The handler may drop the last reference but ours, and it may be set only before: take it out first.
  std::function<void()> handler;
  if (claimed_with_handler_) handler = std::move(handler_);
  add_reference();
  const ReplyReference keep{this};
  status_.store(Status::ready, std::memory_order_release);
  notify();
  return handler;
}

void ReplyState::finish() {
  if (const auto handler = publish()) handler();
}

bool ReplyState::complete(Bytes payload) {
  if (!claim()) return false;
  payload_.assign(payload.begin(), payload.end());
  finish();
  return true;
}

bool ReplyState::fail(Error error) {
  if (!claim()) return false;
  error_ = std::move(error);
  failed_ = true;
  finish();
  return true;
}

std::function<void()> ReplyState::fail_quietly(Error error) {
  if (!claim()) return nullptr;
  error_ = std::move(error);
  failed_ = true;
  return publish();
}

void ReplyState::expire() {
  if (ready()) return;
  end_by_deadline();
  // Whoever took the request out to end it is a copy of bytes away from doing so.
  while (!ready()) std::this_thread::yield();
}

void ReplyState::end_by_deadline() {
  fail(Error{Errc::deadline_exceeded, "there was no outcome in time"});
}

bool ReplyState::cancel() {
  return fail(Error{Errc::cancelled, "the caller gave it up"});
}

void ReplyState::on_ready(std::function<void()> handler) {
  handler_ = std::move(handler);
  Status expected = Status::pending;
  if (status_.compare_exchange_strong(expected, Status::has_handler, std::memory_order_acq_rel)) return;
  PRONG_EXPECT(expected != Status::has_handler, "one reply has one handler");
  // Another thread is between claiming and finishing: that is a copy of bytes away.
  while (!ready()) std::this_thread::yield();
  std::exchange(handler_, nullptr)();
}

void ReplyState::reset(Deadline deadline) noexcept {
  constexpr std::size_t kept_capacity = 4096;
  if (payload_.capacity() > kept_capacity) payload_ = {};
  payload_.clear();
  if (failed_) error_ = Error{};
  failed_ = false;
  claimed_with_handler_ = false;
  handler_ = nullptr;
  deadline_ = deadline;
  request_ = {};
  references_.store(1, std::memory_order_relaxed);
  status_.store(Status::pending, std::memory_order_relaxed);
}

ReplyReference make_remote_reply(Driver& driver, Deadline deadline) {
  RemoteReply* const state = cache().take();
  state->prepare(driver, deadline);
  return ReplyReference{state};
}

}  // namespace prong

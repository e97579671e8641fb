// Where the outcome of one request arrives.
#pragma once

#include "prong/base/bytes.hpp"
#include "prong/base/deadline.hpp"
#include "prong/base/error.hpp"
#include "prong/base/request_number.hpp"

#include <atomic>
#include <cstdint>
#include <functional>
#include <utility>
#include <vector>

namespace prong {

class ReplyState;

/// Who makes outcomes arrive: a waiting thread lends itself to it.
class Driver {
 public:
  virtual ~Driver() = default;
  /// Returns when `state` is ready or the deadline has passed.
  virtual void drive(ReplyState& state, Deadline deadline) = 0;
  /// Ends `state` with deadline_exceeded, unless it ends just now. Blocks: never.
  virtual void expire(ReplyState& state) = 0;
  /// Asks that the request ends, and ends `state` if it has not begun; tells whether it did. Blocks: never.
  virtual bool cancel(ReplyState& state) = 0;
  /// Tells whether outcomes arrive though no thread waits.
  [[nodiscard]] virtual bool attached() const noexcept = 0;
};

/// One outcome, given once and taken once: bytes or an Error.
///
/// Thread safety: complete() and fail() from any thread, and only the first of all counts; ready() from any thread;
/// the rest from the one thread that owns the Future.
class ReplyState {
 public:
  ReplyState() noexcept = default;
  ReplyState(const ReplyState&) = delete;
  ReplyState& operator=(const ReplyState&) = delete;

  [[nodiscard]] bool ready() const noexcept {
    // SYNC POINT with status_ store in finish: the outcome is written before it is seen.
    return status_.load(std::memory_order_acquire) == Status::ready;
  }
  /// Returns when ready or when the deadline has passed.
  virtual void wait(Deadline deadline) = 0;
  /// Tells whether it gets ready though no thread waits.
  [[nodiscard]] virtual bool arrives_by_itself() const noexcept { return true; }
  /// Returns when the request itself is given up, as its sender asked.
  [[nodiscard]] Deadline deadline() const noexcept { return deadline_; }
  /// Ends the request because its deadline has passed. It is ready afterwards, with whatever came first.
  void expire();
  /// Asks that the request ends; tells whether it ended by this. Blocks: never.
  virtual bool cancel();

  /// The number that travels with the request; none if it does not travel.
  [[nodiscard]] RequestNumber request() const noexcept { return request_; }
  void set_request(RequestNumber request) noexcept { request_ = request; }

  /// Ends the request with the encoded value. Returns false, and changes nothing, if it has ended already.
  bool complete(Bytes payload);
  /// Ends the request with an error. Returns false, and changes nothing, if it has ended already.
  bool fail(Error error);
  /// As fail(), but does not call the handler: returns it, if there is one to be called, for the caller to call it.
  [[nodiscard]] std::function<void()> fail_quietly(Error error);

  /// Calls `handler` once, here if ready, else in the thread that ends the request. Requires: called at most once.
  void on_ready(std::function<void()> handler);

  /// Requires: ready(). Returns the error, or null if there is a value.
  [[nodiscard]] Error* error() noexcept { return failed_ ? &error_ : nullptr; }
  /// Requires: ready() and no error().
  [[nodiscard]] Bytes payload() const noexcept { return payload_; }

  void add_reference() noexcept { references_.fetch_add(1, std::memory_order_relaxed); }
  void drop_reference() noexcept {
    if (references_.fetch_sub(1, std::memory_order_acq_rel) == 1) dispose();
  }

 protected:
  virtual ~ReplyState() = default;
  /// Ends the request with deadline_exceeded, unless somebody else is ending it.
  virtual void end_by_deadline();
  /// Tells waiting threads that ready() is true now.
  virtual void notify() noexcept = 0;
  /// Frees or recycles this object; nobody refers to it any more.
  virtual void dispose() noexcept { delete this; }
  /// Claims the right to end the request; the winner must call finish().
  [[nodiscard]] bool claim() noexcept;
  void finish();
  [[nodiscard]] std::function<void()> publish();
  /// Makes this object as new, keeping its memory. Requires: nobody else refers to it.
  void reset(Deadline deadline) noexcept;

 private:
  enum class Status : std::uint32_t { pending, has_handler, ending, ready };

  std::atomic<Status> status_{Status::pending};
  std::atomic<std::uint32_t> references_{1};
  bool claimed_with_handler_ = false;
  bool failed_ = false;
  Deadline deadline_ = Deadline::never();
  RequestNumber request_;
  std::vector<std::byte> payload_;
  Error error_;
  std::function<void()> handler_;
};

/// A counted reference to a ReplyState.
class ReplyReference {
 public:
  ReplyReference() noexcept = default;
  /// Takes over the reference that the object was made with.
  explicit ReplyReference(ReplyState* state) noexcept : state_{state} {}
  ReplyReference(const ReplyReference& other) noexcept : state_{other.state_} {
    if (state_ != nullptr) state_->add_reference();
  }
  ReplyReference(ReplyReference&& other) noexcept : state_{std::exchange(other.state_, nullptr)} {}
  ReplyReference& operator=(ReplyReference other) noexcept {
    std::swap(state_, other.state_);
    return *this;
  }
  ~ReplyReference() {
    if (state_ != nullptr) state_->drop_reference();
  }

  [[nodiscard]] ReplyState* get() const noexcept { return state_; }
  [[nodiscard]] ReplyState* operator->() const noexcept { return state_; }
  [[nodiscard]] explicit operator bool() const noexcept { return state_ != nullptr; }

 private:
  ReplyState* state_ = nullptr;
};

/// Makes a state whose outcome comes from another process. No memory is allocated in the steady state: ended states
/// are kept, per thread, for the next request.
///
/// Requires: `driver` lives until the state is ready.
[[nodiscard]] ReplyReference make_remote_reply(Driver& driver, Deadline deadline);

}  // namespace prong

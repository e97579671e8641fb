// A frontend's end of a link: calls out, replies in, and what the backend says by itself.
//
// There is no thread in here. A thread that waits takes the role of the reader, unless another has it: it receives for
// everybody, and hands the role on when its own wait is over. Where a loop is attached, the loop is the reader.
#pragma once

#include "prong/link/connection.hpp"
#include "prong/link/inbox.hpp"
#include "prong/loop/event_loop.hpp"
#include "prong/reply/pending_replies.hpp"

#include <condition_variable>
#include <list>
#include <memory>
#include <optional>
#include <string>
#include <thread>

namespace prong::link {

/// Sizes and policies of a link.
struct LinkOptions {
  std::size_t ring_bytes = std::size_t{128} * 1024;        ///< Per direction; a power of two.
  std::size_t max_message_bytes = std::size_t{256} << 20;  ///< Larger messages are refused on either side.
  std::size_t out_window_bytes = std::size_t{4} << 20;     ///< What the backend may have sent and nobody received.
  WhenFull when_full = WhenFull::reject;
};

/// The two queues of unasked messages.
enum class Box : std::uint8_t { out, return_out };

/// What the owner of a link is asked when the peer is gone.
class PeerLife {
 public:
  virtual ~PeerLife() = default;
  /// Called once, by the reader, after everything that the peer had sent was received. Returns what pending calls and
  /// later ones end with.
  [[nodiscard]] virtual Error peer_gone() = 0;
  /// Called by the reader when the peer broke the protocol: it must end the peer.
  virtual void peer_is_bad(const Error& why) = 0;
  /// Called by the reader, for control messages that are not the link's own (ready, bye, pong).
  virtual void control_message(const MessageHeader& header, Bytes payload) = 0;
  /// Called by reopen(), as by the reader, when another peer takes the place of the one that is gone.
  virtual void peer_replaced() = 0;
  /// Called when the deadline of a call has passed that had begun; by any thread. Blocks: never.
  virtual void call_is_late(RequestNumber call) = 0;
  /// Does what is due now, and returns when there is more to do. Called by whoever looks at the clock, when it was
  /// asked for and now and then besides; by any thread.
  [[nodiscard]] virtual Deadline do_due() = 0;
  /// Called by the reader each time it has received something or woken up, before anybody is told.
  virtual void reader_turn() = 0;
};

/// The frontend's end.
///
/// Thread safety: all members from any thread, but for attach() and detach(), which need the loop's thread.
/// If the peer dies: every pending call and every wait ends at once with PeerLife::peer_gone(); calls know whether they
/// had begun.
/// After fork: not usable in the child.
class FrontendLink final : public Driver, private loop::Source {
 public:
  /// Makes the shared memory. Requires: `life` outlives the link. Fails with: size_invalid, system.
  [[nodiscard]] static Result<std::unique_ptr<FrontendLink>> create(std::string name, const LinkOptions& options,
                                                                    PeerLife& life);
  ~FrontendLink() override;

  [[nodiscard]] const transport::Segment& segment() const noexcept { return *segment_; }
  [[nodiscard]] const LinkOptions& options() const noexcept { return options_; }

  /// Sends a message that nobody answers. Fails with: overloaded, deadline_exceeded, too_large, peer_gone()'s.
  [[nodiscard]] Result<void> send(MessageHeader header, Bytes payload, Deadline deadline);
  /// Sends a message that nobody answers, if there is room. Blocks: never.
  /// Fails with: overloaded, then room_descriptor() tells when to try again; too_large if it needs more than a record;
  /// peer_gone()'s.
  [[nodiscard]] Result<void> try_send(MessageHeader header, Bytes payload);
  /// Returns a descriptor that is readable when try_send() may succeed, and now and then when it does not.
  [[nodiscard]] Result<int> room_descriptor();
  /// Sends a request; what goes wrong is the outcome of the reply. One whose deadline is Deadline::now() is not sent.
  [[nodiscard]] ReplyReference request(MessageHeader header, Bytes payload, Deadline deadline);
  /// Sends on the control lane. Fails as send().
  [[nodiscard]] Result<void> send_control(MessageHeader header);
  [[nodiscard]] std::uint64_t data_position() { return connection_.data_position(); }

  /// Takes the oldest unasked message; waits for one until the deadline.
  /// Fails with: deadline_exceeded, peer_gone()'s once the box is empty.
  [[nodiscard]] Result<std::vector<std::byte>> receive(Box box, Deadline deadline);
  /// Returns a descriptor that is readable when receive(Box::out) would not wait, and now and then when it would.
  [[nodiscard]] Result<int> box_descriptor();

  void drive(ReplyState& state, Deadline deadline) override;
  void expire(ReplyState& state) override;
  bool cancel(ReplyState& state) override;
  /// Waits until `descriptor` is readable. Fails with: deadline_exceeded, peer_gone()'s.
  [[nodiscard]] Result<void> wait_readable(int descriptor, Deadline deadline);
  /// Reaches a link as long as there is one. Thread safety: any thread.
  class Handle {
   public:
    /// Calls `use(link)`, which must not destroy the link, or returns false because the link is gone.
    template <class Use>
    bool with(Use&& use) const {
      const std::lock_guard lock{self_->mutex};
      if (self_->link == nullptr) return false;
      use(*self_->link);
      return true;
    }

   private:
    friend class FrontendLink;
    struct Self {
      std::mutex mutex;
      FrontendLink* link;
    };
    explicit Handle(std::shared_ptr<Self> self) noexcept : self_{std::move(self)} {}

    std::shared_ptr<Self> self_;
  };
  [[nodiscard]] Handle handle() const noexcept { return Handle{self_}; }

  /// Names a handler that waits. 0 names none.
  using Watcher = std::uint64_t;
  /// Told that what it waited for holds, by null, or what the link closed with first.
  using WatchHandler = std::function<void(const Error* closed)>;
  /// Calls `handler` once when `done` holds or the link closes: in here if that is so now, else in the reader's thread.
  /// `done` may be called by any thread that reads or waits. Blocks: never; somebody else must read.
  Watcher when(std::function<bool()> done, WatchHandler handler);
  /// Takes the oldest unasked message, if one has arrived. Blocks: never; receives nothing.
  [[nodiscard]] std::optional<std::vector<std::byte>> try_take(Box box) {
    return take_message(static_cast<std::size_t>(box));
  }
  /// As when(), with the box not being empty for `done`.
  Watcher when_message(Box box, WatchHandler handler);
  /// Forgets a handler; one that was called is no error. It may just be about to be called.
  void forget(Watcher watcher) noexcept;
  /// Waits until the link has ended, for instance because the peer exited. Fails with: deadline_exceeded.
  [[nodiscard]] Result<void> wait_closed(Deadline deadline);
  /// Waits until `done` holds, receiving meanwhile. `done` may be called by any waiting thread.
  /// Fails with: deadline_exceeded, peer_gone()'s.
  [[nodiscard]] Result<void> wait_until(const std::function<bool()>& done, Deadline deadline);

  /// The peer lives from now on, and its death makes `death_descriptor` readable. Fails with: system.
  [[nodiscard]] Result<void> peer_started(int death_descriptor);
  /// Returns new shared memory for another peer, of the sizes of the present one. Fails with: system.
  [[nodiscard]] Result<transport::Segment> make_segment() const;
  /// Goes on with another peer, which has started with `segment`, after the one before is gone.
  ///
  /// What was pending had failed by then and stays failed; waits for the old peer's end are over. Unasked messages that
  /// it had sent stay to be received. Blocks: while other threads leave; where a loop is attached and this is another
  /// thread, for a turn of the loop.
  /// Fails with: invalid_state unless closed() or while this thread waits in the link, deadline_exceeded, system.
  [[nodiscard]] Result<void> reopen(transport::Segment segment, int death_descriptor, Deadline deadline);
  /// Makes `loop` the reader, and this the thread that runs it. Fails with: invalid_state if another one is, system.
  [[nodiscard]] Result<void> attach(loop::EventLoop& loop);
  void detach() noexcept;
  [[nodiscard]] bool attached() const noexcept override { return loop_.load(std::memory_order_acquire) != nullptr; }

  /// Returns why the link is closed, or nothing while it is open.
  [[nodiscard]] std::optional<Error> closed() const;
  /// Returns why the link closed the last time. Requires: it has closed.
  [[nodiscard]] Error last_end() const;
  [[nodiscard]] std::size_t pending();
  /// Returns how many unasked messages of former peers were dropped by reopen().
  [[nodiscard]] std::uint64_t messages_dropped() const noexcept { return dropped_.load(std::memory_order_relaxed); }
  [[nodiscard]] std::uint64_t messages_sent() const noexcept { return sent_.load(std::memory_order_relaxed); }
  [[nodiscard]] std::uint64_t messages_received() const noexcept { return received_.load(std::memory_order_relaxed); }

 private:
  struct Sleeper {
    const std::function<bool()>* done;
    std::condition_variable wake;
    bool promoted = false;
    const os::EventFd* bell = nullptr;  // of one that sleeps on descriptors instead

    void rouse() {
      if (bell != nullptr)
        bell->set();
      else
        wake.notify_one();
    }
  };

  FrontendLink(std::string name, const LinkOptions& options, PeerLife& life,
               std::unique_ptr<transport::Segment> segment, transport::Port port, os::UniqueFd epoll);

  struct Watching {
    Watcher watcher = 0;
    std::function<bool()> done;
    WatchHandler handler;
  };

  bool work() override;
  [[nodiscard]] bool prepare_sleep() override;
  void finish_sleep() override;
  std::vector<std::function<void()>> take_watchers_locked(const Error* closed);

  Result<void> reopen_as_reader(transport::Segment segment, int death_descriptor, Deadline deadline);
  Result<void> reopen_in_loop(loop::EventLoop& loop, transport::Segment segment, int death_descriptor,
                              Deadline deadline);
  Result<void> watch_segment(const transport::Segment& segment, int death_descriptor);
  Result<void> send_in(std::uint64_t epoch, MessageHeader header, Bytes payload, Deadline deadline);
  [[nodiscard]] bool has_closed_since(std::uint64_t closings) const noexcept;
  std::optional<std::vector<std::byte>> take_message(std::size_t box);
  Result<void> wait_for_space(const std::function<bool()>& ready, Deadline deadline);
  bool wait_core(const std::function<bool()>& done, Deadline deadline, int extra);
  /// What a waiting thread waits for: `done`, or a closing of the link after the first `closings`.
  struct Wait {
    const std::function<bool()>& done;
    Deadline deadline;
    int extra;  // a descriptor to sleep on, or -1
    std::uint64_t closings;
  };
  [[nodiscard]] bool is_over(const Wait& wait) const noexcept;
  void read_until(const Wait& wait);
  void sleep_as_reader(Deadline deadline, int extra);
  bool receive_batch();
  void handle(const MessageHeader& header, Bytes payload);
  void handle_reply(const MessageHeader& header, Bytes payload);
  void close(const Error& why);
  void peer_ended();
  void wake_sleepers();
  bool take_role();
  void promote_one();
  void sleep_beside_reader(const Wait& wait);
  void poll_beside_reader(const Wait& wait);
  void leave_role();
  void arm_expiry(Deadline deadline);
  void set_expiry_timer(Deadline deadline);
  void expire_passed();
  bool expiry_has_passed() const noexcept;
  Result<void> take_slot(const ReplyReference& reply, Deadline deadline);
  [[nodiscard]] std::function<void()> end_unanswered(ReplyState& state, const Error& why);
  void rouse_reader();
  Result<void> watch_peer();
  Result<void> send_at_once(const MessageHeader& header, Bytes payload);
  void ask_for_room_locked();
  void stop_asking_for_room_locked() noexcept;

  std::string name_;
  LinkOptions options_;
  PeerLife& life_;
  std::unique_ptr<transport::Segment> segment_;
  Connection connection_;
  PendingReplies replies_;
  std::mutex calls_mutex_;  // guards what the call words say of requests that are given up
  Inbox boxes_[2];
  std::mutex consumed_mutex_;
  std::uint64_t consumed_[2] = {0, 0};
  bool peer_is_bad_ = false;  // of the reader
  std::atomic<bool> started_{false};
  std::atomic<int> death_descriptor_{-1};

  os::UniqueFd epoll_;      // the reader sleeps on it: own bell (edge) and the peer's death
  std::mutex box_mutex_;    // guards the making of what follows
  os::UniqueFd box_epoll_;  // users poll it: the same and box_event_
  std::atomic<int> box_descriptor_{-1};
  std::optional<os::EventFd> box_event_;
  os::UniqueFd room_epoll_;                // users poll it: own bell, the peer's death and room_event_
  std::optional<os::EventFd> room_event_;  // set while nobody has found the queue full
  std::atomic<bool> room_asked_{false};    // the peer rings our bell when it has made room

  mutable std::mutex role_mutex_;
  bool role_taken_ = false;
  std::thread::id reader_;
  int role_depth_ = 0;                    // of the reader: a handler that runs in it may wait, too
  std::atomic<bool> role_wanted_{false};  // by a loop that is being attached
  std::list<Sleeper*> sleepers_;
  std::vector<Watching> watchers_;
  Watcher last_watcher_ = 0;
  std::atomic<std::size_t> sleeper_count_{0};
  std::optional<Error> closed_;  // why, the last time
  std::atomic<bool> is_closed_{false};
  std::atomic<std::uint64_t> closings_{0};  // a wait that began before one is over, though the link may be open again

  std::atomic<loop::EventLoop*> loop_{nullptr};
  loop::Watch bell_watch_;
  loop::Watch death_watch_;
  loop::TimerId expiry_timer_ = 0;
  std::atomic<std::int64_t> expiry_{INT64_MAX};
  using Self = Handle::Self;
  std::shared_ptr<Self> self_;  // what was posted to the loop looks here whether the link still lives

  std::atomic<std::uint64_t> sent_{0};
  std::atomic<std::uint64_t> received_{0};
  std::atomic<std::uint64_t> dropped_{0};
};

}  // namespace prong::link

// What a FrameConsumer and its leases share.
#pragma once

#include "prong/base/deadline.hpp"
#include "prong/frame/detail/doorbell.hpp"
#include "prong/frame/detail/frame_memory.hpp"
#include "prong/frame/detail/frame_queue.hpp"
#include "prong/frame/detail/lease_keeper.hpp"
#include "prong/frame/frame_lease.hpp"
#include "prong/sync/peer.hpp"

#include <memory>
#include <optional>

namespace prong::frame::detail {

/// A reader's end of a ring, in the process that took it.
///
/// Thread safety: one thread at a time; give_back() from any thread.
class ReaderEnd final : public LeaseKeeper, public std::enable_shared_from_this<ReaderEnd> {
 public:
  /// Fails with: invalid_state if somebody has the end, bad_message, system.
  [[nodiscard]] static Result<std::shared_ptr<ReaderEnd>> take(std::shared_ptr<FrameMemory> memory, std::size_t index);
  ReaderEnd(std::shared_ptr<FrameMemory> memory, std::shared_ptr<const RoleMapping> mapping, std::size_t index);
  ReaderEnd(const ReaderEnd&) = delete;
  ReaderEnd& operator=(const ReaderEnd&) = delete;
  ~ReaderEnd() override;

  /// `peer` may be null. Fails with: wrong_process, closed, queue_empty, deadline_exceeded, bad_message, as `peer`
  /// does.
  [[nodiscard]] Result<FrameLease> next(Peer* peer, Deadline deadline);
  /// Keeps the bell readable while there are news, from now on. Returns the bell.
  [[nodiscard]] int watch() noexcept;
  void leave() noexcept;
  void give_back(std::uint32_t slot) noexcept override;

 private:
  [[nodiscard]] Result<FrameLease> next_or_wait(Peer* peer, Deadline deadline);
  [[nodiscard]] Result<std::optional<FrameLease>> try_next();
  void settle_bell() noexcept;

  const std::shared_ptr<FrameMemory> memory_;
  const std::shared_ptr<const RoleMapping> mapping_;
  const std::size_t index_;
  QueueReader queue_;
  Sleeper sleeper_;
  Rope producer_rope_;
  bool is_watched_ = false;
  bool has_left_ = false;
};

}  // namespace prong::frame::detail

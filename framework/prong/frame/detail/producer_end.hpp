// What a FrameProducer and its writers and leases share.
#pragma once

#include "prong/base/deadline.hpp"
#include "prong/frame/detail/doorbell.hpp"
#include "prong/frame/detail/frame_memory.hpp"
#include "prong/frame/detail/frame_queue.hpp"
#include "prong/frame/detail/lease_keeper.hpp"
#include "prong/frame/frame_lease.hpp"
#include "prong/sync/peer.hpp"

#include <deque>
#include <memory>

namespace prong::frame::detail {

/// The producer's end of a ring, in the process that took it.
///
/// Thread safety: one thread at a time; give_back() from any thread.
class ProducerEnd final : public LeaseKeeper, public std::enable_shared_from_this<ProducerEnd> {
 public:
  /// Fails with: invalid_state if somebody has the end, bad_message, system.
  [[nodiscard]] static Result<std::shared_ptr<ProducerEnd>> take(std::shared_ptr<FrameMemory> memory);
  ProducerEnd(std::shared_ptr<FrameMemory> memory, std::shared_ptr<const RoleMapping> mapping);
  ProducerEnd(const ProducerEnd&) = delete;
  ProducerEnd& operator=(const ProducerEnd&) = delete;
  ~ProducerEnd() override;

  /// `peer` may be null. Fails with: wrong_process, no_free_slot, deadline_exceeded, and as `peer` does.
  [[nodiscard]] Result<std::uint32_t> acquire(Peer* peer, Deadline deadline);
  void abandon(std::uint32_t slot) noexcept;
  /// Fails with: wrong_process, oversize, invalid_argument; the slot is still acquired then.
  [[nodiscard]] Result<FrameMeta> publish(std::uint32_t slot, const FrameMeta& meta);
  [[nodiscard]] Result<FrameLease> publish_and_keep(std::uint32_t slot, const FrameMeta& meta);
  [[nodiscard]] Result<void> finish();
  void give_back(std::uint32_t slot) noexcept override;

  [[nodiscard]] MutableBytes bytes(std::uint32_t slot) const noexcept { return mapping_->slot(slot); }
  [[nodiscard]] const QueueProducer& queue() const noexcept { return queue_; }

 private:
  [[nodiscard]] Result<void> check_process() const;
  [[nodiscard]] Result<std::uint32_t> wait_for_slot(Peer* peer, Deadline deadline);
  [[nodiscard]] Result<void> check(const FrameMeta& meta) const;
  [[nodiscard]] FrameMeta publish_checked(std::uint32_t slot, FrameMeta meta) noexcept;
  void ring_readers() noexcept;

  const std::shared_ptr<FrameMemory> memory_;
  const std::shared_ptr<const RoleMapping> mapping_;
  QueueProducer queue_;
  Sleeper sleeper_;
  Rope own_rope_;  // For threads of this process that give leases back.
  std::deque<Rope> reader_ropes_;
};

}  // namespace prong::frame::detail

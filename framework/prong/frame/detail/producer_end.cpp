#include "prong/frame/detail/producer_end.hpp"

#include "prong/frame/detail/lease_access.hpp"
#include "prong/os/poll.hpp"

#include <utility>

namespace prong::frame::detail {
namespace {

std::vector<ReaderWords<false>> readers_of(const RoleMapping& mapping, std::size_t count) {
  std::vector<ReaderWords<false>> readers;
  for (std::size_t index = 0; index < count; ++index) readers.push_back(mapping.reader(index));
  return readers;
}

}  // namespace

Result<std::shared_ptr<ProducerEnd>> ProducerEnd::take(std::shared_ptr<FrameMemory> memory) {
  PRONG_TRY_ASSIGN(auto mapping, memory->take(Role::producer()));
  auto end = std::make_shared<ProducerEnd>(std::move(memory), std::move(mapping));
  PRONG_TRY(end->queue_.resume());
  // A predecessor may have died between publishing a frame and ringing for it.
  end->ring_readers();
  return end;
}

ProducerEnd::ProducerEnd(std::shared_ptr<FrameMemory> memory, std::shared_ptr<const RoleMapping> mapping)
    : memory_{std::move(memory)},
      mapping_{std::move(mapping)},
      queue_{mapping_->own_stream(), readers_of(*mapping_, memory_->geometry().readers), memory_->geometry().policy},
      sleeper_{mapping_->own_stream().head->sleep, memory_->producer_bell()},
      own_rope_{mapping_->stream().head->sleep, memory_->producer_bell()} {
  sleeper_.withdraw();
  for (std::size_t index = 0; index < memory_->geometry().readers; ++index)
    reader_ropes_.emplace_back(mapping_->reader(index).head->sleep, memory_->reader_bell(index));
}

ProducerEnd::~ProducerEnd() {
  memory_->give_up(Role::producer());
}

Result<void> ProducerEnd::check_process() const {
  if (mapping_->is_of_this_process()) return {};
  return fail(Errc::wrong_process, "a producer is used in the process that took it");
}

Result<std::uint32_t> ProducerEnd::acquire(Peer* peer, Deadline deadline) {
  PRONG_TRY(check_process());
  if (const auto slot = queue_.try_acquire()) return *slot;
  if (deadline.has_passed()) return fail(Errc::no_free_slot, "no free slot");
  const auto begin = std::chrono::steady_clock::now();
  auto slot = wait_for_slot(peer, deadline);
  sleeper_.withdraw();
  queue_.count_blocked(std::chrono::steady_clock::now() - begin);
  return slot;
}

Result<std::uint32_t> ProducerEnd::wait_for_slot(Peer* peer, Deadline deadline) {
  for (;;) {
    sleeper_.announce();
    if (const auto slot = queue_.try_acquire()) return *slot;
    if (deadline.has_passed()) return fail(Errc::deadline_exceeded, "no slot became free in time");
    const auto rung = peer != nullptr ? peer->wait_readable(sleeper_.descriptor(), deadline)
                                      : os::wait_readable(sleeper_.descriptor(), deadline);
    if (rung || rung.error().code() == Errc::deadline_exceeded) continue;
    // A peer that is gone may have given a slot back before.
    if (const auto slot = queue_.try_acquire()) return *slot;
    return rung.error();
  }
}

void ProducerEnd::abandon(std::uint32_t slot) noexcept {
  if (check_process()) queue_.abandon(slot);
}

Result<void> ProducerEnd::check(const FrameMeta& meta) const {
  PRONG_TRY(check_process());
  PRONG_TRY(check_frame(meta, memory_->geometry().slot_bytes));
  if (queue_.published() >= max_sequence) return fail(Errc::overflow, "a stream has at most 2^48 - 1 frames");
  return {};
}

FrameMeta ProducerEnd::publish_checked(std::uint32_t slot, FrameMeta meta) noexcept {
  meta.published_at = std::chrono::steady_clock::now();
  queue_.publish(slot, meta);
  ring_readers();
  return meta;
}

Result<FrameMeta> ProducerEnd::publish(std::uint32_t slot, const FrameMeta& meta) {
  PRONG_TRY(check(meta));
  return publish_checked(slot, meta);
}

Result<FrameLease> ProducerEnd::publish_and_keep(std::uint32_t slot, const FrameMeta& meta) {
  PRONG_TRY(check(meta));
  queue_.add_lease(slot);
  const FrameMeta published = publish_checked(slot, meta);
  const FrameHandle handle{
      .pool = memory_->pool(), .slot = slot, .generation = queue_.generation(slot), .sequence = published.sequence};
  return LeaseAccess::make(shared_from_this(), mapping_->slot(slot), published, handle, 1);
}

Result<void> ProducerEnd::finish() {
  PRONG_TRY(check_process());
  queue_.finish();
  ring_readers();
  return {};
}

void ProducerEnd::give_back(std::uint32_t slot) noexcept {
  if (!mapping_->is_of_this_process()) return;
  queue_.drop_lease(slot);
  own_rope_.ring_if_asleep();
}

void ProducerEnd::ring_readers() noexcept {
  for (Rope& rope : reader_ropes_) rope.ring_if_asleep();
}

}  // namespace prong::frame::detail

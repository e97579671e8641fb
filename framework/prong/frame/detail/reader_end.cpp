#include "prong/frame/detail/reader_end.hpp"

#include "prong/frame/detail/lease_access.hpp"
#include "prong/os/poll.hpp"

#include <utility>

namespace prong::frame::detail {

Result<std::shared_ptr<ReaderEnd>> ReaderEnd::take(std::shared_ptr<FrameMemory> memory, std::size_t index) {
  PRONG_TRY_ASSIGN(auto mapping, memory->take(Role::reader(index)));
  auto end = std::make_shared<ReaderEnd>(std::move(memory), std::move(mapping), index);
  PRONG_TRY(end->queue_.resume());
  // A predecessor may have died between giving a slot back and ringing for it.
  end->producer_rope_.ring_if_asleep();
  return end;
}

ReaderEnd::ReaderEnd(std::shared_ptr<FrameMemory> memory, std::shared_ptr<const RoleMapping> mapping, std::size_t index)
    : memory_{std::move(memory)},
      mapping_{std::move(mapping)},
      index_{index},
      queue_{mapping_->stream(), mapping_->own_reader(index), memory_->geometry().policy},
      sleeper_{mapping_->own_reader(index).head->sleep, memory_->reader_bell(index)},
      producer_rope_{mapping_->stream().head->sleep, memory_->producer_bell()} {
  sleeper_.withdraw();
}

ReaderEnd::~ReaderEnd() {
  memory_->give_up(Role::reader(index_));
}

Result<FrameLease> ReaderEnd::next(Peer* peer, Deadline deadline) {
  if (!mapping_->is_of_this_process())
    return fail(Errc::wrong_process, "a consumer is used in the process that took it");
  if (has_left_) return fail(Errc::closed, "this reader has left the ring");
  auto lease = next_or_wait(peer, deadline);
  settle_bell();
  return lease;
}

Result<FrameLease> ReaderEnd::next_or_wait(Peer* peer, Deadline deadline) {
  for (bool has_waited = false;; has_waited = true) {
    PRONG_TRY_ASSIGN(auto lease, try_next());
    if (lease) return std::move(*lease);
    // Asked in every turn: a producer that publishes and takes back all the time must not keep the caller here.
    if (deadline.has_passed())
      return has_waited ? fail(Errc::deadline_exceeded, "no frame came in time") : fail(Errc::queue_empty, "no frame");
    sleeper_.announce();
    if (queue_.has_news()) continue;
    const auto rung = peer != nullptr ? peer->wait_readable(sleeper_.descriptor(), deadline)
                                      : os::wait_readable(sleeper_.descriptor(), deadline);
    if (rung || rung.error().code() == Errc::deadline_exceeded) continue;
    // A peer that is gone may have published before.
    PRONG_TRY_ASSIGN(lease, try_next());
    if (lease) return std::move(*lease);
    return rung.error();
  }
}

Result<std::optional<FrameLease>> ReaderEnd::try_next() {
  auto claimed = queue_.try_claim();
  // Frames passed over, and claims that came too late, may be what the producer waits for.
  producer_rope_.ring_if_asleep();
  PRONG_TRY_ASSIGN(const std::optional<Claim> claim, std::move(claimed));
  if (!claim) {
    if (queue_.at_end()) return fail(Errc::closed, "the end");
    return std::optional<FrameLease>{};
  }
  const FrameMeta meta = queue_.meta(*claim);
  const bool is_this_frame = meta.sequence == claim->sequence && meta.slot == claim->slot;
  const auto fits = check_frame(meta, memory_->geometry().slot_bytes);
  if (!is_this_frame || !fits) {
    queue_.reject(*claim);
    producer_rope_.ring_if_asleep();
    return fail(Errc::bad_message, "the producer's metadata of frame " + std::to_string(claim->sequence) + ": " +
                                       (fits ? "it is of another frame" : fits.error().message()));
  }
  queue_.accept(*claim);
  const FrameHandle handle{.pool = memory_->pool(),
                           .slot = claim->slot,
                           .generation = queue_.generation(*claim),
                           .sequence = claim->sequence};
  return std::optional{
      LeaseAccess::make(shared_from_this(), mapping_->slot(claim->slot), meta, handle, claim->delivery)};
}

int ReaderEnd::watch() noexcept {
  is_watched_ = true;
  if (!has_left_ && mapping_->is_of_this_process()) settle_bell();
  return sleeper_.descriptor();
}

// A bell that somebody polls must be readable while there are news, whenever the caller has control, and else silent.
void ReaderEnd::settle_bell() noexcept {
  if (!is_watched_) {
    sleeper_.withdraw();
    return;
  }
  if (!queue_.has_news()) {
    sleeper_.announce();
    if (!queue_.has_news()) return;
  }
  sleeper_.raise();
}

void ReaderEnd::leave() noexcept {
  if (has_left_ || !mapping_->is_of_this_process()) return;
  has_left_ = true;
  queue_.leave();
  producer_rope_.ring_if_asleep();
  if (is_watched_) sleeper_.raise();
}

void ReaderEnd::give_back(std::uint32_t slot) noexcept {
  if (!mapping_->is_of_this_process()) return;
  queue_.release(slot);
  producer_rope_.ring_if_asleep();
}

}  // namespace prong::frame::detail
